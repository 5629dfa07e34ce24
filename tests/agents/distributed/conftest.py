"""Fixtures of the tests of workers."""

from collections.abc import Iterator
from typing import Any

import pytest

from rlnas.agents.distributed.ray_cluster import cluster
from rlnas.agents.training.ppo import train
from tests.agents.distributed.helpers import GROUPS
from tests.agents.helpers import tiny
from tests.agents.training.test_resume import results


@pytest.fixture(scope="session")
def one_machine() -> Iterator[None]:
    """Ray on this machine."""
    pytest.importorskip("ray")
    with cluster(None, cpus=3):
        yield


@pytest.fixture(scope="session")
def in_threads(tmp_path_factory) -> dict[str, Any]:
    """What a training leaves that steps its environments in threads."""
    folder = tmp_path_factory.mktemp("threads") / "run"
    return results(train(tiny(folder, **GROUPS), progress_bar=False))
