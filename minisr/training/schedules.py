"""The learning-rate schedules of training, made from its settings."""

from minisr import optim


def _cosine(config, steps_per_epoch):
    warmup = min(config.warmup, config.steps // 10)
    begin = round(config.decay_start * config.steps)
    return optim.cosine(config.steps, warmup, config.final, begin)


def _multistep(config, steps_per_epoch):
    return optim.multi_step([m * steps_per_epoch for m in config.milestones], config.gamma)


def _constant(config, steps_per_epoch):
    return optim.constant()


# By name: a function of a TrainConfig and the steps per epoch, which returns a schedule.
SCHEDULES = {"cosine": _cosine, "multistep": _multistep, "constant": _constant}
