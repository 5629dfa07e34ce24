"""Long commands that are killed at random moments: the same command again ends with the same files.

`make test-faults` kills more often, and more commands (`RLNAS_KILLS`).
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.agents.helpers import files_in
from tests.agents.training.test_resume import results

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("RLNAS_KILLS", "0"))
"""Of each command; 0 for one of those that take the least time."""

LIMIT = 300
"""Seconds for one start of a command."""


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "rlnas.agents.cli.main", *map(str, arguments)]


def once(arguments: list[str]) -> float:
    """Run a command to its end; how long it took."""
    began = time.monotonic()
    subprocess.run(arguments, check=True, capture_output=True, timeout=LIMIT)
    return time.monotonic() - began


def killed(next_command: Callable[[], list[str]], seconds: float, seed: int) -> int:
    """Run a command, kill it several times, run it to the end; how often it really was killed.

    Args:
        next_command: gives the command that begins the work, or goes on with it.
        seconds: that it takes if nothing happens to it.
        seed: of the moments.
    """
    luck, kills = random.Random(seed), 0
    for _ in range(max(1, KILLS)):
        process = subprocess.Popen(
            next_command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(luck.uniform(0.4, 0.7) * seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += process.wait() < 0
    once(next_command())
    return kills


def without_clock(folder: Path) -> dict[str, Any]:
    """The files of a folder; no seconds or names of it in JSON, no plots, no logs with a time."""

    def drop(value: Any) -> Any:
        if isinstance(value, dict):
            kept = value.keys() - {"seconds", "run_dir"}
            return {key: drop(each) for key, each in value.items() if key in kept}
        return [drop(each) for each in value] if isinstance(value, list) else value

    return {
        name: drop(json.loads(content)) if name.endswith(".json") else content
        for name, content in files_in(folder).items()
        if "tfevents" not in name and not name.endswith("comparison.md")
    }


COMMANDS: dict[str, Callable[[Path], list[str]]] = {
    "compare": lambda out: command(
        *("compare", "--out", out, "--methods", "random", "aging_evolution", "--seeds", 3),
        *("--dataset", "wine", "--budget", 1500, "--jobs", 2),
    ),
    "frontier": lambda out: command(
        *("frontier", "--out", out, "--dataset", "wine", "--penalties", 0.1, 1, "--seeds", 1),
        *("--jobs", 2),
    ),
    "table": lambda out: command(
        *("benchmark", "build", "--dataset", "wine", "--out", out, "--widths", 2, 4),
        *("--densities", 0.5, 1, "--epochs", 100, 200, "--max-depth", 3),
        *("--seeds", 4 * max(1, KILLS)),
    ),
}


ONE_RESULT: dict[str, Callable[[Path], list[str]]] = {
    "design": lambda out: command("design", "wine", "--out", out),
    "evolve": lambda out: command(
        *("evolve", "wine", "--total-batches", 20_000, "--run-dir", out),
    ),
    "export": lambda out: command(
        *("export", out.parent / "design", "--format", "c", "--out", out)
    ),
}
"""Commands that refuse a folder with results."""


@pytest.mark.skipif(not KILLS, reason="half a minute each; `make test-faults` does it")
@pytest.mark.parametrize("name", ONE_RESULT)
def test_killed_command_leaves_a_complete_folder_or_none(name, tmp_path):
    if name == "export":
        once(ONE_RESULT["design"](tmp_path / "design"))
    out, make = tmp_path / "cut", ONE_RESULT[name]

    def next_command() -> list[str]:
        return ["true"] if out.exists() else make(out)  # what exists must be whole, see below

    kills = killed(next_command, once(make(tmp_path / "whole")), seed=len(name))
    assert kills >= 1
    assert without_clock(out) == without_clock(tmp_path / "whole")
    print(f"{name}: {kills} kills")


@pytest.mark.parametrize("name", COMMANDS if KILLS else ["compare"])
def test_killed_and_repeated_command_writes_the_same_files(name, tmp_path):
    make = COMMANDS[name]
    seconds = once(make(tmp_path / "whole"))
    kills = killed(lambda: make(tmp_path / "cut"), seconds, seed=len(name))
    assert kills >= 1
    assert without_clock(tmp_path / "cut") == without_clock(tmp_path / "whole")
    print(f"{name}: {kills} kills")


def test_killed_and_resumed_training_gives_the_same_bits(tmp_path):
    def make(run: Path) -> list[str]:
        return command(
            *("train", "wine", "--run-dir", run, "--total-timesteps", 1000),
            *(
                "--num-envs",
                4,
                "--rollout-steps",
                25,
                "--episode-group-size",
                2,
                "--penalty",
                0.01,
                1,
            ),
        )

    def next_command() -> list[str]:
        run = tmp_path / "cut"
        if (run / "policy.zip").exists():
            return ["true"]  # it has ended
        begun = (run / "config.json").exists()
        return command("train", "--resume", run) if begun else make(run)

    kills = killed(next_command, once(make(tmp_path / "whole")), seed=0)
    assert kills >= 1
    assert results(tmp_path / "cut") == results(tmp_path / "whole")
    print(f"train: {kills} kills")
