"""SOAP against an independent account of it: one long vector, one large basis."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minisr import kernels, optim
from minisr.datasets.pairs import make_pair
from minisr.errors import CheckpointError, SettingsError
from minisr.layers import Parameter
from minisr.system.threads import Threads
from minisr.training import CompiledTrainer, Patches, TrainConfig

REFERENCE = kernels.load("reference")


def gram_schmidt(columns):
    """Return an orthonormal basis of the columns, one after the other."""
    basis = []
    for column in columns.T:
        for other in [*basis, *basis]:  # twice, so that rounding leaves nothing
            column = column - (other @ column) * other
        basis.append(column / np.sqrt(column @ column))
    return np.array(basis).T


def check_eigenvectors(basis, factor):
    """See that a basis is one of eigenvectors, the largest eigenvalue first."""
    assert_allclose(basis.T @ basis, np.eye(len(basis)), atol=1e-12)
    diagonal = basis.T @ factor @ basis
    sizes = np.diag(diagonal)
    assert_allclose(diagonal, np.diag(sizes), atol=1e-12 * sizes.max())
    assert (np.diff(sizes) <= 1e-12 * sizes.max()).all()


class Account:
    """SOAP of one matrix, in the words of its paper, on the vector of all its weights."""

    def __init__(self, value, learning_rate, betas, epsilon, decay, every):
        self.value, self.shape = value.reshape(-1).copy(), value.shape
        self.settings = learning_rate, betas, epsilon, decay, every
        self.first, self.second = np.zeros(value.size), np.zeros(value.size)
        self.t = 0

    def step(self, gradient, first_bases):
        learning_rate, (b1, b2), epsilon, decay, every = self.settings
        G = gradient.reshape(self.shape)
        rows = sum(np.outer(G[:, j], G[:, j]) for j in range(G.shape[1]))
        columns = sum(np.outer(G[i], G[i]) for i in range(G.shape[0]))
        if self.t == 0:
            self.L, self.R = rows, columns
            # The first gradient leaves directions without any; their eigenvectors are anybody's.
            self.QL, self.QR = (basis.copy() for basis in first_bases)
            check_eigenvectors(self.QL, self.L)
            check_eigenvectors(self.QR, self.R)
        else:
            basis = np.kron(self.QL, self.QR)  # its columns are the combinations of weights
            g = gradient.reshape(-1)
            self.first = b1 * self.first + (1 - b1) * g
            self.second = b2 * self.second + (1 - b2) * (basis.T @ g) ** 2
            first = basis.T @ self.first / (1 - b1**self.t)
            second = self.second / (1 - b2**self.t)
            self.value = self.value - learning_rate * basis @ (first / (np.sqrt(second) + epsilon))
            self.L = decay * self.L + (1 - decay) * rows
            self.R = decay * self.R + (1 - decay) * columns
            if self.t % every == 0:
                self.QL, left = self.follow(self.L, self.QL)
                self.QR, right = self.follow(self.R, self.QR)
                self.second = self.second.reshape(self.shape)[left][:, right].reshape(-1)
        self.t += 1

    @staticmethod
    def follow(factor, basis):
        sizes = [column @ factor @ column for column in basis.T]
        order = sorted(range(len(sizes)), key=lambda k: -sizes[k])
        return gram_schmidt(factor @ basis[:, order]), order


def parameter_of(value):
    return Parameter(value.copy(), np.zeros_like(value))


@pytest.mark.parametrize("shape", [(3, 2, 2, 1), (5, 3), (2, 1, 3, 2)])
def test_every_step_agrees_with_an_independent_account(shape, rng):
    value = rng.standard_normal(shape)
    parameter = parameter_of(value)
    settings = {"factor_decay": 0.8, "renew_every": 3}
    soap = optim.SOAP([parameter], REFERENCE, 0.05, (0.8, 0.9), 1e-6, **settings)
    account = Account(value.reshape(shape[0], -1), 0.05, (0.8, 0.9), 1e-6, 0.8, 3)
    mixing = rng.standard_normal((value.size, value.size))  # gradients that rise and fall together
    for step in range(17):
        gradient = (mixing @ rng.standard_normal(value.size)).reshape(shape)
        parameter.grad[...] = gradient
        soap.step()
        account.step(gradient, [side.basis for side in soap.matrices[0].sides.values()])
        assert_allclose(
            parameter.value.reshape(-1), account.value, rtol=1e-9, atol=1e-11, err_msg=str(step)
        )
    assert not np.array_equal(parameter.value, value)


def test_the_first_step_only_looks(rng):
    matrix, vector = (parameter_of(rng.standard_normal(shape)) for shape in ((4, 3), (4,)))
    before = matrix.value.copy(), vector.value.copy()
    for parameter in (matrix, vector):
        parameter.grad[...] = rng.standard_normal(parameter.value.shape)
    optim.SOAP([matrix, vector], REFERENCE, 0.1).step()
    np.testing.assert_array_equal(matrix.value, before[0])
    assert (np.abs(vector.value - before[1]) > 0.09).all()  # Adam's first step is the rate itself


def test_vectors_are_left_to_adam(rng):
    ours, theirs = (parameter_of(np.ones(5)) for _ in range(2))
    soap = optim.SOAP([ours], REFERENCE, 0.1, (0.9, 0.99))
    adam = optim.Adam([theirs], REFERENCE, 0.1, (0.9, 0.99))
    for _ in range(5):
        ours.grad[...] = theirs.grad[...] = rng.standard_normal(5)
        soap.step()
        adam.step()
    np.testing.assert_array_equal(ours.value, theirs.value)


def test_a_side_that_is_too_wide_keeps_its_own_basis(rng):
    parameter = parameter_of(rng.standard_normal((3, 8)))
    soap = optim.SOAP([parameter], REFERENCE, widest=5)
    assert [*soap.matrices[0].sides] == ["left"]
    alone = parameter_of(parameter.value)
    adam = optim.Adam([alone], REFERENCE, 3e-3, (0.9, 0.99))
    none = optim.SOAP([parameter], REFERENCE, widest=2)
    assert not none.matrices[0].sides
    for step in range(4):  # with no basis at all it is Adam, one step late
        parameter.grad[...] = alone.grad[...] = rng.standard_normal((3, 8))
        none.step()
        if step:
            adam.step()
    assert_allclose(parameter.value, alone.value, rtol=1e-12)


def test_it_goes_where_adam_crawls():
    """Linear regression on inputs that rise and fall together, as neighbouring pixels do."""
    left = {}
    for name, make in optim.OPTIMIZERS.items():
        rng = np.random.default_rng(0)
        turn = gram_schmidt(rng.standard_normal((12, 12)))
        root = turn * np.sqrt(np.geomspace(1e4, 1, 12))  # of the inputs' covariance
        goal = rng.standard_normal((4, 12))
        parameter = parameter_of(np.zeros((4, 12)))
        optimizer = make([parameter], REFERENCE, 0.03, (0.9, 0.99))
        schedule = optim.cosine(600)
        for step in range(600):
            x = root @ rng.standard_normal((12, 16))
            parameter.grad[...] = (parameter.value - goal) @ x @ x.T / 16
            optimizer.learning_rate = 0.03 * schedule(step)
            optimizer.step()
        left[name] = np.square((parameter.value - goal) @ root).sum()
    assert left["soap"] < left["adam"] / 5


def trainer_of(threads, rng):
    pairs = [make_pair(rng.integers(0, 256, (40, 44), dtype=np.uint8), 2) for _ in range(2)]
    config = TrainConfig(2, steps=40, optimizer="soap", options={"channels": [6, 4]})
    return CompiledTrainer(config, Patches(pairs, 9, 3, 0), threads)


def test_training_resumes_to_the_bit_on_any_number_of_threads():
    ends = []
    for count in (1, 2, 3):
        with Threads(count) as threads:
            trainer = trainer_of(threads, np.random.default_rng(1))
            for step in range(27):
                trainer.step()
                if step == 13:
                    state, steps = trainer.state_dict(), trainer.steps
            ends.append(trainer.state_dict())
            again = trainer_of(threads, np.random.default_rng(1))
            again.load_state_dict(state, steps)
            for _ in range(13):
                again.step()
            ends.append(again.state_dict())
    for end in ends[1:]:
        assert [*end] == [*ends[0]]
        for name, array in end.items():
            np.testing.assert_array_equal(array, ends[0][name], err_msg=name)


def test_a_state_of_other_shapes_is_refused(rng):
    with Threads(1) as threads:
        trainer = trainer_of(threads, rng)
        trainer.step()
        state = trainer.state_dict()
        state["optimizer.left_factor.1"] = np.zeros((2, 2), np.float32)
        with pytest.raises(CheckpointError, match=r"left_factor.1 has shape \(2, 2\), not"):
            trainer.load_state_dict(state, 1)
        del state["optimizer.left_factor.1"]
        with pytest.raises(CheckpointError, match="incomplete"):
            trainer.load_state_dict(state, 1)
    with pytest.raises(SettingsError, match="optimizer must be one of adam, soap"):
        TrainConfig(2, steps=1, optimizer="sgd")
