"""The ways to enlarge of benchmarks/upsamplers.py: what is counted there, and what is equal."""

import sys
from pathlib import Path

import numpy as np
import pytest
from natural_pictures import natural
from numpy.testing import assert_allclose, assert_array_equal

from minisr import ESPCN, engine, kernels
from minisr.evaluation.checkerboard import checkerboard
from minisr.images import imresize
from minisr.layers import Conv2d, PixelShuffle
from minisr.system.threads import Threads

FOLDER = str(Path(__file__).parents[2] / "benchmarks")
sys.path.insert(0, FOLDER)
import upsamplers  # noqa: E402

sys.path.remove(FOLDER)


class Counting:
    """The fast backend, counting multiply-adds from the arrays that its kernels are given."""

    def __init__(self):
        self.backend = kernels.load("cpu")
        self.count = 0

    def __getattr__(self, name):
        kernel = getattr(self.backend, name)

        def counted(*arrays):
            if name == "conv2d_forward":
                x, weight, *_, out = arrays
                self.count += out.size * weight[0].size
            if name == "conv_transpose2d_forward":
                x, weight, *_ = arrays
                self.count += x.size * weight[0].size
            if name == "resample_forward":
                _, index, *_, out = arrays
                self.count += out.size * index.shape[1]
            return kernel(*arrays)

        return counted


@pytest.mark.parametrize("name", upsamplers.HEADS)
def test_multiply_adds_are_those_that_the_kernels_are_asked_for(name, rng):
    counting = Counting()
    model = upsamplers.network(name, backend=counting)
    low = rng.random((1, 1, 5, 7)).astype(np.float32)
    counting.count = 0
    assert model(low).shape == (1, 1, 15, 21)
    assert counting.count == 5 * 7 * upsamplers.multiply_adds(model)


def test_the_counts_that_are_known():
    known = {
        "sub-pixel": (22_729, 22_624),
        "transposed 9 x 9": (22_721, 22_624),
        "nearest, conv 3 x 3": (20_417, 22_624),
        "unpooling, conv 9 x 9": (22_721, 20_032 + 9 * 2_592),
        "bicubic first": (20_417, 9 * (1_600 + 18_432 + 288) + 4 * 3 + 4 * 9),
    }
    for name, (parameters, multiply_adds) in known.items():
        model = upsamplers.network(name)
        assert (model.parameter_count, upsamplers.multiply_adds(model)) == (
            parameters,
            multiply_adds,
        )
    assert known["sub-pixel"][0] == ESPCN(3).parameter_count


def test_three_of_them_are_one_function_and_the_others_are_not(rng):
    low = rng.random((1, 1, 9, 11)).astype(np.float32)
    models = {name: upsamplers.network(name) for name in upsamplers.HEADS}
    expected = models["sub-pixel"](low)
    with Threads(2) as threads:
        for name, model in models.items():
            same = np.allclose(model(low), expected, rtol=0, atol=1e-5)
            assert same == upsamplers.HEADS[name].is_equal, name
            assert_allclose(upsamplers.best(model)(low, threads), model(low), rtol=0, atol=1e-5)


def test_stacks_are_compiled_as_such(monkeypatch):
    """Convolutions before and after what enlarges; the sub-pixel network as a whole."""
    compiled, plain = [], engine.compile

    def noted(part):
        compiled.append(plain(part))
        return compiled[-1]

    monkeypatch.setattr(upsamplers.engine, "compile", noted)
    expected = {
        "sub-pixel": [True], "transposed 9 x 9": [True, False],
        "nearest, conv 3 x 3": [True, False, True], "unpooling, conv 9 x 9": [True, False, True],
        "bicubic first": [False, True],
    }  # fmt: skip
    for name, stacks in expected.items():
        compiled.clear()
        upsamplers.best(upsamplers.network(name))
        assert [part.plan is not None for part in compiled] == stacks, name


def test_checkerboards_of_untrained_and_briefly_trained_heads(rng):
    """ICNR starts without one; learning brings a little back, and takes most of the other away."""
    high = natural(rng, 120, 150).astype(np.float32)
    low, high = imresize(high, 1 / 3)[None, None], high[None, None]
    values = {}
    for name, with_icnr in (
        ("sub-pixel", False), ("sub-pixel", True), ("transposed 9 x 9", False),
        ("transposed 9 x 9", True), ("transposed 10 x 10", False), ("nearest, conv 3 x 3", False),
    ):  # fmt: skip
        model = upsamplers.network(name, with_icnr=with_icnr)
        adam = upsamplers.optim.Adam(model.parameters, model.kernels, 2e-3)
        found = []
        for steps in (0, 25):
            for _ in range(steps):
                adam.zero_grad()
                out, cache = model.forward(low)
                dout = np.empty_like(out)
                model.kernels.mse_loss(out, high, out.size, dout)
                model.backward(dout, cache)
                adam.step()
            found.append(checkerboard(model.forward(low)[0][0, 0, 12:-12, 12:-12], 3))
        values[name, with_icnr] = found
    for name in ("sub-pixel", "transposed 9 x 9"):
        before, after = values[name, False]
        assert before > 0.1
        assert after < before / 5
        before, after = values[name, True]
        assert before < 1e-3
        assert after > before
    assert values["transposed 10 x 10", False][0] > 0.1
    assert max(values["nearest, conv 3 x 3", False]) < 1e-3
    assert_allclose(values["transposed 9 x 9", False][0], values["sub-pixel", False][0], rtol=1e-2)


def test_a_stack_of_a_single_convolution(rng):
    cpu = kernels.load("cpu")
    conv = Conv2d(2, 4, 3, cpu, np.float32)
    conv.weight.value[...] = rng.standard_normal(conv.weight.value.shape)
    model = upsamplers.Upscaler({"conv": conv, "pixel_shuffle": PixelShuffle(2, cpu)}, cpu, 2)
    compiled = engine.compile(model)
    assert compiled.plan is not None
    x = rng.random((1, 2, 6, 5)).astype(np.float32)
    assert_allclose(compiled(x), model.forward(x)[0], rtol=0, atol=1e-5)
    assert_array_equal(compiled(x), compiled(x))
