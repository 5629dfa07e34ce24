"""Ray: the same bits as in threads, also when workers or machines are lost."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from rlnas.agents.cli.main import main
from rlnas.agents.distributed.ray_cluster import cluster, ray_jobs
from rlnas.agents.distributed.ray_workers import spread
from rlnas.agents.distributed.worker_vec_env import WorkerVecEnv
from rlnas.agents.training.ppo import resume, train
from rlnas.errors import InputError
from rlnas.files.json_schema import WHOLE
from rlnas.parallel.jobs import Call, run_all
from tests.agents.distributed.helpers import GROUPS, QUIET, at_step, lose_repeatedly, same, wine
from tests.agents.helpers import TINY_BUDGET, tiny
from tests.agents.training.test_kills import KILLS, without_clock
from tests.agents.training.test_resume import cut, results

ray = pytest.importorskip("ray")
pytestmark = [*QUIET, pytest.mark.ray]

ON_RAY: dict[str, Any] = {"workers": "ray", "num_workers": 2}


def pid(env: WorkerVecEnv, worker: int) -> int:
    actor: Any = env.pool.workers[worker].actor  # type: ignore[attr-defined]
    return ray.get(actor.__ray_call__.remote(lambda self: os.getpid()))


# --- training ---


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_training_on_ray_gives_the_bits_of_training_in_threads(
    workers, in_threads, tmp_path, one_machine
):
    config = tiny(tmp_path / "run", **GROUPS, workers="ray", num_workers=workers)
    same(results(train(config, progress_bar=False)), in_threads)


@pytest.mark.slow
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
    def kill(env: WorkerVecEnv) -> None:
        os.kill(pid(env, 1), signal.SIGKILL)

    with at_step(step, kill) as done:
        run = train(tiny(tmp_path / "run", **GROUPS, **ON_RAY), progress_bar=False)
    assert done
    assert "Ray worker 1 was lost (ActorDiedError)" in caplog.text
    same(results(run), in_threads)


@pytest.mark.slow
def test_worker_that_does_not_answer_is_replaced(in_threads, tmp_path, one_machine, caplog):
    def stop(env: WorkerVecEnv) -> None:
        os.kill(pid(env, 0), signal.SIGSTOP)
        env.pool.workers[0].patience = 1.0  # type: ignore[attr-defined]

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


@pytest.mark.slow
def test_worker_lost_repeatedly_raises_input_error(one_machine, caplog):
    lose_repeatedly("ray")
    assert len([line for line in caplog.messages if "was lost" in line]) == 2


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
def test_spread_spreads_environments_evenly_within_the_processors(
    cpus, num_envs, num_workers, parts, threads
):
    assert spread(cpus, num_envs, num_workers) == (parts, threads)


@pytest.mark.parametrize(("cpus", "num_workers"), [([1], 2), ([0.5], 1), ([], None), ([8, 1], 3)])
def test_spread_refuses_more_workers_than_processors(cpus, num_workers):
    with pytest.raises(InputError, match="cannot be placed: the machines have"):
        spread(cpus, 4, num_workers)


@pytest.mark.slow
def test_more_ray_workers_than_processors_are_refused(one_machine):
    with pytest.raises(
        InputError, match=r"4 Ray workers cannot be placed: the machines have \[3\]"
    ):
        WorkerVecEnv(wine, 4, num_workers=4, workers="ray")


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


@pytest.mark.slow
def test_ray_jobs_raise_exceptions_of_tasks(one_machine, tmp_path):
    calls = [Call("run", {"number": k}, (k,), WHOLE) for k in range(4)]
    with ray_jobs(None), pytest.raises(InputError, match="was refused"):
        run_all(refuse, tmp_path / "runs", calls, "run", progress_bar=False)


@pytest.mark.slow
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
        (["train", "--num-workers", "2"], "--num-workers belongs to --workers processes or ray"),
        (
            ["train", "--workers", "processes", "--address", "a:1"],
            "--address belongs to --workers ray",
        ),
        (["train", "--workers", "threads", "--num-workers", "2"], "belongs to --workers processes"),
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
