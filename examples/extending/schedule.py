"""A learning-rate schedule of your own.

minisr train PICTURES -o RUN -s 2 --import examples/extending/schedule.py --schedule trapezoid
"""

from minisr import register


@register.schedule("trapezoid")
def trapezoid(config, steps_per_epoch):
    """Rise over the warm-up, stay, and fall in a straight line over the last fifth."""
    rise, fall = min(config.warmup, config.steps // 10), max(1, config.steps // 5)

    def factor(step):
        return max(0.0, min(1.0, (step + 1) / max(1, rise), (config.steps - step) / fall))

    return factor


if __name__ == "__main__":
    from minisr.training import TrainConfig

    factor = TrainConfig(upscale_factor=2, steps=1000, schedule="trapezoid").make_schedule(10)
    print([round(factor(step), 2) for step in range(0, 1000, 100)])
