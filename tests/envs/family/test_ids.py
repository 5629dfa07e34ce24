"""The ids of the family: the split is in the id, and all its tasks are drawn."""

import gymnasium as gym
import numpy as np
import pytest

from rlnas.envs.family.family_env import FamilyEnv
from rlnas.envs.family.multi_objective import MOFamilyEnv, MOFamilyVectorEnv
from rlnas.envs.family.vector_env import FamilyVectorEnv
from rlnas.family.family_file import load_family, write_family
from rlnas.family.tasks import tasks
from tests.core.family.test_family import random_table

IDS = {"FamilyTrain": "train", "FamilyVal": "validation", "FamilyTest": "test"}
KINDS = {"": (FamilyEnv, FamilyVectorEnv), "MO": (MOFamilyEnv, MOFamilyVectorEnv)}


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("kind", KINDS)
def test_id_has_the_tasks_of_its_split(kind, name):
    one, side_by_side = KINDS[kind]
    env = gym.make(f"rlnas/{kind}{name}-v0").unwrapped
    assert type(env) is one
    assert list(env.tasks) == [task for task in load_family().tasks if task.split == IDS[name]]
    many = gym.make_vec(f"rlnas/{kind}{name}-v0", 512, vectorization_mode="vector_entry_point")
    assert type(many) is side_by_side
    assert many.bank is env.bank, "they share it"
    many.reset(seed=0)
    drawn = {state.task for state in many.states}
    assert len(drawn) > 0.6 * min(512, len(env.tasks))
    assert max(drawn) < len(env.tasks)


def test_arguments_choose_tasks_and_another_file(tmp_path):
    env = gym.make("rlnas/FamilyTest-v0", axis="rows", num_tasks=3, start_task=1).unwrapped
    rows = [task for task in tasks("test") if task.axis == "rows"]
    assert list(env.tasks) == rows[1:4]
    name = tasks("train")[0].name
    write_family(tmp_path / "family.npz", [random_table(name, 1)], {})
    env = gym.make("rlnas/FamilyTrain-v0", family=str(tmp_path / "family.npz")).unwrapped
    assert [task.name for task in env.tasks] == [name]
    np.testing.assert_array_equal(env.tables[0].weights, random_table(name, 1).weights)
    assert env.tables[0] is not load_family().table(name)
