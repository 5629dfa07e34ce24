"""Faults from outside: a full disk, a folder that goes away, or that cannot be written to."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rlnas.agents.training import checkpoint as module
from rlnas.agents.training.ppo import resume, train
from rlnas.errors import InputError
from rlnas.files.folders import LOCK, locked
from tests.agents.helpers import tiny
from tests.agents.training.test_kills import command
from tests.agents.training.test_resume import results

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("limit", [20_000, 300_000])
def test_train_raises_one_input_error_on_a_full_disk_and_can_be_resumed(limit, tmp_path, runs):
    """No file may be larger than the limit, which one kind of file or another comes upon."""
    run = tmp_path / "run"
    script = (
        "import sys, pathlib\n"
        "from rlnas.agents.training.ppo import train\n"
        "from rlnas.errors import InputError\n"
        "from tests.agents.helpers import tiny\n"
        "try:\n"
        "    train(tiny(pathlib.Path(sys.argv[1])), progress_bar=False)\n"
        "except InputError as error:\n"
        "    sys.exit(f'refused: {error}')\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", script, str(run)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(__file__).parents[3],
    )
    if process.returncode:
        assert process.stderr.startswith("refused: cannot ")
        resume(run, progress_bar=False)
    assert (limit < 100_000) <= (process.returncode != 0)
    assert results(run) == results(runs["maskable_ppo"])


def test_train_raises_input_error_when_its_folder_is_removed(tmp_path, monkeypatch):
    removed = []

    def step(self: Any) -> bool:
        if self.n_calls == 40 and not removed:
            removed.append(shutil.rmtree(tmp_path / "run"))
        return True

    monkeypatch.setattr(module.Checkpoints, "_on_step", step)
    with pytest.raises(InputError, match=r"was removed|cannot (write|open|read)"):
        train(tiny(tmp_path / "run"), progress_bar=False)


def test_train_raises_input_error_when_tensorboard_cannot_write(tmp_path, monkeypatch):
    def refuse(*arguments: Any, **named: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("rlnas.agents.training.logs.EventFile", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        train(tiny(tmp_path / "run"), progress_bar=False)


def test_train_is_independent_of_the_clock(tmp_path, monkeypatch, runs):
    times = iter(range(10**9, 0, -1))
    monkeypatch.setattr("time.time", lambda: float(next(times)))
    monkeypatch.setattr("time.time_ns", lambda: next(times) * 10**9)
    run = train(tiny(tmp_path / "run"), progress_bar=False)
    monkeypatch.undo()
    assert results(run) == results(runs["maskable_ppo"])


def test_folder_lock_refuses_a_second_process_and_ends_with_a_killed_one(tmp_path):
    folder = tmp_path / "out"
    search = command(
        *("compare", "--out", folder, "--methods", "random", "--seeds", 2, "--jobs", 2),
        *("--dataset", "wine", "--budget", 10**7),
    )
    # A session of its own, since its workers would otherwise search on for many minutes.
    first = subprocess.Popen(
        search, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until = time.monotonic() + 60
        while not (folder / "runs" / LOCK).exists() and time.monotonic() < until:
            time.sleep(0.1)
        second = subprocess.run(search, capture_output=True, text=True, timeout=60)
        first.kill()
        first.wait()
        with locked(folder / "runs"):
            pass
    finally:
        os.killpg(first.pid, signal.SIGKILL)  # its workers would go on for hours
        first.wait()
    assert second.returncode == 2
    assert "another process is working on" in second.stderr
