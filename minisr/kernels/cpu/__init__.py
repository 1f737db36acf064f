"""The kernels in Numba. `backend` lists them; start reading at `plain_convolution`."""
