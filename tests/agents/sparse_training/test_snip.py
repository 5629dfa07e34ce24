"""SNIP: exactly the most sensitive connections stay, by the sensitivities of autograd."""

import numpy as np
import pytest

from rlnas.agents.sparse_training.snip import snip
from rlnas.nn.initialization import random_network
from rlnas.nn.network import VALUE
from rlnas.nn.training import Batches
from tests.agents.sparse_training.helpers import (
    DATA,
    SIZES,
    mean_accuracy,
    rng,
    static_training,
)
from tests.core.reference import MaskedDense, mask_of, torch_loss


def autograd_sensitivity(network, samples) -> np.ndarray:
    """|d loss / d weight * weight| of every possible connection, `[rows, units]`."""
    module = MaskedDense(network)
    torch_loss(module, DATA, samples).backward()
    assert module.weights.grad is not None
    return (module.weights.grad * module.weights).abs().detach().numpy()


@pytest.mark.parametrize("count", [230, 250, 300])
def test_the_connections_kept_are_those_most_sensitive_by_autograd(count, monkeypatch):
    monkeypatch.setattr("rlnas.agents.sparse_training.snip.train", lambda *_: None)
    for seed in range(4):
        source = rng(seed)
        dense = random_network(SIZES, 1.0, source)
        first = Batches(DATA.train, source).take(1)[0]
        saliency = autograd_sensitivity(dense, first)[mask_of(dense)]
        kept = np.sort(np.argsort(-saliency)[:count])
        ends = {*dense.targets[kept].tolist()}, {*dense.indices[kept].tolist()}
        hidden = set(range(12, 12 + dense.n_hidden))
        assert ends[0] & hidden == ends[1] & hidden, "no unit is half dead, so nothing is spared"
        network = snip(SIZES, count, DATA, 10, rng(seed))
        # Weights tell which they are: units are renumbered where one died.
        np.testing.assert_array_equal(network.connections, dense.connections[:, kept])


def test_every_connection_is_trained_for_the_batches_asked_for():
    network = snip(SIZES, 100, DATA, 23, rng())
    assert network.steps == 23
    assert network.connections[VALUE].all()


def test_accuracy_is_higher_than_with_a_random_structure():
    assert mean_accuracy(snip, 200, 500) > mean_accuracy(static_training, 200, 500) + 0.1
