"""The lesson and the engine learn the same: layer by layer, compiled, and in plain NumPy."""

import dataclasses
import re

import numpy as np
import pytest
from training_pictures import patches_for

from minisr import engine, models
from minisr.layers import Conv2d
from minisr.system.threads import Threads
from minisr.training import CompiledTrainer, TrainConfig, Trainer, make_trainer

NETWORKS = {
    "espcn": ("espcn", {"channels": [16, 8]}),
    "thinsr": ("thinsr", {"channels": 8, "depth": 2}),
    "subpixelcnn": ("subpixelcnn", {}),
    "srcnn": ("srcnn", {"channels": [6, 4]}),
    "edsr": ("edsr", {"channels": 8, "residual_blocks": 2}),
    "edsr without norm": ("edsr", {"channels": 8, "residual_blocks": 2, "batch_norm": False}),
}
STACKS = ("espcn", "thinsr", "subpixelcnn", "srcnn")  # which the engine does not run by layers
STEPS = 50


def config_of(key, **others):
    name, options = NETWORKS[key]
    settings = {"batch_size": 3, "patch_size": 8, "warmup": 4, "seed": 5} | others
    return TrainConfig(2, STEPS, name, options=options, **settings)


def trainers_of(config, threads):
    """Return three trainers: layer by layer, compiled, and in NumPy."""
    patches = patches_for(config)
    return (
        Trainer(config, patches),
        CompiledTrainer(config, patches, threads),
        Trainer(config, patches, "reference"),
    )


def losses_of(trainer, steps=STEPS):
    return [trainer.step() for _ in range(steps)]


def assert_has_learnt(trainer, last_loss):
    """Check that training has changed the loss of the last batch."""
    first = trainer.config.make_model("cpu").train()
    assert abs(first.learn(*trainer.patches.batch(STEPS - 1)) / last_loss - 1) > 0.05


@pytest.mark.parametrize("key", NETWORKS)
def test_all_ways_of_training_have_the_same_losses(key):
    with Threads(2) as threads:
        trainers = trainers_of(config_of(key), threads)
        layers, compiled, numpy = map(losses_of, trainers)
    assert_has_learnt(trainers[0], layers[-1])
    np.testing.assert_allclose(compiled, layers, rtol=1e-5)
    np.testing.assert_allclose(numpy, layers, rtol=1e-5)


@pytest.mark.parametrize("key", ["espcn", "thinsr"])
def test_all_ways_of_training_with_soap_have_the_same_losses(key):
    """They share each new basis, because rounding decides it where there is no gradient yet.

    After few gradients, a factor has fewer directions than axes. The remaining eigenvectors are
    arbitrary, and yet decide how later steps are scaled.
    """
    with Threads(2) as threads:
        layers, *others = trainers_of(config_of(key, optimizer="soap"), threads)
        losses = []
        for step in range(STEPS):
            losses.append([trainer.step() for trainer in (layers, *others)])
            if step % layers.optimizer.renew_every == 0:
                for trainer in others:
                    trainer.load_state_dict(layers.state_dict(), layers.steps)
    expected, compiled, numpy = np.transpose(losses)
    assert_has_learnt(layers, expected[-1])
    np.testing.assert_allclose(compiled, expected, rtol=1e-5)
    np.testing.assert_allclose(numpy, expected, rtol=1e-5)


def gradients_of(key, dtype, backend, learn):
    """Return a batch's loss, and its gradients by name, of a network in training mode."""
    rng = np.random.default_rng(3)
    name, options = NETWORKS[key]
    network = models.MODELS[name](2, **options, rng=rng, dtype=dtype, backend=backend).train()
    shape = 3, network.in_channels, 9, 7
    low, high = rng.random(shape), rng.random((*shape[:2], 18, 14))
    loss = learn(network, low.astype(dtype), high.astype(dtype))
    return loss, {name: parameter.grad for name, parameter in network.named_parameters()}


def by_layers(network, low, high):
    return network.learn(low, high)


def by_the_engine(network, low, high):
    compiled = engine.compile(network)
    is_float32 = low.dtype == np.float32  # there is no stack of another dtype
    assert (compiled.plan is not None) == (is_float32 and network.name in STACKS)
    with Threads(2) as threads:
        return compiled.learn(low, high, "mse", threads)


@pytest.mark.parametrize(("dtype", "most"), [("float32", 1e-4), ("float64", 1e-10)])
@pytest.mark.parametrize("key", NETWORKS)
def test_all_ways_of_training_have_the_same_gradients(key, dtype, most):
    loss, expected = gradients_of(key, dtype, "reference", by_layers)
    sizes = {name: np.linalg.norm(gradient) for name, gradient in expected.items()}
    if key == "edsr":  # a bias before normalisation has no gradient, only rounding
        for name in [name for name in sizes if re.fullmatch(r"body\.\d\.conv\d\.bias", name)]:
            weight = name.replace("bias", "weight")
            assert sizes[name] <= most * sizes[weight]
            sizes[name] = sizes[weight]
    for learn in (by_layers, by_the_engine):
        ours, gradients = gradients_of(key, dtype, "cpu", learn)
        assert ours == pytest.approx(loss, rel=most)
        for name, gradient in gradients.items():
            distance = np.linalg.norm(gradient - expected[name])
            assert distance <= most * sizes[name], (learn.__name__, name)


def test_a_broken_sign_in_a_layer_changes_what_the_lesson_learns(monkeypatch):
    """The line that a student reads is the line that runs; the engine has its own."""
    config = config_of("espcn")
    patches = patches_for(config)

    def losses():
        with Threads(1) as threads:
            ways = {
                "layers": make_trainer(dataclasses.replace(config, engine="layers"), patches, None),
                "numpy": make_trainer(config, patches, None, backend="reference"),
                "compiled": make_trainer(config, patches, threads),
            }
            return {way: losses_of(trainer, 10) for way, trainer in ways.items()}

    right = losses()
    backward = Conv2d.backward
    monkeypatch.setattr(Conv2d, "backward", lambda self, dout, x: backward(self, -dout, x))
    wrong = losses()
    for way in ("layers", "numpy"):
        assert wrong[way][0] == right[way][0]  # nothing is learnt yet
        assert wrong[way][-1] > 1.1 * right[way][-1]
    assert wrong["compiled"] == right["compiled"]


def test_the_settings_choose_the_engine():
    config = config_of("espcn")
    patches = patches_for(config)
    with Threads(1) as threads:
        assert type(make_trainer(config, patches, threads)) is CompiledTrainer
        assert type(make_trainer(config, patches, threads, "reference")) is Trainer
        by_layers = dataclasses.replace(config, engine="layers")
        assert type(make_trainer(by_layers, patches, threads)) is Trainer
