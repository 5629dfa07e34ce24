"""Steps per second of this version against another checkout, in alternating rounds.

    python benchmarks/against.py CHECKOUT [TASK ...]

The checkout is a folder with `rlnas`, `envs` and `agents`, such as `git worktree add` makes; it is
not changed. Both take random legal actions in eight environments, with the same number of training
batches per step, and the fastest of their rounds are compared: with one thread, with two, and two
processes here with two threads there.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parents[1]

TASKS = {
    "digits": ("dict(dataset='digits', batches_per_step=25)", 800),
    "mixed": (
        "dict(dataset='mixed', batches_per_step=25, penalty=(0.02, 1.0), width=(4, 64), "
        "density=(0.1, 1.0))",
        800,
    ),
    "mnist": ("dict(dataset='mnist', batches_per_step=97)", 80),
}
"""Arguments of the environments, and the number of steps of a round."""

KINDS = (("1 thread", "1 thread"), ("2 threads", "2 threads"), ("2 processes", "2 threads"))
"""Where environments step here, and there."""

ROUNDS, ENVIRONMENTS = 5, 8

CODE = """
import sys, time
import numpy as np
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.sb3_vec_env import ThreadedVecEnv
arguments, kind, steps, count = eval(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])
if kind == "2 processes":
    from rlnas.agents import WorkerVecEnv
    from rlnas import ReplayableEnv
    env = WorkerVecEnv(lambda index: ReplayableEnv(DesignEnv(**arguments)), count, num_workers=2)
else:
    env = ThreadedVecEnv([lambda: DesignEnv(**arguments)] * count, num_threads=int(kind[0]))
env.seed(0)
env.reset()
rng = np.random.default_rng(0)

def take(steps):
    for _ in range(steps // count):
        masks = env.env_method("action_masks")
        env.step(np.array([rng.choice(np.flatnonzero(mask)) for mask in masks]))

take(steps // 4)
began = time.perf_counter()
take(steps)
print(steps / (time.perf_counter() - began))
env.close()
"""
"""It runs in both, so that it imports modules that both have; only here there are processes."""


def packages(checkout: str, folder: Path) -> dict[str, Path]:
    """Folders from which `rlnas` is imported, this version and that of a checkout.

    Args:
        checkout: Path of the other version.
        folder: Where they are made.
    """
    sources = {"here": HERE, "there": Path(checkout).resolve()}
    return {name: _as_package(source, folder / name) for name, source in sources.items()}


def _as_package(source: Path, root: Path) -> Path:
    """The three floors as one package, as they are installed."""
    (root / "rlnas").mkdir(parents=True)
    for part in (source / "rlnas").iterdir():
        if part.name not in ("envs", "agents"):
            (root / "rlnas" / part.name).symlink_to(part)
    for floor in ("envs", "agents"):
        (root / "rlnas" / floor).symlink_to(source / floor)
    return root


def steps_per_second(root: Path, task: str, kind: str) -> float:
    """Steps per second of one round of a task in a checkout, in a process of its own."""
    arguments, steps = TASKS[task]
    command = [sys.executable, "-c", CODE, arguments, kind, str(steps), str(ENVIRONMENTS)]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(
        command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout)


def main() -> None:
    """Measure and print the table."""
    given, *tasks = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        roots = packages(given, Path(folder))
        table = Table(title=f"Steps per second, {ENVIRONMENTS} environments", title_justify="left")
        for name in ("data", "here in", "there in", "here", "there", "ratio"):
            table.add_column(name, justify="right")
        for task in tasks or TASKS:
            for kinds in KINDS:
                best = dict.fromkeys(roots, 0.0)
                for _ in range(ROUNDS):
                    for (name, root), kind in zip(roots.items(), kinds, strict=True):
                        best[name] = max(best[name], steps_per_second(root, task, kind))
                here, there = best["here"], best["there"]
                rates = f"{here:,.0f}", f"{there:,.0f}", f"{here / there:.2f}"
                table.add_row(task, *kinds, *rates)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
