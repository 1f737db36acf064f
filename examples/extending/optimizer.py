"""An optimizer of your own.

minisr train PICTURES -o RUN -s 2 --import examples/extending/optimizer.py --optimizer momentum
"""

import numpy as np

from minisr import ESPCN, register
from minisr.optim import Optimizer


@register.optimizer("momentum")
class Momentum(Optimizer):
    """Gradient descent with momentum 0.9 (Polyak, 1964)."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.velocities = [np.zeros_like(p.value) for p in self.parameters]

    def step(self):
        self.steps += 1
        for parameter, velocity in zip(self.parameters, self.velocities, strict=True):
            velocity *= 0.9
            velocity += parameter.grad
            parameter.value -= self.learning_rate * velocity

    def state_dict(self):
        return {f"velocity.{k}": v.copy() for k, v in enumerate(self.velocities)}

    def load_state_dict(self, state, steps):
        for k, velocity in enumerate(self.velocities):
            velocity[...] = state[f"velocity.{k}"]
        super().load_state_dict(state, steps)


if __name__ == "__main__":
    model = ESPCN(2)
    low, high = np.full((1, 1, 8, 8), 0.5, np.float32), np.full((1, 1, 16, 16), 0.5, np.float32)
    optimizer = Momentum(model.parameters, model.kernels, learning_rate=0.05)
    for step in range(20):
        optimizer.zero_grad()
        loss = model.learn(low, high)
        optimizer.step()
        if step % 5 == 4:
            print(f"step {step + 1}: loss {loss:.5f}")
