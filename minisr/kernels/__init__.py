"""The arithmetic, one module a backend, all with the same functions.

This page is the contract. `minisr.kernels.reference` is its definition in plain NumPy; every
other backend must agree with it to the precision of the dtype.

Arrays are C-contiguous, float32 in use or float64 for checks, all of one call of one dtype, in
the layout N C H W (samples, channels, height, width). F counts a convolution's filters, K is its
``kernel_size``, R the ``upscale_factor``. ``padding`` is ``(top, bottom, left, right)``:
rows and columns of zeros put around the input. Kernels trust their caller: shapes are checked
once, by the layers. Outputs come last, are allocated by the caller and overwritten, but for
``dweight``, ``dbias`` and ``dslope``, to which gradients are *added*. A name ``dx`` means the
gradient of the loss with respect to ``x``.

=======================================================  =======================================
function                                                 shapes
=======================================================  =======================================
empty(shape, dtype), zeros(shape, dtype)                 a new array where the backend computes
conv2d_forward(x, weight, bias, padding, out)            (N,C,H,W) (F,C,K,K) (F,) -> (N,F,H',W')
conv2d_backward_input(dout, weight, padding, dx)         (N,F,H',W') (F,C,K,K) -> (N,C,H,W)
conv2d_backward_params(dout, x, padding, dweight,        adds to (F,C,K,K) and (F,)
dbias)
conv_transpose2d_forward(x, weight, bias, stride,        (N,C,H,W) (C,F,K,K) (F,) -> (N,F,H",W")
padding, out)
conv_transpose2d_backward_input(dout, weight, stride,    (N,F,H",W") (C,F,K,K) -> (N,C,H,W)
padding, dx)
conv_transpose2d_backward_params(dout, x, stride,        adds to (C,F,K,K) and (F,)
padding, dweight, dbias)
tanh_forward(x, out), relu_forward(x, out)               any shape
tanh_backward(dout, out, dx), relu_backward(same)        any shape; ``out`` is the forward result
sigmoid_forward(x, out), sigmoid_backward(dout, out,     the same
dx)
prelu_forward(x, slope, out)                             (N,C,H,W) (C,) -> (N,C,H,W)
prelu_backward(dout, x, slope, dx, dslope)               (N,C,H,W) twice, (C,); adds to ``dslope``
pixel_shuffle(x, upscale_factor, out)                    (N,C*R*R,H,W) -> (N,C,H*R,W*R)
pixel_unshuffle(x, downscale_factor, out)                (N,C,H*R,W*R) -> (N,C*R*R,H,W)
nearest_upsample(x, upscale_factor, out)                 (N,C,H,W) -> (N,C,H*R,W*R)
nearest_upsample_backward(dout, upscale_factor, dx)      (N,C,H*R,W*R) -> (N,C,H,W)
max_pool2d(x, kernel_size, out, indices)                 (N,C,H,W) -> (N,C,H//K,W//K), both
max_unpool2d(x, indices, out)                            (N,C,h,w), both -> (N,C,H,W)
max_unpool2d_backward(dout, indices, dx)                 (N,C,H,W) (N,C,h,w) -> (N,C,h,w)
resample_forward(x, index, weight, axis, out)            an axis of H or W -> one of L; (L,P) both
resample_backward(dout, index, weight, axis, dx)         the transpose: L back to H or W
subtract_by_level(x, table, rows, columns, out)          (N,1,H,W) (L+1,P,Q,R,R) (H,) (W,)
                                                         (N,1,H*R,W*R)
batch_statistics(x, mean, variance)                      (N,C,H,W) -> (C,) each, variance biased
batch_norm_forward(x, mean, variance, weight, bias,      (N,C,H,W) (C,) ... -> (N,C,H,W)
epsilon, out)
batch_norm_backward(dout, x, mean, variance, weight,     ``of_batch``: the statistics are those of
epsilon, of_batch, dx, dweight, dbias)                   ``x``; adds to ``dweight`` and ``dbias``
residual_forward(x, branch, scaling, out)                any shape; x + scaling * branch
residual_backward(dout, scaling, dbranch)                any shape
mse_loss(prediction, target, count, dprediction)         returns a float, fills ``dprediction``
l1_loss(same)                                            the same
charbonnier_loss(same)                                   the same
adam_step(value, grad, first_moment, second_moment,      updates value and both moments
learning_rate, beta1, beta2, epsilon, step)
lerp(average, value, fraction)                           average += fraction * (value - average)
add(total, part)                                         total += part
fill_zero(out)                                           zeros where the array lies
=======================================================  =======================================

H' = H + top + bottom - K + 1 and W' = W + left + right - K + 1. A loss is a sum divided by
``count``; with ``count = prediction.size`` it is the mean. That makes the losses and gradients of
a batch's samples, computed apart with the batch's ``count``, add up to those of the batch.

A transposed convolution stamps its K x K taps onto the output, ``stride`` further for each input
pixel. Its ``padding`` is cut *off* that: H" = (H - 1) * stride + K - top - bottom, and W" the same
with left and right. A negative bottom or right adds what has only the bias.

PReLU is x where x is positive and slope * x elsewhere, a slope for each channel. Its gradient is
made from ``x``: slopes may be learnt down to zero and below, and the result then no longer tells
where ``x`` was positive.

``indices``, int64, say where in its plane, row after row, each maximum was: the first of equals;
NaN counts as the largest. Those of one plane are all different. Unpooling puts values there, and
zero elsewhere, which makes it also the gradient of pooling.

Resampling is out[i] = sum over p of weight[i, p] * x[index[i, p]] along an axis, 2 or 3; ``index``
is of intp and ``weight`` of the arrays' dtype.

``table`` says for L + 1 intensities, from 0 to 1 in equal steps, and for P x Q places what is
subtracted from the R x R pixels of ``out`` that a pixel of ``x`` has become: between two
intensities what lies between theirs, beyond 0 and 1 what is said of these. ``rows`` and
``columns``, intp, are the places of the pixels of ``x``. ``x`` and ``out`` may be views of larger
arrays.

What a backend may offer beside these, to run whole networks faster, is in `minisr.kernels.stacks`.
"""

import importlib

from minisr.errors import SettingsError

BACKENDS = {
    "reference": "minisr.kernels.reference",
    "cpu": "minisr.kernels.cpu.backend",
    "cuda": "minisr.kernels.cuda.backend",
}


def load(name):
    """Import a backend when it is first asked for.

    Parameters
    ----------
    name : str
        ``"cpu"``, ``"cuda"`` or ``"reference"``.

    Returns
    -------
    module
        It has the functions of the table above.

    Raises
    ------
    SettingsError
        If there is no such backend.
    DeviceError
        If it computes on a GPU, and none can be used; in one line, why.
    """
    if name not in BACKENDS:
        raise SettingsError(f"backend must be one of {', '.join(BACKENDS)}, got {name!r}")
    if name == "cuda":
        from minisr.kernels.cuda import driver as cuda_driver
        from minisr.kernels.cuda import process as cuda_process

        cuda_driver.require_extra()
        cuda_process.enter()
    return importlib.import_module(BACKENDS[name])
