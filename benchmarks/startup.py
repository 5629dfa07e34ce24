"""Seconds of `rlnas design` and `rlnas evaluate` from the start of the process, and its imports.

    python benchmarks/startup.py

A design of breast_cancer, a design of a CSV file of 1,000 rows and 20 columns, the test of that
design, and its predictions; all with the policy that comes with rlnas, and with compiled functions
cached. The share of imports is measured by Python itself (`-X importtime`), in other runs than the
seconds.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RUNS = 7
"""Runs of each command, which take turns; the median and the fastest are printed."""

SELF = re.compile(r"^import time: +(\d+) \|", re.MULTILINE)
"""Microseconds of a module without those that it imports."""


def write_table(path: Path) -> None:
    """Write 1,000 rows of two classes and 20 columns, of which one holds texts, to a CSV file."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(1000, 20))
    noise = rng.normal(size=1000)
    classes = np.where(features[:, :3].sum(axis=1) + noise > 0, "yes", "no")
    kinds = rng.choice(["red", "green", "blue"], 1000)
    lines = [",".join([*(f"x{k}" for k in range(19)), "colour", "y"])]
    for row, kind, label in zip(features[:, :19].round(4).tolist(), kinds, classes, strict=True):
        lines.append(",".join([*map(str, row), kind, label]))
    path.write_text("\n".join(lines) + "\n")


def run(words: list[str], *options: str) -> tuple[float, str]:
    """Seconds of a command in a new process, and what it printed on standard error.

    Args:
        words: words of the command line.
        *options: options of Python.
    """
    command = [sys.executable, *options, "-m", "rlnas.agents.cli.main", *words, "--quiet"]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - began, done.stderr


def main() -> None:
    """Measure, and print a table."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        table = folder / "table.csv"
        write_table(table)

        def design(*words: str) -> list[str]:
            out = tempfile.mkdtemp(dir=folder)  # a new one for each run, empty
            return ["design", *words, "--out", out]

        tested = design(str(table), "--target", "y")
        run(tested)  # also compiles what is not cached
        commands = {
            "design breast_cancer": lambda: design("breast_cancer"),
            "design table.csv": lambda: design(str(table), "--target", "y"),
            "evaluate": lambda: ["evaluate", tested[-1]],
            "predict": lambda: ["predict", tested[-1], str(table)],
        }
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        shares: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(RUNS):
            for name, words in commands.items():
                seconds[name].append(run(words())[0])
                whole, told = run(words(), "-X", "importtime")
                shares[name].append(sum(map(int, SELF.findall(told))) / 1e6 / whole)
    print("| rlnas | median, s | fastest, s | importing |")
    print("|---|---|---|---|")
    for name, found in seconds.items():
        share = np.median(shares[name])
        print(f"| {name} | {np.median(found):.2f} | {min(found):.2f} | {share:.0%} |")


if __name__ == "__main__":
    main()
