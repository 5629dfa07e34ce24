"""Processes of this machine: the bits of threads; what happens when one or all of them end."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from rlnas.agents.cli.main import main
from rlnas.agents.distributed import worker_process
from rlnas.agents.distributed.worker_vec_env import WorkerVecEnv
from rlnas.agents.training import vec_env
from rlnas.agents.training.ppo import resume, train
from rlnas.agents.training.seeded_episodes import new_env
from rlnas.data.loading import load_dataset
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.replay import ReplayableEnv
from rlnas.errors import InputError
from tests.agents.distributed.helpers import GROUPS, at_step, lose_repeatedly, same, wine
from tests.agents.helpers import TINY_BUDGET, tiny
from tests.agents.training.test_kills import KILLS
from tests.agents.training.test_resume import cut, results

TWO: dict[str, Any] = {"workers": "processes", "num_workers": 2}

SETTINGS: dict[str, dict[str, Any]] = {
    "groups": GROUPS,
    "budget": {**TINY_BUDGET, "total_timesteps": 64},
    "several data sets": {"dataset": ("wine", "synthetic:1"), "total_timesteps": 64},
    "class weights": {"class_weight": ("balanced",), "total_timesteps": 64},
}


def pids(env: WorkerVecEnv) -> list[int]:
    workers: list[Any] = env.pool.workers
    return [worker.process.pid for worker in workers]


def until(happened: Callable[[], bool]) -> None:
    """Wait for something, a minute at most."""
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end, "it did not happen within a minute"
        time.sleep(0.02)


# --- training ---


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name != "groups" else ()) for name in SETTINGS],
)
def test_training_in_processes_gives_the_bits_of_training_in_threads(name, tmp_path, request):
    config = tiny(tmp_path / "processes", **SETTINGS[name], **TWO)
    threads = replace(config, run_dir=tmp_path / "threads", workers="threads", num_workers=None)
    expected = (
        request.getfixturevalue("in_threads")
        if name == "groups"
        else results(train(threads, progress_bar=False))
    )
    same(results(train(config, progress_bar=False)), expected)


@pytest.mark.parametrize("step", range(1, 48, 2) if KILLS else [17])
def test_process_killed_in_a_rollout_is_replaced_with_the_same_bits(
    step, in_threads, tmp_path, caplog
):
    with at_step(step, lambda env: os.kill(pids(env)[1], signal.SIGKILL)) as done:
        run = train(tiny(tmp_path / "run", **GROUPS, **TWO), progress_bar=False)
    assert done
    assert "worker process 1 was lost (exit code -9)" in caplog.text
    same(results(run), in_threads)


@pytest.mark.slow
def test_training_can_be_resumed_in_threads_or_in_processes(in_threads, tmp_path, monkeypatch):
    cut(tiny(tmp_path / "began in threads", **GROUPS), monkeypatch, 1)
    same(results(resume(tmp_path / "began in threads", False, **TWO)), in_threads)
    cut(tiny(tmp_path / "began in processes", **GROUPS, **TWO), monkeypatch, 1)
    assert main(["train", "--resume", str(tmp_path / "began in processes")]) == 0
    same(results(tmp_path / "began in processes"), in_threads)


@pytest.mark.slow
def test_worker_lost_repeatedly_raises_input_error(caplog):
    lose_repeatedly("processes")
    assert len([line for line in caplog.messages if "was lost" in line]) == 2


# --- what is sent ---


def test_functions_of_a_script_and_their_data_are_sent():

    def metric(truth, predictions):  # no module has it
        return 0.25

    data = load_dataset("wine", metric=metric)
    env = WorkerVecEnv(lambda index: ReplayableEnv(DesignEnv(data)), 2, num_workers=2)
    env.seed(0)
    env.reset()
    _, _, _, infos = env.step(np.array([0, 0]))
    assert [info["val_metric"] for info in infos] == [0.25, 0.25]
    env.close()


def test_what_cannot_be_sent_is_one_error():
    lock = threading.Lock()
    with pytest.raises(InputError, match=r"cannot be sent to other processes .*threads"):
        WorkerVecEnv(lambda index: ReplayableEnv(DesignEnv("wine") if lock else None), 2)  # type: ignore[arg-type]


class OwnError(Exception):
    """Cannot be unpickled: it wants two arguments."""

    def __init__(self, one: int, two: int):
        super().__init__(f"{one} and {two}")


class Failing(ReplayableEnv):
    """Raises what it is told to, and prints."""

    def step(self, action: Any) -> Any:
        print("a print of an environment")
        raise OwnError(1, 2) if action else KeyError("nothing")


@pytest.mark.slow
def test_errors_of_environments_come_with_their_traceback_and_prints_go_to_standard_error(capfd):
    env = WorkerVecEnv(lambda index: Failing(DesignEnv("wine")), 1)
    with pytest.raises(RuntimeError, match=r"OwnError: 1 and 2[\s\S]*in step"):
        env.step(np.array([1]))
    with pytest.raises(KeyError, match="nothing") as caught:
        env.step(np.array([0]))
    assert "in step" in caught.value.__notes__[0]
    env.close()
    out, err = capfd.readouterr()
    assert out == ""
    assert "a print of an environment" in err


def refused_elsewhere(home: int, config: Any, data: Any, index: int) -> Any:
    """An environment, but not in another process."""
    if os.getpid() != home:
        raise InputError(f"environment {index} was refused")
    return new_env(config, data, index)


@pytest.mark.slow
def test_error_in_a_worker_is_one_line_of_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(vec_env, "new_env", partial(refused_elsewhere, os.getpid()))
    run = str(tmp_path / "run")
    assert main(["train", "wine", "--quiet", "--workers", "processes", "--run-dir", run]) == 2
    assert capsys.readouterr().err.splitlines() == ["rlnas: environment 0 was refused"]


# --- the end ---


@pytest.mark.slow
def test_answer_that_an_interrupt_left_is_not_taken_for_the_next_one(monkeypatch):
    """The step that was interrupted has not been."""
    env = WorkerVecEnv(wine, 2, num_workers=2)
    env.seed(0)
    first = env.reset()
    with monkeypatch.context() as patch:
        patch.setattr(worker_process, "read", interrupt)
        with pytest.raises(KeyboardInterrupt):
            env.step(np.array([1, 1]))
    found = env.step(np.array([0, 0]))[0]
    env.seed(0)
    np.testing.assert_array_equal(env.reset(), first)
    np.testing.assert_array_equal(env.step(np.array([0, 0]))[0], found)
    env.close()


def interrupt(file: Any) -> bytes:
    raise KeyboardInterrupt


def test_closed_environments_leave_no_process():
    env = WorkerVecEnv(wine, 2, num_workers=2)
    started = pids(env)
    env.close()
    assert not any(psutil.pid_exists(pid) for pid in started)


TRAINING = """
from pathlib import Path
from rlnas.agents import TrainConfig, train
train(TrainConfig(
    dataset=("wine",), run_dir=Path("run"), workers="processes", num_workers=2, num_envs=2,
    total_timesteps=1_000_000, eval_episodes=0,
), progress_bar=False)
"""
"""A script that has no `if __name__ == "__main__"`."""


def begun(folder: Path) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A script in the middle of a training, in a process group of its own; its workers."""
    (folder / "script.py").write_text(TRAINING)
    process = subprocess.Popen(
        [sys.executable, "script.py"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    until(
        lambda: len(list((folder / "run").glob("checkpoints/*"))) > 1 or process.poll() is not None
    )
    assert process.poll() is None, process.communicate()
    workers = psutil.Process(process.pid).children()
    assert len(workers) == 2
    return process, workers


@pytest.mark.slow
def test_workers_end_with_a_script_that_is_killed(tmp_path):
    process, workers = begun(tmp_path)
    process.kill()
    _, errors = process.communicate()
    until(lambda: not any(worker.is_running() for worker in workers))
    assert errors == ""


@pytest.mark.slow
def test_ctrl_c_ends_a_training_after_the_rollout_without_a_word_of_workers(tmp_path):
    process, workers = begun(tmp_path)
    for group in {os.getpgid(process.pid), *(os.getpgid(worker.pid) for worker in workers)}:
        os.killpg(group, signal.SIGINT)  # as if workers were in the group of the terminal
    _, errors = process.communicate(timeout=60)
    assert "finishing this rollout" in errors
    assert "worker" not in errors
    assert "rlnas.agents.training.interrupt.Paused: stopped; go on with" in errors
    assert not any(worker.is_running() for worker in workers)
