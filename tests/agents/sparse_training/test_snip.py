"""SNIP: sensitivities against autograd, and that exactly the most sensitive connections stay."""

import numpy as np
import pytest

from rlnas.agents.sparse_training.snip import sensitivity, snip
from rlnas.errors import InputError
from rlnas.nn import proxies
from rlnas.nn.initialization import random_network
from rlnas.nn.network import VALUE
from rlnas.nn.training import Batches
from tests.agents.sparse_training.schedules import (
    DATA,
    SIZES,
    check_counts,
    check_reads_training_samples_only,
    check_refusals,
    check_same_bits_from_the_same_seed,
    mean_accuracy,
    rng,
    static,
)
from tests.rlnas.reference import MaskedDense, mask_of, skip_network, torch_loss

SAMPLES = DATA.train[:50]


def autograd_sensitivity(network, samples) -> np.ndarray:
    """|d loss / d weight * weight| of every possible connection, `[rows, units]`."""
    module = MaskedDense(network)
    torch_loss(module, DATA, samples).backward()
    assert module.weights.grad is not None
    return (module.weights.grad * module.weights).abs().detach().numpy()


@pytest.mark.parametrize("sizes", [(12, 4), (12, 9, 4), SIZES])
def test_sensitivities_are_those_of_autograd(sizes):
    network = skip_network(sizes, rng(3), 0.5)
    truth = autograd_sensitivity(network, SAMPLES)[mask_of(network)]
    found = sensitivity(network, DATA, SAMPLES)
    np.testing.assert_allclose(found, truth, rtol=1e-3, atol=1e-6 * truth.max())


def test_sensitivities_sum_to_the_score_of_the_network():
    network = random_network(SIZES, 1.0, rng())
    total = sensitivity(network, DATA, SAMPLES).sum(dtype=np.float64)
    assert total == pytest.approx(proxies.snip(network, DATA, SAMPLES), rel=1e-5)


@pytest.mark.parametrize("count", [230, 250, 300])
def test_the_connections_kept_are_those_of_brute_force(count, monkeypatch):
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


def test_it_trains_every_connection_for_so_many_batches():
    network = snip(SIZES, 100, DATA, 23, rng())
    assert network.steps == 23
    assert network.connections[VALUE].all()


def test_another_data_set_is_refused():
    with pytest.raises(InputError, match="has 7 inputs"):
        sensitivity(random_network((7, 5, 4), 1.0, rng()), DATA, SAMPLES)


# --- as every schedule ---


def test_the_network_ends_with_exactly_the_weights_asked_for():
    check_counts(snip)


def test_the_same_seed_gives_the_same_bits():
    check_same_bits_from_the_same_seed(snip)


def test_only_training_samples_are_read():
    check_reads_training_samples_only(snip)


def test_what_cannot_be_used_is_refused():
    check_refusals(snip)


def test_it_beats_a_random_structure_of_the_same_size():
    assert mean_accuracy(snip, 400, 500) > mean_accuracy(static, 400, 500) + 0.05
