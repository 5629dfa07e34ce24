"""Seconds of commands of this version against another checkout, in alternating rounds.

    python benchmarks/trainings.py CHECKOUT [COMMAND ...]

The checkout is as in `against.py`; commands are `digits`, a training of 60,000 steps by the default
settings; `controller`, the first 48,000 steps of `make controller`; `cold`, the first design for
digits when no compiled code is cached, and `warm`, the next one. Only this version evaluates its
policy while it trains, so that `digits-bare` and `controller-bare` leave that out.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from against import packages
from rich.console import Console
from rich.table import Table

CODE = """
import sys
try:
    from rlnas.agents.cli.main import main
except ImportError:
    from rlnas.agents.cli import main
sys.exit(main(sys.argv[1:]))
"""
"""The command line, which is elsewhere in older versions."""

DIGITS = "train {dataset} digits --total-timesteps 60000 --batches-per-step 25"
CONTROLLER = (
    "train {dataset} mixed varied images --penalty 0.01 1 --width 38 152 --density 1 --num-envs 16 "
    "--batch-size 400 --features relative --total-timesteps 48000 {group} 4 --gae-lambda 0.8 "
    "--entropy 0.005"
)
BARE = {"here": " --eval-episodes 0", "there": ""}

COMMANDS = {
    "digits": ({"here": DIGITS, "there": DIGITS}, 2),
    "digits-bare": ({name: DIGITS + bare for name, bare in BARE.items()}, 2),
    "controller": ({"here": CONTROLLER, "there": CONTROLLER}, 2),
    "controller-bare": ({name: CONTROLLER + bare for name, bare in BARE.items()}, 2),
    "cold": ({"here": "design digits", "there": "design --dataset digits"}, 3),
    "warm": ({"here": "design digits", "there": "design --dataset digits"}, 5),
}
"""Words of each command here and there, and the number of its rounds."""

NAMES = {
    "here": {"dataset": "", "group": "--episode-group-size"},
    "there": {"dataset": "--dataset", "group": "--group"},
}
"""Options with another name there."""


def seconds(root: Path, words: str, cache: Path) -> float:
    """Seconds of a command from the start of its process.

    Args:
        root: Folder that `rlnas` is imported from.
        words: Of the command, but for where it writes.
        cache: Folder of compiled code.
    """
    with tempfile.TemporaryDirectory() as out:
        option = "--run-dir" if words.startswith("train") else "--out"
        command = [sys.executable, "-c", CODE, *words.split(), option, f"{out}/out"]
        environment = os.environ | {"PYTHONPATH": str(root), "NUMBA_CACHE_DIR": str(cache)}
        began = time.perf_counter()
        subprocess.run(command, cwd=out, env=environment, capture_output=True, check=True)
        return time.perf_counter() - began


def main() -> None:
    """Measure and print the table."""
    given, *chosen = sys.argv[1:]
    table = Table(title="Seconds, the best round of each", title_justify="left")
    for name in ("command", "here", "there", "there / here"):
        table.add_column(name, justify="right")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        roots = packages(given, folder)
        for name, root in roots.items():  # compiles
            seconds(root, COMMANDS["warm"][0][name], folder / f"{name} compiled")
        for command in chosen or COMMANDS:
            words, rounds = COMMANDS[command]
            best = dict.fromkeys(roots, float("inf"))
            for k in range(rounds):
                for name, root in roots.items():
                    cache = f"{name} {k}" if command == "cold" else f"{name} compiled"
                    told = words[name].format(**NAMES[name])
                    best[name] = min(best[name], seconds(root, told, folder / cache))
            here, there = best["here"], best["there"]
            table.add_row(command, f"{here:.1f}", f"{there:.1f}", f"{there / here:.2f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
