"""The oracle: what an exhaustive look at the tables gives, without the luck of a seed."""

import numpy as np
import pytest

from rlnas.cost import EDIT
from rlnas.envs.family.actions import EDITS, edited
from rlnas.envs.family.bank import unit_cost
from rlnas.envs.family.family_env import FamilyEnv
from rlnas.envs.family.oracle import oracle
from rlnas.family.family_file import Family, write_family
from rlnas.family.space import ARCHITECTURES, NUMBERS
from rlnas.family.tasks import tasks
from tests.core.family.test_family import random_table

NAMES = [task.name for task in tasks("train")[:2]]


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    path = tmp_path_factory.mktemp("family") / "family.npz"
    write_family(path, [random_table(name, k, 5) for k, name in enumerate(NAMES)], {})
    return Family(path)


def smoothed(metrics: np.ndarray) -> np.ndarray:
    """A third of the metric of each architecture is the mean of its neighbours."""
    found = np.empty(metrics.shape)
    for number, architecture in enumerate(ARCHITECTURES):
        near = {
            NUMBERS[after] for edit in EDITS if (after := edited(architecture, edit)) is not None
        }
        near |= {k for k, other in enumerate(ARCHITECTURES) if architecture in EDITED[other]}
        found[number] = 2 / 3 * metrics[number] + metrics[list(near)].mean(axis=0) / 3
    return found


EDITED = {each: {edited(each, edit) for edit in EDITS} for each in ARCHITECTURES}


@pytest.mark.parametrize("seed", range(4))
def test_oracle_has_the_best_affordable_network_at_every_cost(family, seed):
    env = FamilyEnv(family, penalty=(0.02, 0.5), budget=(0.1, 2))
    env.reset(seed=seed)
    state, table = env.state, env.tables[env.state.task]
    unit = unit_cost(table)
    grid = np.geomspace(state.first, state.budget, 20_001)[:-1]
    price = state.penalty * table.weights[:, None] / table.reference
    n_validation, n_test = table.n_validation, table.n_test
    cost = (table.cost + EDIT) / unit
    curves, ends = [], []
    for judge in (seed for seed in range(5) if seed != state.seed):
        known = np.zeros(cost.shape)
        for seed in (seed for seed in range(5) if seed != judge):
            known += n_validation * table.val_metric[seed] + n_test * table.test_metric[seed]
        known = smoothed(known / (4 * (n_validation + n_test))) - price
        nothing = (n_validation * table.nothing[0] + n_test * table.nothing[1]) / (
            n_validation + n_test
        )
        values = []
        for c in (*grid[::200], state.budget):
            scores = np.where(cost <= c, known, -np.inf)
            by_cost = np.where(scores == scores.max(), cost, np.inf)  # of equal ones the cheapest
            best = np.unravel_index(by_cost.argmin(), cost.shape)
            better = scores.max() > nothing
            values.append((table.test_metric[judge] - price)[best] if better else table.nothing[1])
        curves.append(np.mean(values[:-1]))
        ends.append(values[-1])
    anytime, final = oracle(table, state, unit)
    assert anytime == pytest.approx(np.mean(curves) - table.nothing[1], abs=0.02)
    assert final == pytest.approx(np.mean(ends) - table.nothing[1], abs=1e-5)


def test_oracle_does_not_profit_from_luck(family):
    """Where all networks are equal but for noise, it is as good as their mean."""
    env = FamilyEnv(family, penalty=0.0, budget=1.0)
    env.reset(seed=0)
    rng, found = np.random.default_rng(0), []
    for k in range(20):
        table = random_table(NAMES[0], k, 5)
        for name in ("val_metric", "test_metric"):
            metrics = (0.7 + 0.05 * rng.normal(size=table.test_metric.shape)).astype(np.float32)
            object.__setattr__(table, name, metrics)
        object.__setattr__(table, "nothing", np.array([0.2, 0.2], np.float32))
        found.append(oracle(table, env.state, unit_cost(table))[1])
    assert np.mean(found) == pytest.approx(0.5, abs=0.01)


def test_oracle_is_not_misled_by_luck(family):
    """Where seeds differ as much as networks, it comes near the best one all the same."""
    env = FamilyEnv(family, penalty=0.0, budget=10.0)
    env.reset(seed=0)
    rng, shares = np.random.default_rng(0), []
    sizes = np.array([sum(width for width, _ in each) for each in ARCHITECTURES])
    truth = 0.5 + 0.1 * np.exp(-(np.log(np.maximum(sizes, 1) / 40) ** 2))[:, None] * np.ones(4)
    for k in range(20):
        table = random_table(NAMES[0], k, 5)
        for name in ("val_metric", "test_metric"):
            noise = 0.05 * rng.normal(size=table.test_metric.shape)
            object.__setattr__(table, name, (truth + noise).astype(np.float32))
        object.__setattr__(table, "nothing", np.array([0.5, 0.5], np.float32))
        shares.append(oracle(table, env.state, unit_cost(table))[1] / (truth.max() - 0.5))
    assert np.mean(shares) > 0.9
    assert np.mean(shares) < 1.05
