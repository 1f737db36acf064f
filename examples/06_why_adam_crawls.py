"""Why Adam crawls here, and what SOAP does about it: a close look at the first layer's gradient.

ESPCN is trained twice, from the same weights and on the same batches: with Adam, and with SOAP
(minisr/optim/soap.py). Everything said below is computed from the first layer's gradients in these
two runs, and checked on the spot. Five plots go into a folder.

python examples/06_why_adam_crawls.py [FOLDER]    (needs the extra `demo`)
"""

import sys
import textwrap
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from minisr.datasets.pairs import make_pair
from minisr.demo import HOLD_OUT, LEARN, pictures_folder
from minisr.evaluation.evaluate import mean, score_pair
from minisr.evaluation.protocols import PROTOCOLS
from minisr.images import read_picture
from minisr.system.threads import Threads
from minisr.training import Patches, TrainConfig, make_trainer

SCALE, STEPS, LOOK = 3, 600, 25  # PSNR is measured every LOOK steps
SETTLED, HALF = STEPS // 10, STEPS // 2  # the warm-up is over; the second half begins
FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else "why-adam-crawls")
ADAM, SOAP, GREY = "#0072B2", "#D55E00", "#707070"

threads, data = Threads(), pictures_folder()  # of scikit-image
pairs = [make_pair(read_picture(data / name).pixels, SCALE) for name in LEARN]
held_out = [make_pair(read_picture(data / name).pixels, SCALE) for name in HOLD_OUT]
patches = Patches(pairs, patch_size=32, batch_size=8, seed=0)


def psnr(model):
    scores = [score_pair(model, pair, PROTOCOLS["matlab"], threads) for pair in held_out]
    return mean(scores).psnr


def train(optimizer):
    """Return conv1's gradients and weights, 64 x 25 per step, PSNR, and milliseconds per step."""
    trainer = make_trainer(TrainConfig(SCALE, STEPS, optimizer=optimizer), patches, threads)
    conv1 = trainer.model.layers["conv1"].weight
    weights, gradients, decibels, seconds = [conv1.value.copy()], [], [], []
    for step in range(1, STEPS + 1):
        began = time.perf_counter()
        trainer.step()
        seconds.append(time.perf_counter() - began)
        gradients.append(conv1.grad.copy())
        weights.append(conv1.value.copy())
        if step % LOOK == 0:
            decibels.append(psnr(trainer.averaged))
    gradients, weights = (np.reshape(a, (-1, 64, 25)).astype(float) for a in (gradients, weights))
    return gradients, weights, np.array(decibels), 1e3 * np.median(seconds)


def say(text):
    print(textwrap.fill(" ".join(text.split()), 98), end="\n\n")


def picture(width, height, panels=1):
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, panels)


def write(figure, name):
    FOLDER.mkdir(parents=True, exist_ok=True)
    figure.savefig(FOLDER / name, dpi=120)
    print(f"See {FOLDER / name}\n")


print(f"Training ESPCN x{SCALE} twice, {STEPS} steps each: half a minute.\n")
adam_gradients, adam_weights, adam_psnr, adam_ms = train("adam")
soap_gradients, soap_weights, soap_psnr, soap_ms = train("soap")

print("1. TAPS THAT PULL TOGETHER\n")
gradients = adam_gradients[SETTLED:]
R = np.einsum("sfi,sfj->ij", gradients, gradients) / len(gradients)
sizes = np.sqrt(np.diag(R))
agreement = R / np.outer(sizes, sizes)
say(f"""
    conv1 has 64 filters of 25 taps. The gradient of a tap is a sum over the picture: each pixel
    that the tap saw, times how wrong the output was there. The tap next to it saw the next pixel,
    which in a picture is nearly the same. So their gradients are nearly the same, too. On a scale
    from 0, unrelated, to 1, proportional, the gradients of two taps agree by
    {agreement.mean():.3f} on average, and those of no two by less than {agreement.min():.3f}.
""")
assert agreement.min() > 0.9

print("2. THE FACTOR AND ITS DIRECTIONS\n")
eigenvalues, directions = np.linalg.eigh(R)
eigenvalues, directions = eigenvalues[::-1], directions[:, ::-1]  # the largest first
condition = eigenvalues[0] / eigenvalues[-1]
tiles = directions.T.reshape(25, 5, 5)
roughness = sum((np.diff(tiles, axis=axis) ** 2).sum((1, 2)) for axis in (1, 2))
cosines = np.cos(np.pi * np.outer(np.arange(5), 2 * np.arange(5) + 1) / 10)
cosines /= np.linalg.norm(cosines, axis=1, keepdims=True)
jpeg = np.einsum("ai,bj->abij", cosines, cosines).reshape(25, 25)  # one pattern per row


def of_two_patterns(vectors):
    """Return how much of a unit vector its best two cosine patterns make up, on average."""
    return np.sort((jpeg @ vectors) ** 2, axis=0)[-2:].sum(axis=0).mean()


any_basis, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((25, 25)))
say("""
    Call a step's gradient G, a matrix of 64 x 25. The mean of G^T G over the steps is SOAP's right
    factor R, 25 x 25: it says how the gradients of any two taps vary together. Its eigenvectors
    are the combinations of taps, call them directions, whose gradients do NOT vary together, and
    the root of an eigenvalue is the size of the gradient along its direction.
""")
say(f"""
    The first direction is the mean of the patch: its taps are equal to within
    {np.ptp(tiles[0]) / abs(tiles[0]).mean():.0%}. The others are differences, finer and finer,
    like the cosine patterns of JPEG. On average, two such patterns make up
    {of_two_patterns(directions[:, :6]):.0%} of one of the first six directions,
    {of_two_patterns(directions[:, 13:]):.0%} of one of the last twelve, which are more mixed, and
    {of_two_patterns(any_basis):.0%} of a random direction.
""")
print("  direction   gradient (last = 1)   roughness")
for k in (1, 2, 3, 5, 10, 15, 20, 25):
    size = np.sqrt(eigenvalues[k - 1] / eigenvalues[-1])
    print(f"  {k:9}   {size:19,.0f}   {roughness[k - 1]:9.2f}")
print(f"\nThe condition number, largest over smallest eigenvalue, is {condition:.1e}.\n")
assert condition > 1e5
assert np.corrcoef(np.arange(25), roughness)[0, 1] > 0.8

figure, (left, middle, right) = picture(13, 4.6, 3)
figure.colorbar(left.imshow(R / np.diag(R).mean()), ax=left, shrink=0.7)
left.set_title("R: how the taps vary together (mean of a tap: 1)")
rest = R - eigenvalues[0] * np.outer(directions[:, 0], directions[:, 0])
rest /= np.diag(rest).mean()
most = abs(rest).max()
figure.colorbar(middle.imshow(rest, "RdBu_r", vmin=-most, vmax=most), ax=middle, shrink=0.7)
middle.set_title(f"the {1 - eigenvalues[0] / eigenvalues.sum():.2%} of R that is not direction 1")
for axes in (left, middle):
    axes.set(xlabel="tap, row by row", ylabel="tap, row by row")
wall = np.full((35, 30), np.nan)
for k, tile in enumerate(tiles):
    y, x = 7 * (k // 5) + 2, 6 * (k % 5)
    biggest = tile.flat[abs(tile).argmax()]  # its sign is arbitrary; make it red
    wall[y : y + 5, x : x + 5] = tile / biggest
    right.text(x - 0.5, y - 0.7, k + 1, fontsize=8)
right.imshow(wall, "RdBu_r", vmin=-1, vmax=1)
right.set_title("its eigenvectors as patterns of 5 x 5 taps")
right.axis("off")
write(figure, "1_factor.png")

low = np.concatenate([patches.batch(step)[0][:, 0] for step in range(20)])
views = np.lib.stride_tricks.sliding_window_view(low, (5, 5), (1, 2)).reshape(-1, 25).astype(float)
of_pictures = np.linalg.eigvalsh(views.T @ views)[::-1]
say(f"""
    Pictures themselves are like that: the same matrix for their patches of 5 x 5 pixels has a
    condition number of {of_pictures[0] / of_pictures[-1]:.1e}. That of the gradient, which is
    patches times errors, is larger still.
""")
assert condition > of_pictures[0] / of_pictures[-1]
figure, axes = picture(7, 4.2)
axes.semilogy(range(1, 26), eigenvalues / eigenvalues[0], "o-", color="black")
axes.semilogy(range(1, 26), of_pictures / of_pictures[0], "s--", color=GREY)
axes.text(12, 2e-6, f"conv1's right factor\ncondition number {condition:.1e}", ha="right", va="top")
text = f"the pictures' own 5 x 5 patches\ncondition number {of_pictures[0] / of_pictures[-1]:.1e}"
axes.text(12, 3e-3, text, color=GREY)
axes.set(title="Eigenvalues", xlabel="direction", ylabel="largest = 1")
axes.grid(alpha=0.3)
write(figure, "2_spectrum.png")

print("3. WHY DIVIDING TAP BY TAP DOES NOT HELP\n")
m = v = rotated_v = 0.0
ways = {"gradient": [], "momentum": [], "by tap: Adam": [], "by direction: SOAP": []}
for step, G in enumerate(adam_gradients, start=1):
    m = 0.9 * m + 0.1 * G
    v = 0.99 * v + 0.01 * G**2
    rotated_v = 0.99 * rotated_v + 0.01 * (G @ directions) ** 2
    seen = 1 - 0.99**step
    ways["gradient"].append(G)
    ways["momentum"].append(m)
    ways["by tap: Adam"].append(m / np.sqrt(v / seen))
    rotated = (m @ directions) / np.sqrt(rotated_v / seen)
    ways["by direction: SOAP"].append(rotated @ directions.T)  # rotated back


def along(matrices):
    """Return the size of 64 x 25 matrices along each direction: the root mean square."""
    return np.sqrt(((matrices @ directions) ** 2).mean(axis=(0, 1)))


lengths = {name: along(np.array(way[SETTLED:])) for name, way in ways.items()}
ratios = {name: length.max() / length.min() for name, length in lengths.items()}
say(f"""
    Adam divides a tap's step by the size of that tap's past gradients, so that taps with small
    gradients get as far as those with large ones. But the 25 taps are all alike: the largest
    gradient is {sizes.max() / sizes.min():.2f} times the smallest, so dividing changes little.
    What differs, {np.sqrt(condition):,.0f} to 1, are the directions, and no single tap shows that.
    So rotate the gradient into the directions, divide there, and rotate the step back: that is
    SOAP.
""")
say("""
    Here are the gradients of Adam's run, and the steps that could be made from them: their size
    along each direction, relative to the mean.
""")
print("  direction" + "".join(f"{name:>20}" for name in lengths))
for k in (1, 2, 3, 5, 10, 15, 20, 25):
    cells = (length[k - 1] / length.mean() for length in lengths.values())
    print(f"  {k:9}" + "".join(f"{cell:20.3f}" for cell in cells))
print("  max / min" + "".join(f"{ratio:20,.0f}" for ratio in ratios.values()) + "\n")
say(f"""
    Momentum helps, because along the first direction the gradient goes back and forth. Dividing by
    tap only turns its {ratios["momentum"]:,.0f} to 1 into {ratios["by tap: Adam"]:,.0f} to 1;
    dividing by direction turns it into {ratios["by direction: SOAP"]:.0f} to 1. A learning rate
    low enough for the first direction is too low for the others, and dividing by tap does not
    change that. (SOAP itself also rotates the 64 filters, by a left factor from G G^T, and its
    directions follow the training.)
""")
assert sizes.max() / sizes.min() < 1.5
assert ratios["by tap: Adam"] > 20 * ratios["by direction: SOAP"]

print("4. THE CONSEQUENCES\n")
start = along(adam_weights[:1])
adam_moved, soap_moved = (along(w[-1:] - w[:1]) for w in (adam_weights, soap_weights))
adam_left, soap_left = (
    along(g[HALF:].mean(axis=0, keepdims=True)) / along(g[HALF:])
    for g in (adam_gradients, soap_gradients)
)
noise = 1 / np.sqrt(STEPS - HALF)
say(f"""
    How far has each moved after {STEPS} steps, as a share of the filters' size at the start? And
    what is left to learn? Noise points another way in every batch; what is left to learn points
    the same way in all. The mean of {STEPS - HALF} gradients of pure noise would be {noise:.0%} of
    the size of one of them. In the second half it was:
""")
print("               moved since the start      mean gradient / one gradient")
print("  direction        Adam         SOAP             Adam         SOAP")
for k in (2, 3, 5, 10, 15, 20, 25):
    cells = [f"{part[k - 1] / start[k - 1]:12.1%} " for part in (adam_moved, soap_moved)]
    cells += ["   "] + [f"{part[k - 1]:12.0%} " for part in (adam_left, soap_left)]
    print(f"  {k:8}" + "".join(cells))
fine = slice(12, 25)
adam_fine, soap_fine = (part[fine].mean() / start[fine].mean() for part in (adam_moved, soap_moved))
adam_mean, soap_mean = (part[0] ** 2 / (part**2).sum() for part in (adam_moved, soap_moved))
print()
say(f"""
    Along the finer half of the directions, Adam has changed the filters by {adam_fine:.1%}: they
    are still the random ones of the start. SOAP has changed them by {soap_fine:.0%}. (Direction 1
    is missing above, because ESPCN's filters start with a mean of zero. It makes up
    {adam_mean:.0%} of Adam's squared change, and {soap_mean:.1%} of SOAP's.)
""")
assert soap_fine > 10 * adam_fine
assert adam_left[fine].mean() > 2 * soap_left[fine].mean()

figure, (one, other) = picture(12, 4.4, 2)
looks = {"gradient": ("black", ":"), "momentum": (GREY, "--")}
looks |= {"by tap: Adam": (ADAM, "-"), "by direction: SOAP": (SOAP, "-")}
for name, length in lengths.items():
    colour, style = looks[name]
    label = f"{name}, {ratios[name]:,.0f} to 1"
    one.semilogy(range(1, 26), length / length.mean(), style, color=colour, label=label)
one.set(title="Steps from the same gradients, along each direction", ylabel="size, mean = 1")
other.plot(range(1, 26), 100 * adam_left, color=ADAM, label="Adam")
other.plot(range(1, 26), 100 * soap_left, color=SOAP, label="SOAP")
other.axhline(100 * noise, color="black", linestyle=":", label="nothing left: noise")
other.set(title="What is left to learn", ylabel="mean gradient / one gradient, %", ylim=(0, None))
for axes in (one, other):
    axes.set_xlabel("direction, from the mean of the patch to its finest detail")
    axes.legend()
    axes.grid(alpha=0.3)
write(figure, "3_directions.png")

figure, panels = picture(12, 3.6, 2)
for axes, name, weights in zip(panels, ("Adam", "SOAP"), (adam_weights, soap_weights), strict=True):
    change = (weights[-1] - weights[0])[:32].reshape(4, 8, 5, 5)
    most = abs(change).max()
    wall = np.pad(change, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    axes.imshow(wall.transpose(0, 2, 1, 3).reshape(24, 48), "RdBu_r", vmin=-most, vmax=most)
    axes.set_title(f"{name}'s change of 32 filters, {-most:.2f} (blue) to {most:.2f} (red)")
    axes.axis("off")
write(figure, "4_filters.png")

print("5. AND THE PICTURES?\n")
bicubic = psnr(None)
steps = LOOK * np.arange(1, len(adam_psnr) + 1)
print(f"PSNR in dB on {' and '.join(HOLD_OUT)}, held out; bicubic has {bicubic:.2f}:\n")
print("  step       Adam       SOAP")
for k in np.flatnonzero(np.isin(steps, (25, 50, 75, 100, 150, 200, 300, 400, 600))):
    print(f"  {steps[k]:4}   {adam_psnr[k]:8.2f}   {soap_psnr[k]:8.2f}")
there = steps[np.argmax(soap_psnr >= adam_psnr[-1])]
print(f"\nSOAP reaches Adam's final {adam_psnr[-1]:.2f} dB by step {there} of {STEPS}.\n")
if adam_psnr[0] > soap_psnr[0]:
    first = [along(w[LOOK : LOOK + 1] - w[:1])[0] for w in (adam_weights, soap_weights)]
    say(f"""
        At first it is behind. What a picture looks like on the whole passes through direction 1,
        along which these filters are zero at the start; and this is the one direction in which
        Adam runs. After {LOOK} steps Adam has moved by {first[0]:.3f} there, SOAP by
        {first[1]:.3f}. Going equally far along all directions is slower along the easy one; it
        pays off as soon as the others count.
    """)
say(f"""
    A step took {adam_ms:.1f} ms with Adam and {soap_ms:.1f} with SOAP, on a machine that may have
    had other work to do. And {STEPS} steps are few: what minutes of training achieve, on an idle
    machine and next to PyTorch, is in benchmarks/README.md. Both had the same learning rate;
    neither was tuned.
""")
assert soap_psnr[-1] > adam_psnr[-1]

figure, axes = picture(7, 4.2)
axes.axhline(bicubic, color="black", linestyle=":")
axes.text(1.01 * STEPS, bicubic, f"bicubic {bicubic:.2f}", va="center")
for name, curve, colour in (("Adam", adam_psnr, ADAM), ("SOAP", soap_psnr, SOAP)):
    axes.plot(steps, curve, color=colour, linewidth=2)
    axes.text(1.01 * STEPS, curve[-1], f"{name} {curve[-1]:.2f}", color=colour, va="center")
axes.set(title="The same start, the same batches", xlabel="step", xlim=(0, STEPS))
axes.set(ylabel="PSNR on held-out pictures, dB", ylim=(bicubic - 1, soap_psnr[-1] + 0.1))
axes.grid(alpha=0.3)
write(figure, "5_curves.png")
