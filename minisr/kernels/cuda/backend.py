"""The contract of ``minisr.kernels`` in numba.cuda.

Each function returns only when the GPU has finished. `memory` explains the arrays, `launch` the
kernels.
"""

from minisr.kernels.cuda.activations import (
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    tanh_backward,
    tanh_forward,
)
from minisr.kernels.cuda.batch_norm import (
    batch_norm_backward,
    batch_norm_forward,
    batch_statistics,
)
from minisr.kernels.cuda.convolution import (
    conv2d_backward_input,
    conv2d_backward_params,
    conv2d_forward,
)
from minisr.kernels.cuda.levels import subtract_by_level
from minisr.kernels.cuda.losses import charbonnier_loss, l1_loss, mse_loss
from minisr.kernels.cuda.memory import empty, zeros
from minisr.kernels.cuda.nearest import nearest_upsample, nearest_upsample_backward
from minisr.kernels.cuda.pooling import max_pool2d, max_unpool2d, max_unpool2d_backward
from minisr.kernels.cuda.prelu import prelu_backward, prelu_forward
from minisr.kernels.cuda.resample import resample_backward, resample_forward
from minisr.kernels.cuda.residual import residual_backward, residual_forward
from minisr.kernels.cuda.shuffle import pixel_shuffle, pixel_unshuffle
from minisr.kernels.cuda.stack import stack
from minisr.kernels.cuda.transposed_convolution import (
    conv_transpose2d_backward_input,
    conv_transpose2d_backward_params,
    conv_transpose2d_forward,
)
from minisr.kernels.cuda.updates import adam_step, add, fill_zero, lerp

WHOLE_BATCHES = True  # one sample at a time would leave most of a GPU idle
