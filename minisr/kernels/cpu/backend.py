"""The contract of ``minisr.kernels`` in Numba: compiled on first use, cached on disk.

Every kernel runs in the calling thread and releases the GIL. Callers spread samples or tiles over a
pool of threads, so the result cannot depend on the number of threads.
"""

from minisr.kernels.cpu.activations import (
    prelu_backward,
    prelu_forward,
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    tanh_backward,
    tanh_forward,
)
from minisr.kernels.cpu.batch_norm import (
    batch_norm_backward,
    batch_norm_forward,
    batch_statistics,
)
from minisr.kernels.cpu.convolution import (
    conv2d_backward_input,
    conv2d_backward_params,
    conv2d_forward,
)
from minisr.kernels.cpu.levels import subtract_by_level
from minisr.kernels.cpu.losses import charbonnier_loss, l1_loss, mse_loss
from minisr.kernels.cpu.nearest import nearest_upsample, nearest_upsample_backward
from minisr.kernels.cpu.pooling import max_pool2d, max_unpool2d, max_unpool2d_backward
from minisr.kernels.cpu.resample import resample_backward, resample_forward
from minisr.kernels.cpu.residual import residual_backward, residual_forward
from minisr.kernels.cpu.shuffle import pixel_shuffle, pixel_unshuffle
from minisr.kernels.cpu.stack import stack
from minisr.kernels.cpu.transposed_convolution import (
    conv_transpose2d_backward_input,
    conv_transpose2d_backward_params,
    conv_transpose2d_forward,
)
from minisr.kernels.cpu.updates import adam_step, add, lerp
from minisr.kernels.reference import empty, fill_zero, zeros

WHOLE_BATCHES = False  # each thread takes a sample, whose layers then stay in the cache
