"""Several launches as one: CUDA graphs.

Numba takes some 20 microseconds to launch a kernel, as long as a thin layer runs. What a stream is
given between the beginning and the end of a capture is not done but noted down; the driver then
launches all of it in one call.
"""

import warnings

from minisr.errors import DeviceError
from minisr.kernels.cuda.capture_gate import capture
from minisr.kernels.cuda.driver import meaning
from minisr.kernels.cuda.memory import SIMULATED
from minisr.kernels.cuda.process import chosen


class Graph:
    """What some launches do, to be done again and again.

    Parameters
    ----------
    launches : callable
        It takes a stream and launches kernels in it, nothing else: no memory is taken or freed. It
        must have been called before, since compiling and loading are not for graphs.
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
                driver.cuStreamEndCapture(handle)  # the stream is to be used again
                raise
            graph = self._checked(driver.cuStreamEndCapture(handle))
        try:
            self._graph = self._checked(driver.cuGraphInstantiate(graph, 0))
        finally:
            driver.cuGraphDestroy(graph)

    def __call__(self, stream):
        """Do it all, in order, after what is in the stream."""
        self._checked(self._driver.cuGraphLaunch(self._graph, self._driver.CUstream(int(stream))))

    def _checked(self, answer):
        """Return what a call of the driver's gave, or raise what went wrong."""
        error, *values = answer
        if error != self._driver.CUresult.CUDA_SUCCESS:
            _, name = self._driver.cuGetErrorName(error)
            raise DeviceError(f"GPU {chosen()}, CUDA graph: {meaning(name.decode())}")
        return values[0] if values else None

    def __del__(self):
        if hasattr(self, "_graph"):
            self._driver.cuGraphExecDestroy(self._graph)


class Replay:
    """Launches that are noted down when they are asked for the second time.

    What cannot be noted down is launched each time: that is slower, but as right.

    Parameters
    ----------
    launches : callable
        See `Graph`.
    """

    def __init__(self, launches):
        self._launches, self._graph = launches, None
        self._times = 0

    def __call__(self, stream):
        """Launch it all."""
        if self._times == 1 and not SIMULATED:
            self._graph = self._noted_down(stream)
        (self._graph or self._launches)(stream)
        self._times += 1

    def _noted_down(self, stream):
        """Return the graph, or None and a warning if there can be none."""
        try:
            return Graph(self._launches, stream)
        except Exception as error:  # what is wrong with the GPU itself, plain launches tell
            warnings.warn(f"no CUDA graph, launches are slower: {error}", RuntimeWarning, 2)
            return None
