"""Tiny trained runs, made once and shared by the tests of the agents, which only read them."""

from pathlib import Path

import pytest

from rlnas.agents.training.ppo import train
from tests.agents.helpers import ALGORITHMS, TINY_BUDGET, tiny


@pytest.fixture(autouse=True)
def no_logs_of_stable_baselines3(tmp_path, monkeypatch):
    """Its models otherwise leave empty folders among the system's temporary files."""
    monkeypatch.setenv("SB3_LOGDIR", str(tmp_path / "sb3"))


@pytest.fixture(scope="session")
def runs(tmp_path_factory) -> dict[str, Path]:
    """The run folder of each algorithm."""
    root = tmp_path_factory.mktemp("runs")
    return {
        name: train(tiny(root / name, algorithm=name), progress_bar=False) for name in ALGORITHMS
    }


@pytest.fixture(scope="session")
def run(runs) -> Path:
    """The run folder of MaskablePPO."""
    return runs["maskable_ppo"]


@pytest.fixture(scope="session")
def budget_run(tmp_path_factory) -> Path:
    """The run folder of a training with budgets."""
    return train(tiny(tmp_path_factory.mktemp("runs") / "budget", **TINY_BUDGET), False)
