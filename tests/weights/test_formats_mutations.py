"""Damaged files of weights load or end in one MinisrError, quickly and in little memory."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import graphdef
import numpy as np
import pytest
from other_networks import FAMILIES, saved, seeded, torch
from safetensors.numpy import save_file

from minisr import models, weights
from minisr.weights.convert import convert

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="needs Linux, to limit and measure memory"
)

# MINISR_MUTATIONS=10000 is the long run, a minute or two.
COUNT = int(os.environ.get("MINISR_MUTATIONS", "1000"))


class Runs:
    """Writes a file when it is unpickled by `pickle`."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a good file of each container and family, and a malicious one."""
    folder = tmp_path_factory.mktemp("good")
    legacy = {"_use_new_zipfile_serialization": False}
    for family, (make, _) in FAMILIES.items():
        network = seeded(make, 2)
        name = family.replace("/", "-")
        if family == "TF-ESPCN":
            state = graphdef.state_of(network)
            (folder / f"{name}.pb").write_bytes(graphdef.espcn(state, 2))
            continue
        (folder / f"{name}.pth").write_bytes(saved(network.state_dict()))
        (folder / f"{name}.old.pth").write_bytes(saved(network.state_dict(), **legacy))
    network = seeded(FAMILIES["Lornatang"][0], 3)
    optimizer = torch.optim.Adam(network.parameters())
    whole = {"state_dict": network.state_dict(), "optimizer": optimizer.state_dict()}
    (folder / "g_best.pth.tar").write_bytes(saved(whole))
    tensors = {key: tensor.numpy() for key, tensor in network.state_dict().items()}
    np.savez(folder / "bare.npz", **tensors)
    np.savez_compressed(folder / "packed.npz", **tensors)
    save_file(tensors, folder / "bare.safetensors")
    for name, settings in (
        ("espcn", {"upscale_factor": 2, "channels": [8, 4]}),
        ("edsr", {"upscale_factor": 2, "channels": 4, "residual_blocks": 2}),
        ("srcnn", {"upscale_factor": 2, "channels": [4, 3]}),
    ):
        weights.save(models.build(name, settings), folder / f"{name}.safetensors")
        for suffix in (".npz", ".pth"):
            convert(folder / f"{name}.safetensors", folder / f"{name}{suffix}")
    canary = folder.parent / "canary"
    runs = {"state_dict": Runs(canary), "a": Runs(canary)}
    (folder / "runs.pkl").write_bytes(pickle.dumps(runs, 2))
    return folder


def test_damaged_files_load_or_end_in_one_error(folder):
    script = Path(__file__).with_name("mutate.py")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, script, folder, str(COUNT)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)
    print(json.dumps(report, indent=2))
    assert not report["faults"], report
    assert not report["alarms"], report
    assert not (folder.parent / "canary").exists()
    assert report["slowest"] < 2, report
    assert report["longest message"] < 1000, report
    assert sum(report["kinds"].values()) == COUNT + 1, "the malicious file is refused undamaged"
    assert report["kinds"]["loaded"] > COUNT / 50, "otherwise only the first check was tested"
    assert report["kinds"]["CheckpointError"] > COUNT / 4, report
