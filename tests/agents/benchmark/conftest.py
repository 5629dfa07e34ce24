"""A small family: tasks of three axes of the test, two of training, with random results."""

import pytest

from rlnas.agents.benchmark import About, Protocol, evaluate
from rlnas.agents.benchmark.rivals import RIVALS
from rlnas.family.family_file import Family, write_family
from rlnas.family.tasks import tasks
from tests.core.family.test_family import random_table

TRAIN = [task.name for task in tasks("train")[:2]]
TEST = [
    next(task.name for task in tasks("test") if task.axis == axis)
    for axis in ("table", "rows", "noise")
]


@pytest.fixture(scope="session")
def family(tmp_path_factory) -> Family:
    path = tmp_path_factory.mktemp("family") / "family.npz"
    names = [*TRAIN, *TEST]
    write_family(path, map(random_table, names, range(len(names)), [5] * len(names)), {})
    return Family(path)


@pytest.fixture(scope="session")
def result(family):
    """The result of random actions."""
    return evaluate(RIVALS["random"](0), family, About("random"), Protocol("test"), False)
