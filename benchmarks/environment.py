"""Steps per second of the live environments, and where the time of a step goes.

Run with `make bench-env`. Random legal actions; the same seeds for every number of threads. The
kernels are the compiled loops of training, evaluation and gradients.
"""

import resource
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import numpy as np
from rich.console import Console
from rich.table import Table

from rlnas.envs import actions, design_env
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.sb3_vec_env import ThreadedVecEnv
from rlnas.nn import gradients, kernels

KERNELS = (
    (kernels, "train"),
    (kernels, "evaluate"),
    (kernels, "forward_backward"),
    (gradients, "correlate"),
    (gradients, "summarize"),
)
PARTS = {
    "training": (design_env, "train"),
    "evaluation": (design_env, "evaluate"),
    "gradients": (design_env, "sample_gradients"),
    "edit": (actions, "apply"),
    "masks": (actions, "legal_actions"),
    "observation": (design_env, "observe"),
}
STEPS = {"digits": 4_000, "mnist": 400}
ENVIRONMENTS = 8


def where_time_goes(dataset: str) -> dict[str, float]:
    """Milliseconds a step: in each part, in all, and in the compiled kernels of the parts."""
    spent: Counter[str] = Counter()

    def timed(part: str, function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                spent[part] += time.perf_counter() - began

        return call

    env = DesignEnv(dataset)
    _play(env, STEPS[dataset] // 10)
    with ExitStack() as stack:
        for part, place in [*PARTS.items(), *(("kernels", place) for place in KERNELS)]:
            stack.enter_context(patch.object(*place, timed(part, getattr(*place))))
        steps, total, in_reset = _play(env, STEPS[dataset], spent)
    result = {part: (spent[part] - in_reset[part]) / steps * 1e3 for part in (*PARTS, "kernels")}
    return result | {"all": total / steps * 1e3}


def steps_per_second(dataset: str, threads: int) -> float:
    """Of eight environments that step together."""
    env = ThreadedVecEnv([lambda: DesignEnv(dataset)] * ENVIRONMENTS, num_threads=threads)
    env.seed(0)
    env.reset()
    rng = np.random.default_rng(0)
    began, steps = time.perf_counter(), 0
    while steps < STEPS[dataset] * 2:
        masks = env.env_method("action_masks")
        env.step(np.array([rng.choice(np.flatnonzero(mask)) for mask in masks]))
        steps += ENVIRONMENTS
    env.close()
    return steps / (time.perf_counter() - began)


def _play(
    env: DesignEnv, steps: int, spent: Counter[str] | None = None
) -> tuple[int, float, Counter[str]]:
    """Random legal steps: how many, the seconds in `step`, and what resets added to `spent`."""
    spent = Counter() if spent is None else spent
    in_reset: Counter[str] = Counter()
    rng = np.random.default_rng(0)
    over, total = True, 0.0
    for taken in range(steps):
        if over:
            before = spent.copy()
            env.reset(seed=taken)
            in_reset.update(spent - before)
        action = rng.choice(np.flatnonzero(env.action_masks()))
        began = time.perf_counter()
        over = env.step(action)[2]
        total += time.perf_counter() - began
    return steps, total, in_reset


def _memory() -> None:
    env = ThreadedVecEnv([lambda: DesignEnv("mnist")] * 16)
    env.seed(0)
    env.reset()
    for _ in range(20):
        masks = env.env_method("action_masks")
        env.step(np.array([np.flatnonzero(mask)[-1] for mask in masks]))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def start_up(code: str) -> float:
    """Median seconds that some code takes in a new process, compiled code in the cache."""
    timed = "import time; t = time.perf_counter(); "
    timed += code + "; print(time.perf_counter() - t); assert 'torch' not in sys.modules"
    command = [sys.executable, "-c", "import sys; " + timed]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(6)]
    return float(np.median([float(run.stdout) for run in runs[1:]]))


def main() -> None:
    """Print the tables."""
    if sys.argv[1:] == ["--memory"]:
        _memory()
        return
    console = Console(width=120)
    table = Table(title="Milliseconds of a step, one environment", title_justify="left")
    table.add_column("data")
    for part in (*PARTS, "rest", "all", "outside the kernels"):
        table.add_column(part, justify="right")
    for dataset in STEPS:
        parts = where_time_goes(dataset)
        total, inside = parts.pop("all"), parts.pop("kernels")
        outside = total - inside
        shown = [f"{value:.3f}" for value in (*parts.values(), total - sum(parts.values()), total)]
        table.add_row(dataset, *shown, f"{outside:.3f} ({outside / total:.0%})")
    console.print(table)
    table = Table(title=f"Steps per second, {ENVIRONMENTS} environments", title_justify="left")
    for name in ("data", "1 thread", "2 threads", "ratio"):
        table.add_column(name, justify="right")
    for dataset in STEPS:
        one, two = (steps_per_second(dataset, threads) for threads in (1, 2))
        table.add_row(dataset, f"{one:,.0f}", f"{two:,.0f}", f"{two / one:.2f}")
    console.print(table)
    print(f"import rlnas: {start_up('import rlnas'):.2f} s")
    for name in ("Digits", "MNIST"):
        made = f"import gymnasium, rlnas; env = gymnasium.make('rlnas/{name}-v0')"
        first = start_up(made + "; env.reset(seed=0); env.step(0)")
        print(f"to the first step of {name}, imports included, no torch: {first:.2f} s")
    command = [sys.executable, __file__, "--memory"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    print(f"16 MNIST environments: {float(done.stdout):,.0f} MB resident at most")


if __name__ == "__main__":
    main()
