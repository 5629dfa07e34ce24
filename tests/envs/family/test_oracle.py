"""The oracle: what an exhaustive look at the tables gives, without the luck of a seed."""

import numpy as np
import pytest

from rlnas.envs.family.bank import unit_cost
from rlnas.envs.family.family_env import FamilyEnv
from rlnas.envs.family.oracle import oracle
from rlnas.family.family_file import Family, write_family
from rlnas.family.tasks import tasks
from tests.core.family.test_family import random_table

NAMES = [task.name for task in tasks("train")[:2]]


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    path = tmp_path_factory.mktemp("family") / "family.npz"
    write_family(path, [random_table(name, k, 5) for k, name in enumerate(NAMES)], {})
    return Family(path)


@pytest.mark.parametrize("seed", range(4))
def test_oracle_has_the_best_affordable_network_at_every_cost(family, seed):
    env = FamilyEnv(family, penalty=(0.02, 0.5), budget=(0.1, 2))
    env.reset(seed=seed)
    state, table = env.state, env.tables[env.state.task]
    unit = unit_cost(table)
    others = [k for k in range(5) if k != state.seed]
    grid = np.geomspace(state.first, state.budget, 20_001)[:-1]
    price = state.penalty * table.weights[:, None] / table.reference
    curves, ends = [], []
    for known, judge in ((others[:2], others[2:]), (others[2:], others[:2])):
        a, b = (table.test_metric[half].mean(axis=0) - price for half in (known, judge))
        cost = table.cost / unit
        values = []
        for c in (*grid[::200], state.budget):
            scores = np.where(cost <= c, a, -np.inf)
            by_cost = np.where(scores == scores.max(), cost, np.inf)  # of equal ones the cheapest
            best = np.unravel_index(by_cost.argmin(), cost.shape)
            better = scores.max() > table.nothing[1]
            values.append(b[best] if better else table.nothing[1])
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
        metrics = (0.7 + 0.05 * rng.normal(size=table.test_metric.shape)).astype(np.float32)
        object.__setattr__(table, "test_metric", metrics)
        object.__setattr__(table, "nothing", np.array([0.2, 0.2], np.float32))
        found.append(oracle(table, env.state, unit_cost(table))[1])
    assert np.mean(found) == pytest.approx(0.5, abs=0.01)
