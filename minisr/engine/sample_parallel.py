"""A backend whose convolutions take the samples of a batch in parallel.

For networks that see a batch as a whole. Each thread writes its own samples' results; gradients of
weights are made sample by sample and added in the samples' order. So the bits do not depend on how
many threads there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from minisr.system.threads import Threads


class SampleParallel:
    """All functions of a backend; the convolutions, which take longest, are shared among threads.

    Parameters
    ----------
    kernels : module
    threads : minisr.system.threads.Threads
    """

    def __init__(self, kernels: ModuleType, threads: Threads) -> None:
        self.kernels = kernels
        self.threads = threads

    def __getattr__(self, name: Any) -> Any:
        return getattr(self.kernels, name)

    def _each(self, count, work):
        self.threads.map(work, [slice(n, n + 1) for n in range(count)])

    def conv2d_forward(self, x: Any, weight: Any, bias: Any, padding: Any, out: Any) -> None:
        """See ``minisr.kernels``."""
        forward = self.kernels.conv2d_forward
        self._each(len(x), lambda one: forward(x[one], weight, bias, padding, out[one]))

    def conv2d_backward_input(self, dout: Any, weight: Any, padding: Any, dx: Any) -> None:
        """See ``minisr.kernels``."""
        backward = self.kernels.conv2d_backward_input
        self._each(len(dx), lambda one: backward(dout[one], weight, padding, dx[one]))

    def conv2d_backward_params(
        self, dout: Any, x: Any, padding: Any, dweight: Any, dbias: Any
    ) -> None:
        """See ``minisr.kernels``."""
        N = len(x)
        dweights = self.kernels.zeros((N, *dweight.shape), dweight.dtype)
        dbiases = self.kernels.zeros((N, *dbias.shape), dbias.dtype)
        backward = self.kernels.conv2d_backward_params

        def work(one):
            backward(dout[one], x[one], padding, dweights[one][0], dbiases[one][0])

        self._each(N, work)
        for n in range(N):
            self.kernels.add(dweight, dweights[n])
            self.kernels.add(dbias, dbiases[n])
