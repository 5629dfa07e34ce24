"""A machine of a Ray cluster is lost: training and tasks go on."""

import time
from collections.abc import Iterator
from typing import Any

import joblib
import pytest

from rlnas.agents.cli.main import main
from rlnas.agents.distributed.ray_cluster import cluster, ray_jobs
from rlnas.agents.distributed.ray_vec_env import RayVecEnv
from rlnas.agents.training.ppo import train
from tests.agents.distributed.ray_helpers import GROUPS, QUIET, at_step, same
from tests.agents.helpers import tiny
from tests.agents.training.test_resume import results

ray = pytest.importorskip("ray")
pytestmark = [*QUIET, pytest.mark.ray, pytest.mark.slow]

SOON = {
    "initial_delay_ms": "0",
    "period_ms": "1000",
    "timeout_ms": "3000",
    "failure_threshold": "3",
}
"""When a machine counts as lost; Ray's own patience makes a test of two minutes."""


@pytest.fixture
def two_machines() -> Iterator[list[Any]]:
    """A cluster of two nodes with a processor each; the second may be removed."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        for name, value in SOON.items():
            patch.setenv(f"RAY_health_check_{name}", value)
        nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        second = nodes.add_node(num_cpus=1)
        with cluster(nodes.address):
            yield [nodes, second]
        nodes.shutdown()


def test_training_survives_the_loss_of_a_machine_with_the_same_bits(tmp_path, two_machines, caplog):
    nodes, second = two_machines

    def lose(env: RayVecEnv) -> None:
        homes = [
            ray.get(
                worker.__ray_call__.remote(lambda self: ray.get_runtime_context().get_node_id())
            )
            for worker in env.pool.workers
        ]
        assert len(set(homes)) == 2, "each machine has a worker"
        nodes.remove_node(second, allow_graceful=False)

    with at_step(20, lose) as done:
        run = train(tiny(tmp_path / "run", **GROUPS, workers="ray"), progress_bar=False)
    assert done
    assert "was lost" in caplog.text
    alone = train(tiny(tmp_path / "alone", **GROUPS), progress_bar=False)
    same(results(run), results(alone))


def test_tasks_survive_the_loss_of_a_machine(two_machines):
    nodes, second = two_machines
    found = []
    with ray_jobs(None):
        parallel = joblib.Parallel(n_jobs=-1, return_as="generator_unordered")
        for result in parallel(joblib.delayed(slow)(number) for number in range(8)):
            found.append(result)
            if len(found) == 3:
                nodes.remove_node(second, allow_graceful=False)
    assert sorted(number for number, _ in found) == list(range(8))
    assert len({home for _, home in found}) == 2, "both machines have worked"


def test_address_without_a_cluster_gives_one_line_and_begins_no_training(capsys, tmp_path):
    run = tmp_path / "run"
    words = ["train", "--workers", "ray", "--address", "127.0.0.1:1", "--run-dir", str(run)]
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("rlnas: no Ray cluster at 127.0.0.1:1")
    assert not (run / "config.json").exists()
    train(tiny(run), progress_bar=False)
    assert (run / "policy.json").is_file()


def slow(number: int) -> tuple[int, str]:
    time.sleep(1)
    return number, ray.get_runtime_context().get_node_id()
