"""`learn` of a stack on the GPU, or in Numba's simulator, against the layers on the CPU."""

from types import SimpleNamespace

import numpy as np
import pytest
from find_gpu import patient
from numpy.testing import assert_allclose, assert_array_equal

pytest.importorskip("numba_cuda", reason='needs numba-cuda: pip install "minisr[cuda]"')

from numba import cuda

from minisr import engine, kernels
from minisr.engine import learning
from minisr.kernels.contiguous import flat_view
from minisr.kernels.cuda.learning import Learning
from minisr.kernels.cuda.loss_epilogue import THREADS, loss_epilogue
from minisr.layers import Conv2d, PReLU
from minisr.models import ESPCN, ThinSR
from minisr.optim import Adam

cpu = kernels.load("cpu")
# Everything on the CPU but what this is about.
BACKEND = SimpleNamespace(**vars(cpu) | {"stack": Learning})


def pair(make, seed=0, **options):
    """Make a network twice with the same weights: compiled to `Learning`, and as its layers."""

    def one():
        model = make(2, rng=np.random.default_rng(seed), **options)
        rng = np.random.default_rng(seed)
        for layer in model.layers.values():
            if isinstance(layer, PReLU):
                layer.weight.value[...] = rng.uniform(-1, 1.5, layer.weight.value.shape)
                layer.weight.value[:1] = 0
            elif isinstance(layer, Conv2d):
                layer.bias.value[...] = 0.1 * rng.standard_normal(layer.bias.value.shape)
                size = layer.weight.value.shape
                layer.weight.value[...] = rng.standard_normal(size) / np.sqrt(np.prod(size[1:]))
        return model

    ours = one()
    ours.kernels = BACKEND
    return engine.compile(ours), one()


def batch(rng, N, C, H, W, R=2):
    return rng.random((N, C, H, W), np.float32), rng.random((N, C, H * R, W * R), np.float32)


@pytest.fixture
def threads():
    """One thread, the caller's."""
    return SimpleNamespace(count=1, map=map)


CASES = [
    (ESPCN, {"channels": (4, 3)}, (1, 1, 5, 7), "mse"),
    (ESPCN, {"channels": (4, 3), "activation": "relu", "in_channels": 3}, (1, 3, 9, 3), "l1"),
    (ThinSR, {"channels": 2, "depth": 1}, (3, 1, 4, 6), "charbonnier"),
]


@pytest.mark.parametrize(("make", "options", "shape", "loss"), CASES)
def test_learn_agrees_with_the_layers(make, options, shape, loss, threads, rng):
    ours, plain = pair(make, **options)
    low, high = batch(rng, *shape)
    found = ours.learn(low, high, loss, threads)
    assert found == pytest.approx(learning.learn(plain, low, high, loss, threads), rel=1e-5)
    for (name, one), other in zip(ours.network.named_parameters(), plain.parameters, strict=True):
        assert_allclose(one.grad, other.grad, rtol=1e-5, atol=1e-7, err_msg=name)


def test_batches_of_other_shapes_and_from_the_gpu(threads, rng):
    ours, plain = pair(ESPCN, channels=(2, 1))
    for shape in [(1, 1, 3, 4), (2, 1, 2, 3)]:  # whose gradients are added
        low, high = batch(rng, *shape)
        loss = ours.learn(cuda.to_device(low), cuda.to_device(high), "mse", threads)
        assert loss == pytest.approx(learning.learn(plain, low, high, "mse", threads), rel=1e-5)
    for (name, one), other in zip(ours.network.named_parameters(), plain.parameters, strict=True):
        assert_allclose(one.grad, other.grad, rtol=1e-5, atol=1e-6, err_msg=name)


@patient
def test_training_twice_gives_the_same_bits(threads, rng):
    low, high = batch(rng, 2, 1, 2, 3)

    def train():
        compiled, _ = pair(ESPCN, channels=(2, 1))
        model = compiled.network
        optimizer = Adam(model.parameters, cpu, 1e-2)
        losses = []
        for _ in range(3):
            optimizer.zero_grad()
            losses.append(compiled.learn(low, high, "mse", threads))
            optimizer.step()
        return losses, model.state_dict()

    (losses, weights), (again, others) = train(), train()
    assert losses == again
    assert losses[-1] < losses[0]
    for name, array in weights.items():
        assert_array_equal(array, others[name], err_msg=name)


def test_parameters_lie_one_after_the_other_and_keep_their_values(rng):
    ours, plain = pair(ESPCN, channels=(4, 3))
    for name in ("value", "grad"):
        arrays = [getattr(parameter, name) for parameter in ours.network.parameters]
        whole = flat_view(arrays)
        assert whole.size == plain.parameter_count
        whole += 1
        for ours_now, before in zip(arrays, plain.parameters, strict=True):
            assert_array_equal(ours_now, getattr(before, name) + np.float32(1))
    again = Learning(ours.plan.stack.stages, 2)
    assert again.values.ctypes.data == ours.plan.stack.values.ctypes.data


@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
def test_the_loss_after_an_activation(activation, rng):
    """An activation after the shuffle is the last convolution's."""
    from minisr.kernels import reference
    from minisr.kernels.cuda.learning import KINDS

    z = rng.standard_normal((1, 4, 2, 3)).astype(np.float32)
    low, high = batch(rng, 1, 1, 2, 3)
    out, shuffled, error = np.empty_like(z), np.empty_like(high), np.empty_like(high)
    getattr(reference, f"{activation}_forward")(z, out)
    reference.pixel_shuffle(out, 2, shuffled)
    expected = reference.mse_loss(shuffled + low.repeat(2, 2).repeat(2, 3), high, 24, error)
    dout, dz = np.empty_like(z), np.empty_like(z)
    reference.pixel_unshuffle(error, 2, dout)
    getattr(reference, f"{activation}_backward")(dout, out, dz)
    found, losses = out.copy(), np.zeros(1, np.float32)
    kernel = loss_epilogue(2, KINDS[activation], 0, True)
    kernel(
        1, THREADS, found.reshape(-1), low.reshape(-1), high.reshape(-1), losses,
        np.float32(2 / 24), np.uint32(1), np.uint32(2), np.uint32(3),
    )  # fmt: skip
    assert_allclose(found, dz, rtol=1e-5, atol=1e-7)
    assert losses[0] / 24 == pytest.approx(expected, rel=1e-6)
