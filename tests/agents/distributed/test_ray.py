"""Ray: the same bits as in threads, also when workers or machines are lost."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlnas.agents.cli.main import main
from rlnas.agents.distributed import ray_workers
from rlnas.agents.distributed.ray_cluster import cluster, ray_jobs
from rlnas.agents.distributed.ray_vec_env import RayVecEnv
from rlnas.agents.distributed.ray_workers import plan_workers
from rlnas.agents.training.ppo import resume, train
from rlnas.agents.training.vec_env import new_vec_env
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.replay import Moment, ReplayableEnv
from rlnas.errors import InputError
from rlnas.files.json_schema import WHOLE
from rlnas.files.typed import Damaged
from rlnas.parallel.jobs import Call, run_all
from tests.agents.distributed.ray_helpers import GROUPS, QUIET, at_step, pid, same
from tests.agents.helpers import TINY_BUDGET, tiny
from tests.agents.training.test_kills import KILLS, without_clock
from tests.agents.training.test_resume import cut, results

ray = pytest.importorskip("ray")
pytestmark = [*QUIET, pytest.mark.ray]

ON_RAY: dict[str, Any] = {"workers": "ray", "num_workers": 2}


@pytest.fixture(scope="module")
def one_machine() -> Iterator[None]:
    with cluster(None, cpus=3):
        yield


@pytest.fixture(scope="module")
def in_threads(tmp_path_factory) -> dict[str, Any]:
    """What a training leaves that steps its environments in threads."""
    folder = tmp_path_factory.mktemp("threads") / "run"
    return results(train(tiny(folder, **GROUPS), progress_bar=False))


# --- training ---


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_training_on_ray_gives_the_bits_of_training_in_threads(
    workers, in_threads, tmp_path, one_machine
):
    config = tiny(tmp_path / "run", **GROUPS, workers="ray", num_workers=workers)
    same(results(train(config, progress_bar=False)), in_threads)


def test_training_with_budgets_on_ray_gives_the_bits_of_training_in_threads(tmp_path, one_machine):
    settings = {**TINY_BUDGET, "total_timesteps": 64}
    found = [
        results(train(tiny(tmp_path / where, **settings, workers=where), progress_bar=False))
        for where in ("threads", "ray")
    ]
    same(*found)


@pytest.mark.slow
@pytest.mark.parametrize("step", range(1, 48, 2) if KILLS else [17])
def test_worker_killed_in_a_rollout_is_replaced_with_the_same_bits(
    step, in_threads, tmp_path, one_machine, caplog
):
    def kill(env: RayVecEnv) -> None:
        os.kill(pid(env, 1), signal.SIGKILL)

    with at_step(step, kill) as done:
        run = train(tiny(tmp_path / "run", **GROUPS, **ON_RAY), progress_bar=False)
    assert done
    assert "Ray worker 1 was lost (ActorDiedError)" in caplog.text
    same(results(run), in_threads)


@pytest.mark.slow
def test_worker_that_does_not_answer_is_replaced(in_threads, tmp_path, one_machine, caplog):
    def stop(env: RayVecEnv) -> None:
        os.kill(pid(env, 0), signal.SIGSTOP)
        env.pool.patience = 1.0

    with at_step(20, stop) as done:
        run = train(tiny(tmp_path / "run", **GROUPS, **ON_RAY), progress_bar=False)
    assert done
    assert "Ray worker 0 was lost (GetTimeoutError)" in caplog.text
    same(results(run), in_threads)


@pytest.mark.slow
def test_training_can_be_resumed_in_threads_or_on_ray(
    in_threads, tmp_path, monkeypatch, one_machine
):
    cut(tiny(tmp_path / "began in threads", **GROUPS), monkeypatch, 1)
    same(results(resume(tmp_path / "began in threads", False, **ON_RAY)), in_threads)
    cut(tiny(tmp_path / "began on Ray", **GROUPS, **ON_RAY), monkeypatch, 1)
    assert main(["train", "--resume", str(tmp_path / "began on Ray")]) == 0
    same(results(tmp_path / "began on Ray"), in_threads)


def wine(index: int) -> ReplayableEnv:
    return ReplayableEnv(DesignEnv("wine", penalty=0.1 + index, episode_steps=3))


@pytest.mark.slow
def test_worker_lost_repeatedly_raises_input_error(one_machine, caplog, monkeypatch):
    monkeypatch.setattr(ray_workers, "ATTEMPTS", 2)
    env = RayVecEnv(deadly, 2, num_workers=1)
    env.seed(0)
    env.reset()
    with pytest.raises(InputError, match="2 Ray workers were lost"):
        env.step(np.array([0, 0]))
    env.close()
    assert len([line for line in caplog.messages if "was lost" in line]) == 2


class Deadly(ReplayableEnv):
    """An environment that ends its process."""

    def step(self, action: Any) -> Any:
        os._exit(1)


def deadly(index: int) -> Deadly:
    return Deadly(DesignEnv("wine"))


@pytest.mark.slow
def test_restore_on_ray_refuses_an_impossible_state(one_machine):
    env = RayVecEnv(wine, 2, num_workers=2)
    env.seed(0)
    env.reset()
    states = [moment.state for moment in env.moments()]
    observations = env.step(np.array([0, 0]))[0]
    for wrong in ([39], [0, 0, 0], [0, 0, 0, 0], "x"):
        moments = [Moment(states[0], None), Moment({**states[1], "actions": wrong}, None)]
        with pytest.raises(Damaged):
            env.restore(moments)
    replayed = env.restore([Moment({**state, "actions": [0]}, None) for state in states])
    np.testing.assert_array_equal([each.observation for each in replayed], observations)
    env.close()


@pytest.mark.parametrize(
    ("cpus", "num_envs", "num_workers", "parts", "threads"),
    [
        ([8], 3, None, [[0, 1, 2]], 8),
        ([8], 3, 2, [[0, 1], [2]], 4),
        ([8, 4.0], 5, None, [[0, 1, 2], [3, 4]], 4),
        ([8, 4, 0, 0.5], 6, 3, [[0, 1], [2, 3], [4, 5]], 2),
        ([2, 2, 2], 2, None, [[0], [1]], 2),
    ],
)
def test_plan_workers_spreads_environments_evenly_within_the_processors(
    cpus, num_envs, num_workers, parts, threads
):
    assert plan_workers(cpus, num_envs, num_workers) == (parts, threads)


@pytest.mark.parametrize(("cpus", "num_workers"), [([1], 2), ([0.5], 1), ([], None), ([8, 1], 3)])
def test_plan_workers_refuses_more_workers_than_processors(cpus, num_workers):
    with pytest.raises(InputError, match="cannot be placed: the machines have"):
        plan_workers(cpus, 4, num_workers)


def test_ray_vec_env_refuses_more_workers_than_processors(one_machine):
    with pytest.raises(
        InputError, match=r"4 Ray workers cannot be placed: the machines have \[3\]"
    ):
        RayVecEnv(wine, 4, num_workers=4)


# --- the interface of Stable-Baselines3 ---


@pytest.fixture(scope="module")
def env(one_machine) -> Iterator[RayVecEnv]:
    env = RayVecEnv(wine, 3, num_workers=2)
    yield env
    env.close()


def test_attributes_and_methods_of_chosen_environments(env):
    env.seed(3)
    env.reset()
    assert env.get_attr("penalty") == pytest.approx([0.1, 1.1, 2.1])
    assert env.get_attr("penalty", [2, 0]) == pytest.approx([2.1, 0.1])
    assert env.get_attr("penalty", 1) == pytest.approx([1.1])
    assert env.env_is_wrapped(ReplayableEnv) == [True] * 3
    states = env.env_method("state")
    assert [state["actions"] for state in states] == [[], [], []]
    with pytest.raises(AttributeError, match="nonsense"):
        env.get_attr("nonsense")
    with pytest.raises(InputError, match="keep their attributes"):
        env.set_attr("penalty", 3.0)
    env.set_options({"penalty": 0.5})
    with pytest.raises(InputError, match="no options"):
        env.reset()
    env.set_options({})


def test_action_masks_equal_those_of_the_environments_after_every_step(env):
    env.seed(0)
    env.reset()
    for _ in range(4):
        known = env.env_method("action_masks")
        answers = env.pool.ask_all(lambda worker: worker.env_method.remote("action_masks", (), {}))
        np.testing.assert_array_equal(known, [mask for answer in answers for mask in answer])
        assert known[0].dtype == bool
        actions = np.array([np.flatnonzero(mask)[-1] for mask in known])
        env.step(actions)


def test_ray_vec_env_raises_exceptions_of_environments(env):
    env.seed(0)
    env.reset()
    with pytest.raises(InputError, match="action"):
        env.step(np.array([0, 10_000, 0]))


def test_cluster_that_asks_for_a_token_says_how_to_give_one(monkeypatch):
    def refuse(**arguments: Any) -> None:
        raise ConnectionError("Failed to connect") from RuntimeError("InvalidAuthToken: missing")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(InputError, match="no Ray cluster at auto: it asks for a token; set RAY_A"):
        cluster("auto").__enter__()


# --- joblib ---


def square(number: int, marker: str | None = None) -> int:
    """The square; the first to come here with a marker ends its process."""
    if marker is not None:
        try:
            with Path(marker).open("x"):
                os._exit(1)
        except FileExistsError:
            pass
    return number**2


@pytest.mark.slow
def test_task_of_a_lost_worker_runs_again(one_machine, tmp_path):
    marker = str(tmp_path / "marker")
    calls = [
        Call("run", {"number": number}, (number, marker if number == 3 else None), WHOLE)
        for number in range(8)
    ]
    with ray_jobs(None):
        found = run_all(square, tmp_path / "runs", calls, "run", progress_bar=False)
    assert found == [k**2 for k in range(8)]
    assert Path(marker).exists()


def refuse(number: int) -> None:
    raise InputError(f"{number} was refused")


def test_ray_jobs_raise_exceptions_of_tasks(one_machine, tmp_path):
    calls = [Call("run", {"number": k}, (k,), WHOLE) for k in range(4)]
    with ray_jobs(None), pytest.raises(InputError, match="was refused"):
        run_all(refuse, tmp_path / "runs", calls, "run", progress_bar=False)


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "--dataset", "wine", "--methods", "random", "--budget", "600", "--seeds", "2"],
        [
            *("benchmark", "build", "--dataset", "wine", "--widths", "2", "--densities", "1"),
            *("--epochs", "2", "--seeds", "2", "--max-depth", "1"),
        ],
    ],
    ids=lambda arguments: arguments[0],
)
def test_commands_write_the_same_files_on_ray_and_in_processes(arguments, one_machine, tmp_path):
    for name, more in (("processes", ["--jobs", "1"]), ("ray", ["--workers", "ray"])):
        assert main([*arguments, "--out", str(tmp_path / name), *more]) == 0
    assert without_clock(tmp_path / "ray") == without_clock(tmp_path / "processes")


# --- bad input ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--num-workers", "2"], "--num-workers belongs to --workers ray"),
        (["train", "--address", "a:1"], "--address belongs to --workers ray"),
        (["train", "--workers", "ray", "--num-workers", "9"], "from 1 to the 8 environments"),
        (["compare", "--out", "x", "--address", "a:1"], "--address belongs to --workers ray"),
    ],
)
def test_command_refuses_contradictory_worker_settings(
    arguments, message, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_missing_ray_error_names_the_extra(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["train", "--workers", "ray", "--run-dir", str(tmp_path / "run")]) == 2
    assert "pip install 'rlnas[ray]'" in capsys.readouterr().err


def test_new_vec_env_uses_threads_by_default(tmp_path):
    env = new_vec_env(tiny(tmp_path), lambda: DesignEnv("wine"))
    assert "Ray" not in type(env.venv).__name__  # type: ignore[attr-defined]
    env.close()
