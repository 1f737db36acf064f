"""SOAP: Adam, in a basis in which the directions of a layer's gradient are independent.

Adam divides each weight's step by how large that weight's gradients have been. That helps where
weights are what differs: a weight with large gradients goes slower. But the weights of a
convolution are taps on neighbouring pixels, which are nearly equal in a picture, so that their
gradients rise and fall together. What differs are *combinations* of taps: gradients along "the
mean of the patch" are thousands of times those along its fine detail, and no weight by itself
says so. Adam's steps along the fine detail, which super-resolution is about, stay tiny for long.

SOAP turns the gradient to those combinations first, does there what Adam does, and turns back:

1. A convolution's gradient is a matrix G, filters by taps (out x in K K). Two factors remember how
   its rows and its columns vary together: L, the moving average of G G^T (out x out), and R, that
   of G^T G (taps x taps). They are Shampoo's; the whole covariance is about their Kronecker
   product.
2. Their eigenvectors Q_L and Q_R are the combinations. In their basis the gradient is Q_L^T G Q_R.
3. Adam's second moment is kept there. Its first moment is kept in the weights' own basis, so that
   it stays right when the eigenvectors move, and is turned for each step.
4. Eigenvectors move slowly. Every few steps one multiplication by the factor and one QR
   decomposition (orthogonal iteration) follow them; only the first are computed from nothing.

Biases have no combinations; they are left to Adam. Example 06 draws all this for the first layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minisr.errors import CheckpointError
from minisr.optim.adam import Adam
from minisr.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


class SOAP(Optimizer):
    """Shampoo with Adam in the preconditioner's eigenbasis.

    Parameters
    ----------
    parameters : list of Parameter
        Those with two axes or more are taken as matrices, first axis by all others.
    kernels : module
        The backend that the parameters live on.
    learning_rate : float, optional
        May be set anew before every step.
    betas : pair of float, optional
        Decay of the first and of the second moment.
    epsilon : float, optional
    factor_decay : float, optional
        Decay of the factors L and R.
    renew_every : int, optional
        Steps after which the eigenvectors follow the factors.
    widest : int, optional
        A side of a matrix that is longer gets no factor and keeps its own basis.

    Notes
    -----
    The first step only looks: it starts the factors and computes their eigenvectors, and changes
    no matrix. As in Adam, both moments are divided by how much of them there can be so far.

    References
    ----------
    Vyas et al., "SOAP: improving and stabilizing Shampoo using Adam", arXiv 2409.11321,
    algorithms 3 and 4; Gupta et al., "Shampoo: preconditioned stochastic tensor optimization",
    ICML 2018.
    """

    def __init__(
        self,
        parameters: list[Any],
        kernels: ModuleType,
        learning_rate: float = 3e-3,
        betas: tuple = (0.9, 0.99),
        epsilon: float = 1e-8,
        factor_decay: float = 0.99,
        renew_every: int = 10,
        widest: int = 1536,
    ) -> None:
        super().__init__(parameters, kernels, learning_rate, betas, epsilon)
        self.factor_decay = factor_decay
        self.renew_every = renew_every
        self.matrices = [_Matrix(p, widest) for p in parameters if p.value.ndim > 1]
        vectors = [p for p in parameters if p.value.ndim < 2]
        self.rest = Adam(vectors, kernels, learning_rate, betas, epsilon)

    def step(self) -> None:
        """Change every parameter's value by what its gradient says."""
        self.rest.learning_rate = self.learning_rate
        self.rest.step()
        for matrix in self.matrices:
            self._step(matrix)
        self.steps += 1

    def _step(self, matrix):
        if self.steps == 0:
            matrix.begin()
            return
        matrix.step(self.learning_rate, self.betas, self.epsilon, self.steps)
        matrix.remember(self.factor_decay)
        if self.steps % self.renew_every == 0:
            matrix.renew()

    def state_dict(self) -> Any:
        """Return moments, factors and bases as ``{name: ndarray}``."""
        state = {f"vectors.{name}": array for name, array in self.rest.state_dict().items()}
        for k, matrix in enumerate(self.matrices):
            state |= {f"{name}.{k}": array.copy() for name, array in matrix.arrays().items()}
        return state

    def load_state_dict(self, state: Any, steps: Any) -> None:
        """Go on where ``state_dict`` was taken, after ``steps`` steps."""
        start = "vectors."
        own = {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}
        self.rest.load_state_dict(own, steps)
        for k, matrix in enumerate(self.matrices):
            for name, array in matrix.arrays().items():
                value = state[f"{name}.{k}"]
                if value.shape != array.shape:
                    raise CheckpointError(f"{name}.{k} has shape {value.shape}, not {array.shape}")
                array[...] = value
        super().load_state_dict(state, steps)


class _Matrix:
    """One parameter as a matrix, its moments, and the factor and basis of each of its sides."""

    def __init__(self, parameter, widest):
        self.value, self.grad = (
            array.reshape(array.shape[0], -1) for array in (parameter.value, parameter.grad)
        )
        self.first = np.zeros_like(self.value)
        self.second = np.zeros_like(self.value)
        self.sides = {
            name: _Side(length, self.value.dtype)
            for name, length in zip(("left", "right"), self.value.shape, strict=True)
            if length <= widest
        }

    def begin(self):
        """Start the factors with the first gradient, and take their eigenvectors."""
        self.remember(0)
        for side in self.sides.values():
            side.find_basis()

    def remember(self, decay):
        """Let the factors follow the gradient."""
        G = self.grad
        if "left" in self.sides:
            self.sides["left"].remember(G @ G.T, decay)
        if "right" in self.sides:
            self.sides["right"].remember(G.T @ G, decay)

    def step(self, learning_rate, betas, epsilon, count):
        """Take Adam's step number ``count``, from one, in the basis of the factors."""
        beta1, beta2 = betas
        self.first *= beta1
        self.first += (1 - beta1) * self.grad
        turned = self.turned(self.grad)
        self.second *= beta2
        self.second += (1 - beta2) * turned * turned
        first = self.turned(self.first) / (1 - beta1**count)
        scale = np.sqrt(self.second / (1 - beta2**count)) + epsilon
        self.value -= learning_rate * self.turned_back(first / scale)

    def renew(self):
        """Let the bases follow the factors, and the second moment the order of the bases."""
        for axis, name in enumerate(("left", "right")):
            if name in self.sides:
                order = self.sides[name].follow()
                self.second[...] = np.take(self.second, order, axis)

    def turned(self, x):
        """Return Q_L^T x Q_R."""
        if "left" in self.sides:
            x = self.sides["left"].basis.T @ x
        return x @ self.sides["right"].basis if "right" in self.sides else x

    def turned_back(self, x):
        """Return Q_L x Q_R^T."""
        if "left" in self.sides:
            x = self.sides["left"].basis @ x
        return x @ self.sides["right"].basis.T if "right" in self.sides else x

    def arrays(self):
        """Return all that a resumed run needs, by name."""
        arrays = {"first": self.first, "second": self.second}
        for name, side in self.sides.items():
            arrays |= {f"{name}_factor": side.factor, f"{name}_basis": side.basis}
        return arrays


class _Side:
    """A factor, and the basis of its eigenvectors, in columns, the largest eigenvalue first."""

    def __init__(self, length, dtype):
        self.factor = np.zeros((length, length), dtype)
        self.basis = np.eye(length, dtype=dtype)

    def remember(self, product, decay):
        self.factor *= decay
        self.factor += (1 - decay) * product

    def find_basis(self):
        from scipy.linalg import eigh

        _, vectors = eigh(self.factor, check_finite=False)
        self.basis[...] = vectors[:, ::-1]

    def follow(self):
        """Take a step of orthogonal iteration; return the new order of the basis's columns."""
        from scipy.linalg import qr

        product = self.factor @ self.basis
        eigenvalues = np.einsum("ij,ij->j", self.basis, product)  # Rayleigh's quotients
        order = np.argsort(-eigenvalues, kind="stable")
        vectors, _ = qr(product[:, order], mode="economic", check_finite=False)
        self.basis[...] = vectors
        return order
