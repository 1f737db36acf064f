"""Ring four: the reference against tables worked by hand and against index formulas in loops."""

import numpy as np
import pytest
from kernel_checks import array
from numpy.testing import assert_allclose, assert_array_equal

from minisr.kernels import reference


def test_conv2d_forward_by_hand():
    x = array([1, 2, 3], [4, 5, 6])[None, None]
    weight = array([0, 0, 0], [0, 1, 10], [0, 0, 100])[None, None]  # centre, right, below right
    out = np.empty((1, 1, 2, 3))
    reference.conv2d_forward(x, weight, np.array([0.5]), (1, 1, 1, 1), out)
    # 1 + 10*2 + 100*5 + .5; the taps are not flipped, and beyond the border there are zeros
    assert_array_equal(out[0, 0], array([521.5, 632.5, 3.5], [54.5, 65.5, 6.5]))


def test_conv2d_forward_pads_each_side_separately():
    x = array([1, 2], [3, 4])[None, None]
    weight = np.zeros((1, 1, 3, 3))
    weight[0, 0, 2, 2] = 1  # reads the pixel two below and two to the right
    out = np.empty((1, 1, 2, 3))
    reference.conv2d_forward(x, weight, np.zeros(1), (2, 0, 0, 3), out)  # top, bottom, left, right
    assert_array_equal(out[0, 0], np.zeros((2, 3)))
    reference.conv2d_forward(x, weight, np.zeros(1), (2, 0, 3, 0), out)
    assert_array_equal(out[0, 0], array([0, 1, 2], [0, 3, 4]))


def test_conv2d_backward_input_by_hand():
    weight = array([0, 0, 0], [0, 1, 10], [0, 0, 100])[None, None]
    dout = array([1, 0, 0], [0, 0, 2])[None, None]
    dx = np.empty((1, 1, 2, 3))
    reference.conv2d_backward_input(dout, weight, (1, 1, 1, 1), dx)
    # Output (0, 0) is x[0, 0] + 10 x[0, 1] + 100 x[1, 1]; output (1, 2) is x[1, 2].
    assert_array_equal(dx[0, 0], array([1, 10, 0], [0, 100, 2]))


def test_conv2d_backward_params_by_hand_adds_to_the_gradients():
    x = array([1, 2], [3, 4])[None, None]
    dout = array([1, 0], [0, 10])[None, None]
    dweight, dbias = np.full((1, 1, 3, 3), 1000.0), np.full(1, 1000.0)
    reference.conv2d_backward_params(dout, x, (1, 1, 1, 1), dweight, dbias)
    # Output (0, 0) saw [0 0 0; 0 1 2; 0 3 4], output (1, 1) saw [1 2 0; 3 4 0; 0 0 0].
    expected = array([10, 20, 0], [30, 41, 2], [0, 3, 4])
    assert_array_equal(dweight[0, 0], 1000 + expected)
    assert_array_equal(dbias, [1011])


def test_conv2d_against_seven_nested_loops(rng):
    N, C, H, W, F, K = 2, 3, 4, 6, 2, 3
    top, bottom, left, right = padding = (0, 2, 1, 3)
    x, weight = rng.standard_normal((N, C, H, W)), rng.standard_normal((F, C, K, K))
    bias = rng.standard_normal(F)
    height, width = H + top + bottom - K + 1, W + left + right - K + 1
    dout = rng.standard_normal((N, F, height, width))
    out = np.empty_like(dout)
    expected, dx, dweight = np.zeros_like(out), np.zeros_like(x), np.zeros_like(weight)
    for n, f, h, w in np.ndindex(N, F, height, width):
        expected[n, f, h, w] = bias[f]
        for c, i, j in np.ndindex(C, K, K):
            y, z = h + i - top, w + j - left
            if 0 <= y < H and 0 <= z < W:
                expected[n, f, h, w] += weight[f, c, i, j] * x[n, c, y, z]
                dx[n, c, y, z] += weight[f, c, i, j] * dout[n, f, h, w]
                dweight[f, c, i, j] += x[n, c, y, z] * dout[n, f, h, w]
    reference.conv2d_forward(x, weight, bias, padding, out)
    assert_allclose(out, expected, rtol=1e-12, atol=1e-12)
    got = np.empty_like(x)
    reference.conv2d_backward_input(dout, weight, padding, got)
    assert_allclose(got, dx, rtol=1e-12, atol=1e-12)
    got, dbias = np.zeros_like(weight), np.zeros(F)
    reference.conv2d_backward_params(dout, x, padding, got, dbias)
    assert_allclose(got, dweight, rtol=1e-12, atol=1e-12)
    assert_allclose(dbias, dout.sum((0, 2, 3)), rtol=1e-12)


def test_pixel_shuffle_by_hand():
    x = np.arange(8.0).reshape(1, 4, 1, 2)  # channels [0 1] [2 3] [4 5] [6 7]
    out = np.empty((1, 1, 2, 4))
    reference.pixel_shuffle(x, 2, out)
    assert_array_equal(out[0, 0], array([0, 2, 1, 3], [4, 6, 5, 7]))


@pytest.mark.parametrize("R", [2, 3])
def test_pixel_shuffle_follows_its_index_formula_and_is_invertible(R, rng):
    N, C, H, W = 2, 3, 4, 5
    x = rng.standard_normal((N, C * R * R, H, W))
    out = np.empty((N, C, H * R, W * R))
    reference.pixel_shuffle(x, R, out)
    for n, c, y, z in np.ndindex(*out.shape):
        channel = c * R * R + (y % R) * R + z % R
        assert out[n, c, y, z] == x[n, channel, y // R, z // R]
    back = np.empty_like(x)
    reference.pixel_unshuffle(out, R, back)
    assert_array_equal(back, x)


def test_activations_by_hand():
    x = np.array([-2.0, 0.0, np.log(2), np.inf, np.nan])
    out, dx, dout = np.empty(5), np.empty(5), np.array([1.0, 2, 3, 4, 5])
    reference.tanh_forward(x, out)
    assert_allclose(out[1:4], [0, 0.6, 1], rtol=1e-15)  # tanh(ln 2) = (2 - 1/2) / (2 + 1/2)
    assert np.isnan(out[4])
    reference.tanh_backward(dout, out, dx)
    assert_allclose(dx[1:4], [2, 3 * 0.64, 0], rtol=1e-15)
    reference.relu_forward(x, out)
    assert_array_equal(out, [0, 0, np.log(2), np.inf, np.nan])
    reference.relu_backward(dout, out, dx)
    assert_array_equal(dx[:4], [0, 0, 3, 4])
    reference.sigmoid_forward(np.array([-1e4, 0, np.log(3), np.inf, np.nan]), out)
    assert_allclose(out[:4], [0, 0.5, 0.75, 1], rtol=1e-15)  # 1 / (1 + 1/3)
    assert np.isnan(out[4])
    reference.sigmoid_backward(dout, out, dx)
    assert_allclose(dx[:4], [0, 0.5, 3 * 0.1875, 0], rtol=1e-15)


def test_prelu_by_hand():
    """One slope per channel; zero and negative slopes are no special cases."""
    x = np.array([[[[2.0, 0, -4]], [[-1, 3, np.inf]], [[-2, np.nan, -0.0]]]])
    slope = np.array([0.25, -3, 0])
    out, dx, dslope = np.empty_like(x), np.empty_like(x), np.array([10.0, 20, 30])
    reference.prelu_forward(x, slope, out)
    assert_array_equal(out, [[[[2, 0, -1]], [[3, 3, np.inf]], [[0, np.nan, 0]]]])
    dout = np.array([[[[1.0, 2, 3]], [[4, 5, 6]], [[7, 8, 9]]]])
    reference.prelu_backward(dout, np.nan_to_num(x, posinf=1), slope, dx, dslope)
    assert_array_equal(dx, [[[[1, 0.5, 0.75]], [[-12, 5, 6]], [[0, 0, 0]]]])
    assert_array_equal(dslope, [10 - 12, 20 - 4, 30 - 14])


def test_losses_by_hand():
    prediction, target = np.array([1.0, 2, 3]), np.array([1.0, 0, 4])
    d = np.empty(3)
    assert reference.mse_loss(prediction, target, 5, d) == 1.0  # (0 + 4 + 1) / 5
    assert_allclose(d, [0, 0.8, -0.4])
    assert reference.l1_loss(prediction, target, 4, d) == 0.75
    assert_allclose(d, [0, 0.25, -0.25])
    e = 1e-3
    loss = reference.charbonnier_loss(prediction, target, 1, d)
    assert loss == pytest.approx(e + np.hypot(2, e) + np.hypot(1, e), rel=1e-14)
    assert_allclose(d, [0, 2 / np.hypot(2, e), -1 / np.hypot(1, e)])


def test_the_first_adam_step_has_the_length_of_the_learning_rate():
    value, grad = np.array([1.0, 1.0]), np.array([1e-3, -50.0])
    first, second = np.zeros(2), np.zeros(2)
    reference.adam_step(value, grad, first, second, 0.25, 0.9, 0.99, 0.0, 1)
    assert_allclose(value, [0.75, 1.25], rtol=1e-12)
    assert_allclose(first, 0.1 * grad)
    assert_allclose(second, 0.01 * grad**2)


def test_adam_by_hand_over_two_steps():
    value, first, second = np.zeros(1), np.zeros(1), np.zeros(1)
    for step, g in ((1, 1.0), (2, 3.0)):
        reference.adam_step(value, np.array([g]), first, second, 1.0, 0.5, 0.75, 0.5, step)
    # m: 0.5, 1.75; corrected 1, 7/3. v: 0.25, 2.4375; corrected 1, 39/7.
    expected = -1 / (1 + 0.5) - (7 / 3) / (np.sqrt(39 / 7) + 0.5)
    assert_allclose(value, [expected], rtol=1e-14)


def test_resampling_by_hand():
    x = array([1, 2, 4], [10, 20, 40])[None, None]
    index, weight = (
        np.array([[0, 2], [2, 2], [1, 0], [1, 2]]),
        array([1, 2], [3, 4], [5, 0], [1, 1]),
    )
    out = np.empty((1, 1, 2, 4))
    reference.resample_forward(x, index, weight, 3, out)
    assert_array_equal(out[0, 0], array([9, 28, 10, 6], [90, 280, 100, 60]))
    dx = np.empty_like(x)
    reference.resample_backward(np.ones_like(out), index, weight, 3, dx)
    assert_array_equal(dx[0, 0], array([1, 6, 10], [1, 6, 10]))  # 0: 1 + 0, 1: 5 + 1, 2: 2 + 7 + 1
    out, dx = np.empty((1, 1, 1, 3)), np.empty_like(x)
    reference.resample_forward(x, np.array([[1, 0]]), array([2, 1]), 2, out)
    assert_array_equal(out[0, 0], array([21, 42, 84]))
    reference.resample_backward(out, np.array([[1, 0]]), array([2, 1]), 2, dx)
    assert_array_equal(dx[0, 0], array([21, 42, 84], [42, 84, 168]))


def test_batch_norm_by_hand():
    # Channel 0: -1, 1, 3, 5 has mean 2 and biased variance (9 + 1 + 1 + 9) / 4 = 5. Channel 1: 7.
    x = np.stack([array([-1, 1], [3, 5]), np.full((2, 2), 7.0)])[:, :, None, :].swapaxes(0, 1)
    mean, variance = np.empty(2), np.empty(2)
    reference.batch_statistics(x, mean, variance)
    assert_array_equal(mean, [2, 7])
    assert_array_equal(variance, [5, 0])
    weight, bias, out = np.array([3.0, 1]), np.array([10.0, -1]), np.empty_like(x)
    reference.batch_norm_forward(x, mean, variance, weight, bias, 4.0, out)  # 5 + 4: the root is 3
    assert_allclose(out[:, 0, 0], array([7, 9], [11, 13]), rtol=1e-15)
    assert_array_equal(out[:, 1], np.full((2, 1, 2), -1))
    dout = np.zeros_like(x)
    dout[0, 0, 0, 1] = 12
    dx, dweight, dbias = np.empty_like(x), np.full(2, 100.0), np.full(2, 100.0)
    arguments = (dout, x, mean, variance, weight, 4.0)
    reference.batch_norm_backward(*arguments, False, dx, dweight, dbias)
    assert_allclose(dx[:, 0, 0], array([0, 12], [0, 0]), rtol=1e-15)  # 3 / 3
    assert_allclose(dweight, [96, 100], rtol=1e-15)  # 12 (1 - 2) / 3
    assert_allclose(dbias, [112, 100], rtol=1e-15)
    reference.batch_norm_backward(*arguments, True, dx, dweight, dbias)
    # 12, minus the mean 3, minus (x - 2) / 3 times the mean along it, -4 / 4.
    assert_allclose(dx[:, 0, 0], array([-4, 26 / 3], [-8 / 3, -2]), rtol=1e-14)
    assert_allclose(dx[:, 0].sum(), 0, atol=1e-14)


def test_residual_by_hand():
    out = np.empty(2)
    reference.residual_forward(np.array([1.0, 2]), np.array([10.0, -20]), 0.5, out)
    assert_array_equal(out, [6, -8])
    reference.residual_backward(np.array([1.0, 2]), 0.5, out)
    assert_array_equal(out, [0.5, 1])


def test_lerp_and_add_by_hand():
    total = np.array([1.0, 2.0])
    reference.lerp(total, np.array([3.0, 2.0]), 0.25)
    assert_array_equal(total, [1.5, 2])
    reference.add(total, np.array([1.0, -1.0]))
    assert_array_equal(total, [2.5, 1])
