"""Unions of networks: they answer the mean, and the pool finds the best one that fits."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rlnas.agents.config import SHIPPED
from rlnas.agents.designing.search.limits import Limits
from rlnas.agents.designing.search.trials import Recipe, Task, Trial
from rlnas.agents.designing.search.unions import MOST, Pool
from rlnas.data.loading import load_dataset
from rlnas.errors import InputError
from rlnas.nn.edits import remove_connections
from rlnas.nn.initialization import random_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.rewiring import side_by_side
from rlnas.nn.training import outputs

WINE = load_dataset("wine")


def made_up(number: int, weights: int, answers: np.ndarray) -> Trial:
    """A trial whose network has so many weights, and which gave these answers."""
    network = random_network((13, 20, 3), 1.0, np.random.default_rng(number))
    network = remove_connections(network, network.active_weights - weights)
    return Trial(number, Recipe("usual", 0.1), network, answers, True, 1.0, 0.1)


def made_up_trials(count: int) -> tuple[np.ndarray, list[Trial]]:
    """Labels and trials whose answers are right more or less often."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 90)
    right = np.eye(3)[labels]
    return labels, [
        made_up(
            k, int(rng.integers(10, 200)), (right + rng.normal(0, 1, (90, 3))).astype(np.float32)
        )
        for k in range(count)
    ]


def pool_of(labels: np.ndarray, penalty: float = 0.004, **limits: Any) -> Pool:
    """A pool for data whose first samples are judged on, and have these labels."""
    judged = np.arange(labels.size, dtype=np.int32)
    every = WINE.labels.copy()
    every[judged] = labels
    data = replace(WINE, labels=every, validation=judged)
    return Pool(Task([data], Limits(**limits), SHIPPED, 0), penalty)


def test_a_union_answers_the_mean_of_its_networks():
    rng = np.random.default_rng(0)
    shapes = [((13, 5, 3), 0.5), ((13, 3), 1.0), ((13, 3), 0.5), ((13, 7, 4, 3), 0.6)]
    networks = [random_network(sizes, density, rng) for sizes, density in shapes]
    whole = side_by_side(networks)
    whole.check()
    assert whole.layer_sizes == (13, 12, 4, 3)
    rows = WINE.validation
    mean = np.mean([outputs(each, WINE, rows) for each in networks], axis=0)
    assert outputs(whole, WINE, rows) == pytest.approx(mean, abs=1e-5)
    assert whole.active_weights < sum(each.active_weights for each in networks), "shared ones"


def test_networks_with_other_inputs_cannot_be_side_by_side():
    rng = np.random.default_rng(0)
    networks: list[SparseNetwork] = [random_network((n, 3), 1.0, rng) for n in (4, 5)]
    for some in (networks, []):
        with pytest.raises(InputError, match="same numbers of inputs and outputs"):
            side_by_side(some)


def test_the_best_of_a_pool_is_the_best_union_that_it_found():
    labels, trials = made_up_trials(12)
    pool = pool_of(labels)
    for trial in trials:
        pool.add(trial)
        assert pool.best is max(pool.found, key=pool.merit)
    assert pool.best is not None
    alone = max(np.mean(trial.answers.argmax(axis=1) == labels) for trial in trials)
    assert pool.best.judged.metric > alone, "answers that err independently average well"
    assert 1 < len(pool.best.trials) <= MOST
    answers = np.mean([trial.answers for trial in pool.best.trials], axis=0)
    assert pool.best.judged.metric == np.mean(answers.argmax(axis=1) == labels)
    assert pool.best.weights == pool.best.network().active_weights


def test_a_higher_penalty_never_takes_a_larger_design():
    labels, trials = made_up_trials(10)
    sizes = []
    for penalty in (0.0, 0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 10.0):
        pool = pool_of(labels, penalty)
        for trial in trials:
            pool.add(trial)
        assert pool.best is not None
        sizes.append(pool.best.weights)
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) >= 3


def test_unions_in_a_pool_fit():
    labels, trials = made_up_trials(10)
    pool = pool_of(labels, max_weights=220)
    for trial in trials:
        pool.add(trial)
    assert {len(union.trials) for union in pool.found} >= {1, 2}
    assert max(union.weights for union in pool.found) <= 220


def test_the_front_has_what_no_other_design_beats():
    labels, trials = made_up_trials(10)
    pool = pool_of(labels)
    for trial in trials:
        pool.add(trial)
    front = [(each["active_weights"], each["val_metric"]) for each in pool.front()]
    assert front == sorted(set(front))
    assert [accuracy for _, accuracy in front] == sorted({accuracy for _, accuracy in front})
    for union in pool.found:
        better = [a for w, a in front if w <= union.weights]
        assert better
        assert max(better) >= union.judged.metric
