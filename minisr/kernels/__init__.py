"""The arithmetic: one module per backend, all with the same functions.

This page is the contract. `minisr.kernels.reference` defines every function in plain NumPy, and the
other backends must agree with it to the precision of the dtype. `minisr.kernels.stacks` is the
second page: what a backend may offer beyond this, to run whole networks faster.

=========  =========================================================================================
Layout     N C H W: samples, channels, height, width. F is a convolution's number of filters, K its
           kernel size, R the upscale factor.
Arrays     C-contiguous, float32 in use, float64 in checks. All arrays of a call share one dtype.
Outputs    Come last. The caller allocates them and the kernel overwrites them, except those marked
           ``+`` below (``dweight``, ``dbias``, ``dslope``): gradients are *added* to these.
Gradients  ``dx`` is the gradient of the loss with respect to ``x``, and has the shape of ``x``.
Padding    ``(top, bottom, left, right)``: rows and columns of zeros around the input.
Checks     The losses check shapes and dtypes. All other kernels trust their caller: the layers
           check, once.
=========  =========================================================================================

What ESPCN needs:

====================================================  ==============================================
function                                              shapes: inputs -> outputs
====================================================  ==============================================
empty(shape, dtype), zeros(shape, dtype)              a new array where the backend computes
conv2d_forward(x, weight, bias, padding, out)         (N,C,H,W) (F,C,K,K) (F,) -> (N,F,H',W')
conv2d_backward_input(dout, weight, padding, dx)      (N,F,H',W') (F,C,K,K) -> (N,C,H,W)
conv2d_backward_params(dout, x, padding,              (N,F,H',W') (N,C,H,W) -> +(F,C,K,K) +(F,)
    dweight, dbias)
tanh_forward(x, out), relu_forward(x, out)            any shape
tanh_backward(dout, out, dx),                         any shape; ``out`` is the forward result
    relu_backward(dout, out, dx)
pixel_shuffle(x, upscale_factor, out)                 (N,C*R*R,H,W) -> (N,C,H*R,W*R)
pixel_unshuffle(x, downscale_factor, out)             (N,C,H*R,W*R) -> (N,C*R*R,H,W)
mse_loss(prediction, target, count, dprediction)      any shape; returns the loss, a float
adam_step(value, grad, first_moment, second_moment,   any shape; updates ``value`` and both moments
    learning_rate, beta1, beta2, epsilon, step)
lerp(average, value, fraction)                        average += fraction * (value - average)
add(total, part)                                      total += part
fill_zero(out)                                        out = 0, in place
====================================================  ==============================================

What other networks need:

====================================================  ==============================================
function                                              shapes: inputs -> outputs
====================================================  ==============================================
sigmoid_forward(x, out)                               any shape
sigmoid_backward(dout, out, dx)                       any shape; ``out`` is the forward result
prelu_forward(x, slope, out)                          (N,C,H,W) (C,) -> (N,C,H,W)
prelu_backward(dout, x, slope, dx, dslope)            (N,C,H,W) twice, (C,) -> (N,C,H,W) +(C,)
l1_loss(prediction, target, count, dprediction)       as mse_loss
charbonnier_loss(prediction, target, count,           as mse_loss
    dprediction)
residual_forward(x, branch, scaling, out)             any shape; out = x + scaling * branch
residual_backward(dout, scaling, dbranch)             any shape
conv_transpose2d_forward(x, weight, bias, stride,     (N,C,H,W) (C,F,K,K) (F,) -> (N,F,H",W")
    padding, out)
conv_transpose2d_backward_input(dout, weight,         (N,F,H",W") (C,F,K,K) -> (N,C,H,W)
    stride, padding, dx)
conv_transpose2d_backward_params(dout, x, stride,     (N,F,H",W") (N,C,H,W) -> +(C,F,K,K) +(F,)
    padding, dweight, dbias)
nearest_upsample(x, upscale_factor, out)              (N,C,H,W) -> (N,C,H*R,W*R)
nearest_upsample_backward(dout, upscale_factor, dx)   (N,C,H*R,W*R) -> (N,C,H,W)
resample_forward(x, index, weight, axis, out)         one axis: H or W, (L,P) twice -> L
resample_backward(dout, index, weight, axis, dx)      one axis: L, (L,P) twice -> H or W
max_pool2d(x, kernel_size, out, indices)              (N,C,H,W) -> (N,C,H//K,W//K) twice
max_unpool2d(x, indices, out)                         (N,C,h,w) twice -> (N,C,H,W)
max_unpool2d_backward(dout, indices, dx)              (N,C,H,W) (N,C,h,w) -> (N,C,h,w)
batch_statistics(x, mean, variance)                   (N,C,H,W) -> (C,) (C,)
batch_norm_forward(x, mean, variance, weight,         (N,C,H,W) (C,) four times -> (N,C,H,W)
    bias, epsilon, out)
batch_norm_backward(dout, x, mean, variance, weight,  (N,C,H,W) twice, (C,) three times
    epsilon, of_batch, dx, dweight, dbias)            -> (N,C,H,W) +(C,) +(C,)
subtract_by_level(x, table, rows, columns, out)       (N,1,H,W) (L+1,P,Q,R,R) (H,) (W,)
                                                      -> (N,1,H*R,W*R), subtracted in place
====================================================  ==============================================

Convolution: H' = H + top + bottom - K + 1 and W' = W + left + right - K + 1.

Losses: a sum divided by ``count``; with ``count = prediction.size`` that is the mean. If every
sample of a batch is computed separately with the batch's ``count``, the losses and gradients add up
to those of the batch. The Charbonnier loss is about |error|, but quadratic where |error| is below
``reference.CHARBONNIER_EPSILON``.

Transposed convolution: each input pixel stamps K x K taps onto the output, ``stride`` pixels from
its neighbour's stamp. ``padding`` is cut *off* the result:
H" = (H - 1) * stride + K - top - bottom, and W" likewise with left and right. A negative bottom or
right adds pixels that hold only the bias.

PReLU: x where x is positive, slope * x elsewhere, with one slope per channel. Backward needs ``x``:
a slope may be learnt down to zero or below, and then the result no longer shows where ``x`` was
positive.

Max pooling: ``indices`` (int64) is the position of each maximum in its plane, counted row by row.
The first of equal values wins, and NaN counts as the largest. No two indices of a plane are equal.
Unpooling puts values at these positions and zeros elsewhere, so it is also the gradient of pooling.

Resampling: out[i] = sum over p of weight[i, p] * x[index[i, p]] along ``axis``, 2 or 3. ``index``
is intp, ``weight`` has the arrays' dtype.

Batch normalisation: the variance is the biased one. ``of_batch`` says that the statistics are those
of ``x`` itself, so the gradient flows through them too.

Subtraction by level: ``table`` holds what to subtract from the R x R output pixels of an input
pixel, for L + 1 intensities evenly spaced from 0 to 1 and for P x Q places. Intensities in between
are interpolated linearly, those beyond 0 and 1 are clipped. ``rows`` and ``columns`` (intp) give
each input pixel's place. ``x`` and ``out`` may be views of larger arrays.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from minisr.errors import SettingsError

if TYPE_CHECKING:
    from types import ModuleType

BACKENDS = {  # modules, or their names
    "reference": "minisr.kernels.reference",
    "cpu": "minisr.kernels.cpu.backend",
    "cuda": "minisr.kernels.cuda.backend",
}


def load(name: str) -> ModuleType:
    """Import a backend, on first use.

    Parameters
    ----------
    name : {"cpu", "cuda", "reference"} or str
        Or one of `minisr.register.backend`.

    Returns
    -------
    module
        Has all functions of the tables above.

    Raises
    ------
    SettingsError
        If there is no such backend.
    DeviceError
        If the backend needs a GPU and none can be used; the message is one line that says why.
    """
    if name not in BACKENDS:
        raise SettingsError(f"backend must be one of {', '.join(BACKENDS)}, got {name!r}")
    if name == "cuda":
        from minisr.kernels.cuda import driver as cuda_driver
        from minisr.kernels.cuda import process as cuda_process

        cuda_driver.require_extra()
        cuda_process.enter()
    backend = BACKENDS[name]
    return importlib.import_module(backend) if isinstance(backend, str) else backend
