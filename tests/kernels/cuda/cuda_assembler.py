"""Compile every CUDA kernel to PTX and on to machine code, and print what each one takes.

No GPU is needed. It runs in a process of its own, since the tests' own has Numba's simulator in
the place of its compiler.

    python tests/kernels/cuda/cuda_assembler.py [--arch 90 ...] [--match TEXT]
"""

import argparse
import json
import re
from types import SimpleNamespace
from unittest import mock

from cuda.core import Linker, LinkerOptions, ObjectCode
from numba import cuda, types
from numba.core import sigutils

from minisr.kernels.cuda.listing import all_kernels

ARCHITECTURES = (75, 80, 90)


def resources(kernel, architecture):
    """Return registers, bytes of shared memory, stack and spills of a kernel, and its PTX.

    And "doubles": how many of the PTX's lines compute in float64 or convert to it.
    """
    arguments = ", ".join(kernel.arguments)
    signature, _ = sigutils.normalize_signature(f"void({arguments})")
    major, minor = divmod(architecture, 10)
    # A device function that a kernel calls is compiled for the GPU that is there, without asking.
    device = SimpleNamespace(compute_capability=(major, minor))
    with mock.patch("numba.cuda.dispatcher.get_current_device", return_value=device):
        ptx, _ = cuda.compile_ptx(
            kernel.function,
            types.void(*signature),
            cc=(major, minor),
            launch_bounds=(kernel.threads, kernel.at_once),
        )
    options = LinkerOptions(arch=f"sm_{architecture}", ptxas_options=["-v"], verbose=True)
    linker = Linker(ObjectCode.from_ptx(ptx.encode()), options=options)
    linker.link("cubin")
    log = linker.get_info_log()

    def number(pattern):
        found = re.search(pattern, log)
        return int(found[1]) if found else 0

    return {
        "registers": number(r"used (\d+) registers"),
        "shared": number(r"(\d+) bytes smem"),
        "stack": number(r"(\d+) bytes stack frame"),
        "spill stores": number(r"(\d+) bytes spill stores"),
        "spill loads": number(r"(\d+) bytes spill loads"),
        "local": number(r"(\d+) bytes lmem"),
        "doubles": len(re.findall(r"^\s.*\.f64\b", ptx, re.MULTILINE)),
        "ptx": ptx,
    }


def main():
    """Print one line of JSON for each kernel and architecture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", type=int, nargs="+", default=ARCHITECTURES)
    parser.add_argument("--match", default="", help="only kernels whose names contain this")
    parser.add_argument("--ptx", action="store_true", help="print the PTX, too")
    options = parser.parse_args()
    for name, kernel in all_kernels().items():
        if options.match not in name:
            continue
        for architecture in options.arch:
            found = resources(kernel, architecture)
            if not options.ptx:
                del found["ptx"]
            facts = {"kernel": name, "arch": architecture, "threads": kernel.threads}
            facts["double"] = kernel.double
            print(json.dumps(facts | found), flush=True)


if __name__ == "__main__":
    main()
