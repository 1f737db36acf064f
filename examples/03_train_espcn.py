"""Training without the trainer: thirty lines that show all there is to it.

The pictures are drawn here, so that this runs anywhere in seconds. For real ones, see `minisr
train --help`; what that adds is in minisr/training/trainer.py and minisr/training/runs/.
"""

import numpy as np

from minisr import ESPCN, optim
from minisr.datasets.pairs import make_pair
from minisr.evaluation.protocols import PROTOCOLS
from minisr.models import initialization
from minisr.training.patches import Patches

SCALE, STEPS = 2, 800


def drawing(seed, size=128):
    """Draw bars and discs with hard edges, which bicubic blurs and a network can learn to keep."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    picture = np.full((size, size), rng.uniform(60, 200))
    for _ in range(25):
        level, angle, (a, b) = rng.uniform(0, 255), rng.uniform(0, np.pi), rng.uniform(0, size, 2)
        distance = (x - a) * np.cos(angle) + (y - b) * np.sin(angle)
        near = np.hypot(x - a, y - b)
        inside = near < rng.uniform(5, 20) if rng.random() < 0.5 else abs(distance) < 3
        picture[inside & (near < 40)] = level
    return np.uint8(picture)


# Pairs of a small picture and the large one that it should become, and patches cut from them.
pairs = [make_pair(drawing(seed), SCALE) for seed in range(8)]
patches = Patches(pairs, patch_size=24, batch_size=8, seed=0)

model = ESPCN(SCALE, channels=(32, 16))
initialization.initialize(model, np.random.default_rng(0), "balanced", with_icnr=True)
print(repr(model), end="\n\n")
adam = optim.Adam(model.parameters, model.kernels)
schedule = optim.cosine(STEPS, warmup=20)

for step in range(STEPS):
    low, high = patches.batch(step)
    prediction, caches = model.forward(low)  # the caches hold what backward needs of each layer
    dprediction = np.empty_like(prediction)
    loss = model.kernels.mse_loss(prediction, high, high.size, dprediction)
    adam.zero_grad()
    model.backward(dprediction, caches)  # the chain rule, layer by layer, last to first
    adam.learning_rate = 5e-3 * schedule(step)
    adam.step()
    if step % 50 == 0 or step == STEPS - 1:
        print(f"step {step:4}  loss {loss:.5f}")

# Has it learnt anything? Try it on a drawing that it has never seen.
protocol = PROTOCOLS["matlab"]
low, high = protocol.prepare(drawing(99), SCALE)
network = model(low[None, None].astype(np.float32) / 255)[0, 0]
print(f"\nA drawing not seen before, protocol {protocol.name}:")
for name, picture in (("bicubic", protocol.bicubic(low, SCALE)), ("ESPCN", network)):
    psnr, ssim = protocol.score(picture, high, SCALE)
    print(f"  {name:<8} {psnr:.2f} dB  SSIM {ssim:.4f}")
