"""Integers of NumPy are integers wherever a setting or a strategy takes one."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlnas.agents.cli.commands.compare import Compare
from rlnas.agents.cli.commands.design import Design
from rlnas.agents.cli.commands.designs import Designs
from rlnas.agents.cli.commands.evaluate_policy import EvaluatePolicy
from rlnas.agents.cli.commands.play import Play
from rlnas.agents.cli.commands.study.capacity import StudyWidth
from rlnas.agents.config import EvolveConfig, TrainConfig
from rlnas.agents.designing.design import design_and_train
from rlnas.agents.designing.finish import train_and_test
from rlnas.agents.experiments.search_task import SearchTask
from rlnas.agents.policies.episode import random_policy
from rlnas.agents.policies.run_config import as_json
from rlnas.agents.search.problem import Problem, search
from rlnas.agents.search.random_search import random_search
from rlnas.agents.sparse_training.dense import dense_training
from rlnas.agents.sparse_training.magnitude_pruning import magnitude_pruning
from rlnas.agents.sparse_training.rigl import rigl
from rlnas.agents.sparse_training.snip import snip
from rlnas.agents.sparse_training.sparse_evolutionary_training import sparse_evolutionary_training
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.tabular.tabular_env import TabularEnv
from rlnas.errors import InputError
from rlnas.nn.initialization import random_network
from tests.core.reference import bits, random_dataset
from tests.core.tables import random_table

DATA = random_dataset(np.random.default_rng(5))
FOLDER = Path("out")

Number = Callable[[int], Any]
"""What makes a number of some type."""

CONFIGS: dict[str, Callable[[Number], Any]] = {
    "train": lambda n: TrainConfig(
        seed=n(1),
        num_envs=n(2),
        episode_group_size=n(2),
        batch_size=n(20),
        width=(n(4), n(8)),
        net_arch=(n(8),),
    ),
    "evolve": lambda n: EvolveConfig(
        total_batches=n(100), episode_steps=n(5), batches_per_step=n(9)
    ),
    "design": lambda n: Design(seed=n(3)),
    "play": lambda n: Play(seed=n(3)),
    "evaluate-policy": lambda n: EvaluatePolicy(episodes=n(3), seed=n(3)),
    "designs": lambda n: Designs(FOLDER, max_weights=n(100), limit=n(3)),
    "compare": lambda n: Compare(out=FOLDER, seeds=n(3), budget=n(100), jobs=n(1)),
    "width": lambda n: StudyWidth(out=FOLDER, seeds=n(3), jobs=n(1)),
    "task": lambda n: SearchTask("digits", True, 0.1, n(100)),
}


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8])
@pytest.mark.parametrize("name", CONFIGS)
def test_settings_keep_integers_of_numpy_as_those_of_python(name, kind):
    assert repr(CONFIGS[name](kind)) == repr(CONFIGS[name](int))


def test_a_training_with_integers_of_numpy_is_the_same_on_disk():
    found, truth = CONFIGS["train"](np.int64), CONFIGS["train"](int)
    found.check()
    assert json.dumps(as_json(found)) == json.dumps(as_json(truth))


@pytest.mark.parametrize(
    "name", ["num_envs", "rollout_steps", "epochs", "seed", "episode_group_size"]
)
@pytest.mark.parametrize("value", [2.0, "2", True])
def test_a_setting_that_is_no_whole_number_is_refused(name, value):
    option = "--" + name.replace("_", "-")
    with pytest.raises(InputError, match=f"{option} .* cannot be used: expected a whole number"):
        TrainConfig(**{name: value}).check()


SCHEDULES = [dense_training, magnitude_pruning, rigl, snip, sparse_evolutionary_training]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_takes_integers_of_numpy(schedule):
    def run(n: Number) -> Any:
        rng = np.random.default_rng(0)
        return bits(schedule((n(6), n(20), n(3)), n(40), DATA, n(40), rng))

    assert run(np.int64) == run(np.uint8) == run(int)
    for kind in (float, str):
        with pytest.raises(InputError, match="expected"):
            run(kind)


def test_a_search_takes_integers_of_numpy():
    def run(n: Number) -> Any:
        make = partial(TabularEnv, random_table(), episode_steps=n(4))
        return search(random_search, Problem(make, n(30), n(1))).evaluations

    assert run(np.int64) == run(np.uint8) == run(int)
    for kind in (float, str, bool):
        with pytest.raises(InputError, match="expected a whole number"):
            run(kind)


def test_a_finished_design_takes_integers_of_numpy():
    def run(n: Number) -> Any:
        env = DesignEnv(DATA, episode_steps=2, batches_per_step=2)
        network, record = design_and_train(env, random_policy(0), n(3))
        return bits(network), json.dumps(record)

    assert run(np.int64) == run(int)


def test_the_seed_of_a_training_to_the_end_may_be_an_integer_of_numpy():
    def run(n: Number) -> Any:
        network = random_network((6, 5, 3), 1.0, np.random.default_rng(0))
        return train_and_test(network, DATA, n(2)), bits(network)

    assert run(np.uint8) == run(int)
