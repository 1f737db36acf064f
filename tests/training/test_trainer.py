"""The trainer: what a step learns, by either engine; schedules, settings, the moving average."""

import dataclasses
import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from training_pictures import patches_for

from minisr import engine, optim
from minisr.engine.learning import with_own_gradients
from minisr.errors import SettingsError
from minisr.system.threads import Threads
from minisr.training import CompiledTrainer, TrainConfig, make_trainer

CONFIG = TrainConfig(2, 30, batch_size=3, patch_size=9, warmup=4, seed=11)


def trainer_for(config, threads):
    return make_trainer(config, patches_for(config), threads)


def weights_after(steps, threads, config=CONFIG):
    with Threads(threads) as pool:
        trainer = trainer_for(config, pool)
        for _ in range(steps):
            trainer.step()
        return trainer.state_dict()


def assert_same(a, b):
    assert list(a) == list(b)
    for name in a:
        assert_array_equal(a[name], b[name], err_msg=name)


def test_any_number_of_threads_gives_the_same_bits():
    one = weights_after(12, threads=1)
    for threads in (2, 5):
        assert_same(weights_after(12, threads), one)


def test_another_seed_gives_other_weights():
    other = weights_after(2, 1, dataclasses.replace(CONFIG, seed=12))
    assert (other["model.conv2.weight"] != weights_after(2, 1)["model.conv2.weight"]).any()


def test_a_batch_has_the_gradient_of_its_mean_loss(rng):
    """The gradients of single samples must add up to that of the whole batch."""
    with Threads(2) as pool:
        trainer = CompiledTrainer(CONFIG, patches_for(CONFIG), pool)
        model = with_own_gradients(trainer.model)
        low, high = trainer.patches.batch(0)
        prediction, caches = model.forward(low)
        dprediction = np.empty_like(prediction)
        loss = model.kernels.mse_loss(prediction, high, high.size, dprediction)
        model.backward(dprediction, caches)
        assert trainer.step() == pytest.approx(loss, rel=1e-6)
        for ours, whole in zip(trainer.model.parameters, model.parameters, strict=True):
            np.testing.assert_allclose(ours.grad, whole.grad, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("engine", engine.ENGINES)
@pytest.mark.parametrize("loss", ["mse", "l1", "charbonnier"])
@pytest.mark.parametrize(
    "options", [{}, {"options": {"activation": "relu"}, "in_channels": 3}], ids=str
)
def test_every_loss_learns(loss, options, engine):
    settings = {"loss": loss, "engine": engine, "steps": 60, "learning_rate": 5e-3}
    config = dataclasses.replace(CONFIG, **settings, **options)
    with Threads(1) as pool:
        trainer = make_trainer(config, patches_for(dataclasses.replace(config, seed=0)), pool)
        losses = [trainer.step() for _ in range(60)]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:5])


def test_the_last_steps_may_have_another_loss():
    config = dataclasses.replace(CONFIG, loss="charbonnier", last_loss="mse", last_loss_from=0.8)
    assert [config.loss_at(step) for step in (0, 23, 24, 29)] == [
        *["charbonnier"] * 2,
        *["mse"] * 2,
    ]
    assert dataclasses.replace(config, last_loss=None).loss_at(29) == "charbonnier"
    with Threads(1) as pool:
        both, one = (trainer_for(each, pool) for each in (config, CONFIG))
        both.steps = one.steps = 24
        assert both.step() == one.step()  # from equal weights, on equal patches
        both.steps = one.steps = 23
        assert both.step() != one.step()


def test_the_moving_average_follows_and_warms_up():
    with Threads(1) as pool:
        trainer = trainer_for(dataclasses.replace(CONFIG, average_decay=0.5), pool)
        expected = trainer.averaged.state_dict()["conv1.bias"]
        for step in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10):
            trainer.step()
            decay = min(0.5, (1 + step) / (10 + step))
            expected = decay * expected + (1 - decay) * trainer.model.state_dict()["conv1.bias"]
        np.testing.assert_allclose(trainer.averaged.state_dict()["conv1.bias"], expected, rtol=1e-5)


def test_schedules_by_hand():
    cosine = optim.cosine(110, warmup=10, final=0.1)
    assert [cosine(step) for step in (0, 4, 9, 10)] == pytest.approx([0.1, 0.5, 1, 1])
    assert cosine(60) == pytest.approx(0.55)
    assert cosine(110) == cosine(500) == pytest.approx(0.1)
    late = optim.cosine(110, warmup=10, final=0.1, decay_start=60)
    assert [late(step) for step in (0, 10, 60, 85, 110)] == pytest.approx([0.1, 1, 1, 0.55, 0.1])
    steps = optim.multi_step([2, 4], gamma=0.5)
    assert [steps(k) for k in range(6)] == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert optim.constant()(10**9) == 1
    config = dataclasses.replace(CONFIG, schedule="multistep", milestones=(1, 3), gamma=0.1)
    late = dataclasses.replace(CONFIG, steps=40, decay_start=0.5, final=0.2).make_schedule(1)
    assert [late(step) for step in (0, 4, 20, 30, 40)] == pytest.approx([0.25, 1, 1, 0.6, 0.2])
    factor = config.make_schedule(steps_per_epoch=5)
    assert [factor(k) for k in (4, 5, 15)] == pytest.approx([1, 0.1, 0.01])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"learning_rate": math.inf}, "learning_rate must be above 0 and finite"),
        ({"learning_rate": math.nan}, "learning_rate must be above 0 and finite"),
        ({"gamma": math.nan}, r"gamma must be in \(0, 1\]"),
        ({"upscale_factor": 9}, "upscale_factor must be an integer from 2 to 8, got 9"),
        ({"beta2": 1.0}, r"beta2 must be in \[0, 1\)"),
        ({"average_decay": 1.0}, r"average_decay must be in \[0, 1\)"),
        ({"final": 1.5}, r"final must be in \[0, 1\], got 1.5"),
        ({"decay_start": 1.0}, r"decay_start must be in \[0, 1\), got 1.0"),
        ({"start": 3}, "start must be of type str"),
        ({"warmup": -1}, "warmup must be at least 0"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"last_loss": "huber"}, "last_loss must be one of mse, l1, charbonnier, got 'huber'"),
        ({"last_loss_from": 1.0}, r"last_loss_from must be in \(0, 1\), got 1.0"),
        ({"loss": "huber"}, "loss must be one of mse, l1, charbonnier, got 'huber'"),
        ({"schedule": "step"}, "schedule must be one of cosine, multistep, constant"),
        ({"engine": "fast"}, "engine must be one of compiled, layers, got 'fast'"),
    ],
)
def test_settings_that_are_not_allowed_are_named(change, message):
    with pytest.raises(SettingsError, match=message):
        dataclasses.replace(CONFIG, **change)
