"""The kernels in numba.cuda. `backend` lists them; `driver` and `process` need no Numba."""
