"""Where compiled code is kept, and what happens where there is no place for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import rlnas

SCRIPT = """
import numpy as np
import rlnas.survey
from rlnas.compilation import compile_loops

print(rlnas.survey.__file__)

@compile_loops()
def total(values):
    sum = 0.0
    for value in values:
        sum += value
    return sum

print(total(np.arange(4.0)))
"""


def run(package: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Import a copy of the package and compile a function in a script beside it."""
    script = package.parent / "script.py"
    script.write_text(SCRIPT)
    return subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": str(package.parent), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def copied(folder: Path) -> Path:
    """A copy of the core, without what was compiled before."""
    package = folder / "rlnas"
    shutil.copytree(
        Path(rlnas.__file__).parent,
        package,
        ignore=shutil.ignore_patterns("__pycache__", "tables", "agents", "envs", "registration.py"),
    )
    (package / "__init__.py").write_text("")
    return package


def test_where_nothing_can_be_written_loops_are_compiled_without_a_cache(tmp_path):
    package = copied(tmp_path)
    for place in (package, tmp_path):
        (place / "__pycache__").write_text("a file is in the way of the folder")
    nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "NUMBA_CACHE_DIR": ""}
    done = run(package, **nowhere)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(package / "survey.py"), "6.0"]
    assert done.stderr.count("set NUMBA_CACHE_DIR") == 1


def test_the_user_names_the_folder(tmp_path):
    package = copied(tmp_path)
    done = run(package, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list((tmp_path / "cache").rglob("*.nbi"))
