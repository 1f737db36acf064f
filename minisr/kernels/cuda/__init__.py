"""The kernels in numba.cuda. `backend` lists them; `driver` and `process` work without Numba."""
