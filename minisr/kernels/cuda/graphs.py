"""Several launches as one: CUDA graphs.

Numba takes some 20 microseconds to launch a kernel, as long as a thin layer runs. Between the start
and the end of a capture, launches in a stream are recorded instead of executed; then the driver
launches all of them in one call.
"""

import warnings

from minisr.errors import DeviceError
from minisr.kernels.cuda.capture_gate import capture
from minisr.kernels.cuda.driver import meaning
from minisr.kernels.cuda.memory import SIMULATED
from minisr.kernels.cuda.process import chosen


class Graph:
    """A recording of some launches, to be replayed many times.

    Parameters
    ----------
    launches : callable
        Takes a stream and launches kernels in it, nothing else: no memory is allocated or freed. It
        must have been called before, because a capture cannot compile or load kernels.
    stream : cuda.stream
    """

    def __init__(self, launches, stream):
        from cuda.bindings import driver

        handle = driver.CUstream(int(stream))
        mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
        self._driver = driver
        with capture():
            self._checked(driver.cuStreamBeginCapture(handle, mode))
            try:
                launches(stream)
            except BaseException:
                driver.cuStreamEndCapture(handle)  # makes the stream usable again
                raise
            graph = self._checked(driver.cuStreamEndCapture(handle))
        try:
            self._graph = self._checked(driver.cuGraphInstantiate(graph, 0))
        finally:
            driver.cuGraphDestroy(graph)

    def __call__(self, stream):
        """Launch all of it, in order, after what is already in the stream."""
        self._checked(self._driver.cuGraphLaunch(self._graph, self._driver.CUstream(int(stream))))

    def _checked(self, answer):
        """Return the result of a driver call, or raise DeviceError."""
        error, *values = answer
        if error != self._driver.CUresult.CUDA_SUCCESS:
            _, name = self._driver.cuGetErrorName(error)
            raise DeviceError(f"GPU {chosen()}, CUDA graph: {meaning(name.decode())}")
        return values[0] if values else None

    def __del__(self):
        if hasattr(self, "_graph"):
            self._driver.cuGraphExecDestroy(self._graph)


class Replay:
    """Launches that become a graph on the second call.

    If they cannot be captured, they are launched one by one each time: slower, but just as correct.

    Parameters
    ----------
    launches : callable
        See `Graph`.
    """

    def __init__(self, launches):
        self._launches, self._graph = launches, None
        self._times = 0

    def __call__(self, stream):
        """Launch all of it."""
        if self._times == 1 and not SIMULATED:
            self._graph = self._captured(stream)
        (self._graph or self._launches)(stream)
        self._times += 1

    def _captured(self, stream):
        """Return the graph; warn and return None if the launches cannot be captured."""
        try:
            return Graph(self._launches, stream)
        except Exception as error:  # if the GPU itself is at fault, plain launches will raise
            warnings.warn(f"no CUDA graph, launches are slower: {error}", RuntimeWarning, 2)
            return None
