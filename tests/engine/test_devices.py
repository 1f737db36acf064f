"""Which device computes, and every reason why it may not; a stand-in is the driver."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from stand_in_driver import Driver, gpu

import minisr
from minisr.cli import main
from minisr.engine import devices
from minisr.errors import DeviceError, DeviceMemoryError, MinisrError, SettingsError
from minisr.images import read_picture
from minisr.kernels.cuda import driver as cuda_driver
from minisr.kernels.cuda import process as cuda_process
from minisr.upscaling.enlarger import Enlarger


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Begin as a new process does."""
    for name in ("NUMBA_ENABLE_CUDASIM", "NUMBA_DISABLE_CUDA", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(cuda_process._Process, "chosen", None)
    monkeypatch.setattr(cuda_process._Process, "ready", None)
    monkeypatch.setattr(cuda_process._Process, "thread", threading.local())


@pytest.fixture
def install(monkeypatch):
    """Return a function that puts a driver in the place of the machine's."""

    def install(driver, toolkit=13):
        monkeypatch.setattr(cuda_driver, "bindings", lambda: driver)
        monkeypatch.setattr(cuda_process, "bindings", lambda: driver)
        monkeypatch.setattr(cuda_driver, "_toolkit", lambda driver: toolkit)
        return driver

    return install


def why_not(name):
    """Return why a device cannot be used; it must be one line."""
    with pytest.raises(MinisrError) as caught:
        devices.choose(name)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 200
    return text


def test_names_of_devices():
    assert devices.parse("auto") == ("auto", None)
    assert devices.parse("cpu") == ("cpu", None)
    assert devices.parse("reference") == ("reference", None)
    assert devices.parse("cuda") == ("cuda", 0)
    assert devices.parse("cuda:12") == ("cuda", 12)
    for wrong in ("gpu", "cuda:", "cuda:-1", "cuda:x", "cuda:²", "cpu:0", "auto:1", "", None, 3):
        with pytest.raises(SettingsError, match="must be auto, cpu, cuda or cuda:N"):
            devices.parse(wrong)


def test_the_processor_asks_no_driver(install):
    driver = install(Driver(gpu()))
    assert devices.choose("cpu") == ("cpu", None, "the CPU", None)
    assert devices.choose("reference").backend == "reference"
    assert driver.called == []


def test_a_gpu_that_can_be_used(install):
    driver = install(Driver(gpu(), gpu("NVIDIA L4", (8, 9))))
    device = devices.choose("cuda:1")
    assert device == ("cuda", 1, "NVIDIA L4 (cuda:1)", None)
    assert str(device) == "cuda:1"
    assert devices.choose(device) == device
    assert cuda_process.chosen() == 1
    assert "cuDevicePrimaryCtxRetain" not in driver.called, "who only asks makes no context"


def test_auto_takes_the_first_gpu_that_can_be_used(install):
    install(Driver(gpu("Tesla V100", (7, 0)), gpu("Tesla T4", (7, 5)), gpu()))
    assert devices.choose("auto") == ("cuda", 1, "Tesla T4 (cuda:1)", None)
    assert devices.choose("auto").number == 1
    assert devices.choose("cuda:1").number == 1


@pytest.mark.parametrize(
    ("driver", "reason"),
    [
        (Driver(), "the NVIDIA driver finds no GPU"),
        (Driver(gpu("Tesla V100", (7, 0))), r"GPU 0 (Tesla V100) is too old: its compute"),
        (Driver(gpu(), version=12040), "the NVIDIA driver is too old: it supports CUDA 12.4"),
    ],
)
def test_auto_takes_the_processor_and_knows_why(install, driver, reason):
    install(driver)
    device = devices.choose("auto")
    assert device.backend == "cpu"
    assert device.title == "the CPU"
    assert device.why_no_gpu.startswith(reason)
    assert why_not("cuda") == device.why_no_gpu


def test_no_such_number(install):
    install(Driver(gpu()))
    assert why_not("cuda:1") == "there is no GPU 1: there is one, cuda:0"
    install(Driver(gpu(), gpu(), gpu()))
    assert why_not("cuda:3") == "there is no GPU 3: there are 3, the first is cuda:0"


def test_too_old_a_gpu_is_told_by_name_and_capability(install):
    install(Driver(gpu("Quadro P400", (6, 1))))
    assert why_not("cuda") == (
        "GPU 0 (Quadro P400) is too old: its compute capability is 6.1, and 7.5 is needed"
    )


def test_the_driver_must_know_the_cuda_that_is_installed(install):
    driver = Driver(gpu(), version=12080)
    install(driver)
    assert why_not("cuda") == (
        "the NVIDIA driver is too old: it supports CUDA 12.8, and CUDA 13 is installed; install a "
        "newer driver (580 or later)"
    )
    install(driver, toolkit=12)
    assert devices.choose("cuda").backend == "cuda"


def test_a_gpu_that_is_set_to_take_no_work(install):
    install(Driver(gpu(mode="PROHIBITED")))
    assert "is set to take no work" in why_not("cuda")


def test_exclusive_mode(install):
    taken = gpu(mode="EXCLUSIVE_PROCESS", retain="CUDA_ERROR_DEVICE_UNAVAILABLE")
    driver = install(Driver(taken, gpu("NVIDIA L4")))
    assert why_not("cuda") == (
        "GPU 0 (NVIDIA H100) is in exclusive mode, and another process has it"
    )
    assert "cuDevicePrimaryCtxRelease" not in driver.called
    assert devices.choose("auto").number == 1
    free = install(Driver(gpu(mode="EXCLUSIVE_PROCESS", retain="CUDA_SUCCESS")))
    cuda_driver.require_cuda(0)
    assert free.called[-2:] == ["cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRelease"]


@pytest.mark.parametrize(
    ("function", "fault", "reason"),
    [
        ("cuInit", "CUDA_ERROR_NO_DEVICE", "finds no GPU"),
        ("cuInit", "CUDA_ERROR_NOT_INITIALIZED", "forked"),
        ("cuInit", "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "restart the machine"),
        ("cuInit", "CUDA_ERROR_UNKNOWN", "the NVIDIA driver reports CUDA_ERROR_UNKNOWN"),
        ("cuDeviceGetCount", "CUDA_ERROR_STUB_LIBRARY", "stub"),
        ("cuInit", RuntimeError('Function "cuInit" not found'), 'Function "cuInit" not found'),
    ],
)
def test_a_driver_that_fails(install, function, fault, reason):
    install(Driver(gpu(), failing={function: fault}))
    assert reason in why_not("cuda")
    assert reason in devices.choose("auto").why_no_gpu


def test_gpus_that_are_hidden(install, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    install(Driver(failing={"cuInit": "CUDA_ERROR_NO_DEVICE"}))
    assert why_not("cuda") == "the NVIDIA driver finds no GPU (CUDA_VISIBLE_DEVICES is '')"


def test_without_the_extra(monkeypatch):
    monkeypatch.setattr(cuda_driver.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "platform", "linux")
    line = 'CUDA needs numba-cuda, which is not installed: pip install "minisr[cuda]"'
    assert why_not("cuda") == line
    with pytest.raises(DeviceError, match="numba-cuda"):
        cuda_driver.require_extra()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert why_not("cuda") == f"{line}, on Linux"
    monkeypatch.setenv("NUMBA_ENABLE_CUDASIM", "1")  # the simulator is numba-cuda's, too
    with pytest.raises(DeviceError, match="numba-cuda"):
        cuda_driver.require_extra()


def test_cuda_switched_off(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_CUDA", "1")
    assert why_not("cuda") == "CUDA is switched off: NUMBA_DISABLE_CUDA is set"


def test_the_driver_of_this_machine():
    pytest.importorskip("cuda.bindings.driver", reason="needs the extra `cuda`")
    device = devices.choose("auto")
    if device.backend == "cuda":
        gpu = cuda_driver.ask().gpus[device.number]
        assert gpu.memory > 0
        assert gpu.name
        return
    assert "\n" not in device.why_no_gpu
    assert why_not("cuda") == device.why_no_gpu


def test_the_simulator_is_there_for_who_asks(monkeypatch, install):
    driver = install(Driver(gpu()))
    monkeypatch.setenv("NUMBA_ENABLE_CUDASIM", "1")
    assert devices.choose("cuda") == ("cuda", 0, "Numba's simulator", None)
    assert why_not("cuda:1") == "there is no GPU 1: Numba's simulator has only GPU 0"
    device = devices.choose("auto")
    assert device.backend == "cpu"
    assert "Numba's simulator" in device.why_no_gpu
    assert driver.called == []


def test_a_process_computes_on_one_gpu(install):
    install(Driver(gpu(), gpu()))
    devices.choose("cuda:1")
    assert why_not("cuda:0") == ("this process computes on GPU 1; GPU 0 needs a process of its own")


def test_every_thread_selects_the_chosen_gpu(install, monkeypatch):
    cuda = pytest.importorskip("numba.cuda")
    install(Driver(gpu(), gpu(), gpu()))
    selected = []
    monkeypatch.setattr(
        cuda, "select_device", lambda number: selected.append((threading.get_ident(), number))
    )
    devices.choose("cuda:2")
    assert selected == [], "before there is work, nothing is made"

    def work():
        cuda_process.enter()
        cuda_process.enter()

    work()
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [number for _, number in selected] == [2] * 4


def test_a_forked_process_asks_anew(install, monkeypatch):
    cuda = pytest.importorskip("numba.cuda")
    driver = install(Driver(gpu()))
    monkeypatch.setattr(cuda, "select_device", lambda number: None)
    cuda_process.enter()
    driver.failing["cuInit"] = "CUDA_ERROR_NOT_INITIALIZED"  # as the driver does after a fork
    cuda_process.enter()
    here = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: here + 1)
    with pytest.raises(DeviceError, match="start processes with multiprocessing's spawn"):
        cuda_process.enter()


def api_error(text):
    """Return an error as numba.cuda raises it."""
    error = type("CudaAPIError", (Exception,), {"__module__": "numba.cuda.cudadrv.driver"})
    return error(text)


def test_the_driver_out_of_memory_says_how_much(install):
    install(Driver(gpu(), free=(1_200_000_000, 8_000_000_000)))
    with (
        pytest.raises(DeviceMemoryError) as caught,
        cuda_process.driver_errors(asked=3_000_000_000),
    ):
        raise api_error("[2] Call to cuMemAlloc results in CUDA_ERROR_OUT_OF_MEMORY")
    text = str(caught.value)
    assert "3.0 GB was asked for, and 1.2 GB of 8.0 GB are free" in text
    assert "--device cpu" in text
    assert "\n" not in text


def test_other_errors_of_the_driver(install):
    install(Driver(gpu()))
    with pytest.raises(DeviceError, match="GPU 0: it is busy"), cuda_process.driver_errors():
        raise api_error("[46] ... results in CUDA_ERROR_DEVICE_UNAVAILABLE")
    with pytest.raises(ValueError, match="CUDA_ERROR"), cuda_process.driver_errors():
        raise ValueError("CUDA_ERROR_OUT_OF_MEMORY: somebody else's")
    broken = api_error("a kernel does not compile")
    with pytest.raises(type(broken), match="compile"), cuda_process.driver_errors():
        raise broken


def run(code):
    """Run code in a process of its own, in which Numba simulates nothing; return what it prints."""
    hidden = ("NUMBA_ENABLE_CUDASIM", "NUMBA_DISABLE_CUDA")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def has_gpu():
    code = "from minisr.engine import devices; print(devices.choose('auto').backend)"
    return run(code) == "cuda"


def test_numba_without_a_driver_gives_one_line():
    pytest.importorskip("numba_cuda", reason="needs the extra `cuda`")
    if has_gpu():
        pytest.skip("needs a machine without a GPU")
    code = """
from numba import cuda
from minisr.errors import DeviceError
from minisr.kernels.cuda import process as cuda_process
for ask in (cuda_process.enter, cuda.current_context):
    try:
        with cuda_process.driver_errors():
            ask()
    except DeviceError as error:
        print(error)
"""
    assert len(run(code).splitlines()) == 2


def test_a_gpu_in_every_thread_and_its_memory():
    if not has_gpu():
        pytest.skip("needs a GPU")
    code = """
import threading
from numba import cuda
from minisr.engine import devices
from minisr.errors import DeviceMemoryError
from minisr.kernels.cuda import driver as cuda_driver
from minisr.kernels.cuda import process as cuda_process
last = [gpu.number for gpu in cuda_driver.ask().gpus if not cuda_driver.fault_of(gpu)][-1]
devices.choose(f"cuda:{last}")
numbers = []
def work():
    cuda_process.enter()
    numbers.append(cuda.gpus.current.id)
work()
threads = [threading.Thread(target=work) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert numbers == [last] * 4, numbers
free, total = cuda_process.memory()
assert 0 < free <= total
try:
    with cuda_process.driver_errors(10 * total):
        cuda.device_array(10 * total, "u1")
except DeviceMemoryError as error:
    print(error)
"""
    assert "is out of memory" in run(code)


def test_the_names_are_arguments_of_functions(install, weights, folder, tmp_path):
    install(Driver(failing={"cuInit": "CUDA_ERROR_NO_DEVICE"}))
    picture = np.zeros((8, 9), np.uint8)
    for function in (
        lambda: minisr.upscale(picture, model=weights, device="cuda"),
        lambda: minisr.upscale_video("in.mkv", tmp_path / "out.mkv", model=weights, device="cuda"),
        lambda: Enlarger(weights, device="cuda"),
    ):
        with pytest.raises(DeviceError, match="finds no GPU"):
            function()
    by_default = minisr.upscale(picture, model=weights)
    assert (minisr.upscale(picture, model=weights, device="auto") == by_default).all()


@pytest.mark.parametrize("command", ["upscale", "evaluate", "train"])
def test_the_command_line_says_what_cannot_be_had(
    install, command, weights, folder, tmp_path, capsys
):
    install(Driver(failing={"cuInit": "CUDA_ERROR_NO_DEVICE"}))
    words = {
        "upscale": ["-m", weights, "-o", tmp_path / "out"],
        "evaluate": ["-m", weights, "-s", "2"],
        "train": ["-s", "2", "-o", tmp_path / "run", "--steps", "1"],
    }[command]
    assert main([*map(str, [command, folder, *words]), "--device", "cuda"]) == 2
    assert capsys.readouterr().err == "minisr: error: the NVIDIA driver finds no GPU\n"
    assert list(tmp_path.iterdir()) == []


def test_auto_says_once_what_computes_where_somebody_looks(
    install, weights, folder, tmp_path, capsys, monkeypatch
):
    install(Driver(failing={"cuInit": "CUDA_ERROR_NO_DEVICE"}))
    words = ["upscale", str(folder / "0.png"), "-m", str(weights), "--overwrite", "-o"]
    auto = ("--device", "auto")
    assert main([*words, str(tmp_path / "a.png"), *auto]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main([*words, str(tmp_path / "b.png"), *auto]) == 0
    line = "minisr: computing on the CPU (the NVIDIA driver finds no GPU)\n"
    assert capsys.readouterr().err == line
    assert main([*words, str(tmp_path / "c.png")]) == 0
    assert capsys.readouterr().err == ""
    pixels = [read_picture(tmp_path / f"{name}.png").pixels for name in "abc"]
    assert (pixels[0] == pixels[1]).all()
    assert (pixels[0] == pixels[2]).all()


def test_a_run_goes_on_where_it_was_begun(install, monkeypatch, tmp_path, capsys):
    from minisr.training import runs

    install(Driver(failing={"cuInit": "CUDA_ERROR_NO_DEVICE"}))
    monkeypatch.setattr(runs, "backend_of", lambda folder: "cuda")
    assert main(["train", "--resume", "-o", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert f"the run in {tmp_path} was started on a GPU: the NVIDIA driver finds no GPU" in error


def test_nothing_of_numba_is_imported_unless_asked_for():
    code = (
        "import sys; from minisr import cli; from minisr.engine import devices; "
        "devices.choose('cpu'); devices.choose('auto'); "
        "print([m for m in sys.modules if m.split('.')[0] in ('numba', 'numba_cuda')])"
    )
    assert run(code) == "[]"
