"""The kernels in Numba. `backend` lists them; `plain_convolution` is where to begin reading."""
