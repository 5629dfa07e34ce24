"""Steps per second of the live environments, and where the time of a step goes.

Run with `make bench-env`. Actions are random and legal, with the same seeds for every number of
threads. The time in each part of a step is measured by cProfile, which also sees the functions that
Numba has compiled. It slows down Python but not compiled code; so the times spent in Python are
scaled to add up to the time of the same steps without it.
"""

import os

os.environ["NUMBA_ENABLE_SYS_MONITORING"] = "1"  # for profilers, from Python 3.12 on

import gc
import resource
import subprocess
import sys
import tempfile
import time
from cProfile import Profile
from typing import Any

import numpy as np
from numba.core.dispatcher import Dispatcher
from rich.console import Console
from rich.table import Table

import rlnas
from rlnas import DesignEnv, ThreadedVecEnv

EDITS: tuple[Any, ...] = (
    *(rlnas.add_connections, rlnas.add_layer, rlnas.add_neurons),
    *(rlnas.remove_connections, rlnas.remove_layer, rlnas.remove_neurons),
)

STEPS = {"digits": 4_000, "mixed": 4_000, "mnist": 400}
ENVIRONMENTS = 8


def where_time_goes(dataset: str) -> dict[str, float]:
    """Milliseconds of a step: all, in compiled code, outside of it, and of that in edits."""
    env = DesignEnv(dataset)
    _play(env, STEPS[dataset] // 10)
    whole = _play(env, STEPS[dataset])
    profile = Profile(time.process_time)  # other work on the machine does not count
    _play(env, STEPS[dataset], profile)
    compiled_code = {
        each.py_func.__code__ for each in gc.get_objects() if isinstance(each, Dispatcher)
    }
    entries = {entry.code: entry for entry in profile.getstats()}
    per_step = 1e3 / STEPS[dataset]
    compiled = per_step * sum(
        entry.inlinetime for code, entry in entries.items() if code in compiled_code
    )
    profiled = per_step * entries[DesignEnv.step.__code__].totaltime
    slowdown = (profiled - compiled) / (whole - compiled)
    edits = 0.0
    for function in EDITS:
        own = entries[function.__code__]
        inside = sum(call.totaltime for call in own.calls or () if call.code in compiled_code)
        edits += per_step * (own.totaltime - inside) / slowdown
    return {"all": whole, "compiled": compiled, "outside": whole - compiled, "edits": edits}


def _play(env: DesignEnv, steps: int, profile: Profile | None = None) -> float:
    """Take random legal steps, and return the milliseconds of a step, without resets."""
    rng = np.random.default_rng(0)
    over, total = True, 0.0
    for taken in range(steps):
        if over:
            env.reset(seed=taken)
        action = rng.choice(np.flatnonzero(env.action_masks()))
        if profile:
            profile.enable()
        began = time.process_time()
        over = env.step(action)[2]
        total += time.process_time() - began
        if profile:
            profile.disable()
    return total / steps * 1e3


def steps_per_second(dataset: str, threads: int) -> float:
    """Steps per second of eight environments that step together."""
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


def _memory() -> None:
    """Print the peak memory in MB of this process, in which 16 environments take some steps."""
    env = ThreadedVecEnv([lambda: DesignEnv("mnist")] * 16)
    env.seed(0)
    env.reset()
    for _ in range(20):
        masks = env.env_method("action_masks")
        env.step(np.array([np.flatnonzero(mask)[-1] for mask in masks]))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def start_up(code: str) -> float:
    """Median seconds that code takes in a new process, where compiled functions are cached."""
    timed = "import time; t = time.perf_counter(); "
    timed += code + "; print(time.perf_counter() - t); assert 'torch' not in sys.modules"
    command = [sys.executable, "-c", "import sys; " + timed]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(6)]
    return float(np.median([float(run.stdout) for run in runs[1:]]))


def seconds_of_a_design() -> tuple[float, float]:
    """Processor seconds to a design of digits: with an empty cache of compiled code, and again."""
    command = [sys.executable, "-m", "rlnas.agents.cli.main", "design", "digits", "--out"]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": f"{folder}/cache"}
        for name in ("cold", "warm"):
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            out = f"{folder}/{name}"
            subprocess.run([*command, out], env=environment, capture_output=True, check=True)
            found.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)
    return found[0], found[1]


def main() -> None:
    """Measure and print the tables."""
    if sys.argv[1:] == ["--memory"]:
        _memory()
        return
    console = Console(width=120)
    table = Table(title="Milliseconds of a step, one environment", title_justify="left")
    for name in ("data", "all", "compiled code", "outside of it", "of that in edits"):
        table.add_column(name, justify="right")
    for dataset in STEPS:
        times = where_time_goes(dataset)
        shown = [f"{value:.3f}" for value in times.values()]
        shown[2] += f" ({times['outside'] / times['all']:.0%})"
        table.add_row(dataset, *shown)
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
        made = f"import gymnasium, rlnas; env = gymnasium.make('rlnas/{name}-v1')"
        first = start_up(made + "; env.reset(seed=0); env.step(0)")
        print(f"to the first step of {name}, imports included, no torch: {first:.2f} s")
    cold, warm = seconds_of_a_design()
    print(f"first design of digits with an empty cache: {cold - warm:.1f} s more than {warm:.1f} s")
    command = [sys.executable, __file__, "--memory"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    print(f"16 MNIST environments: {float(done.stdout):,.0f} MB resident at most")


if __name__ == "__main__":
    main()
