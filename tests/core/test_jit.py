"""Where compiled code is kept, and what happens where there is no place for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rlnas
from rlnas import jit

CALLEE = """
from rlnas.jit import compile_loops

FACTOR = 10

@compile_loops()
def added(value):
    return value + 1
"""

CALLER = """
from rlnas.callee import FACTOR, added
from rlnas.jit import compile_loops

@compile_loops()
def both(value):
    return FACTOR * added(value)
"""

TWICE = """
import sys

for _ in range(2):
    from rlnas.caller import both
    print(both(1), bool(both.stats.cache_hits))
    del sys.modules["rlnas.caller"], sys.modules["rlnas.callee"]
"""

ALLOCATING = """
import sys

import numba
import numpy as np
from rlnas.jit import compile_loops

@compile_loops()
def counted(n):
    values = np.empty(n)
    for k in range(n):
        values[k] = k
    return values

print(counted(3), bool(counted.stats.cache_hits), "scipy.linalg" in sys.modules)
if counted.stats.cache_hits:
    print(numba.njit(lambda a: a @ a)(np.eye(3))[2], counted(4))
"""

SCRIPT = """
import numpy as np
import rlnas.nn.network
from rlnas.jit import compile_loops

print(rlnas.nn.network.__file__)

@compile_loops()
def total(values):
    sum = 0.0
    for value in values:
        sum += value
    return sum

print(total(np.arange(4.0)))
"""


def run(
    package: Path, content: str = SCRIPT, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Import a copy of the package in a script beside it."""
    script = package.parent / "script.py"
    script.write_text(content)
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
        ignore=shutil.ignore_patterns("__pycache__", "*.npz", "agents", "envs", "registration.py"),
    )
    (package / "__init__.py").write_text("")
    return package


def test_loops_are_compiled_without_a_cache_if_no_folder_is_writable(tmp_path):
    package = copied(tmp_path)
    for place in (package, tmp_path):
        (place / "__pycache__").write_text("a file is in the way of the folder")
    nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "NUMBA_CACHE_DIR": ""}
    done = run(package, **nowhere)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(package / "nn" / "network.py"), "6.0"]
    assert done.stderr.count("set NUMBA_CACHE_DIR") == 1


def test_numba_cache_dir_sets_the_cache_folder(tmp_path):
    package = copied(tmp_path)
    done = run(package, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list((tmp_path / "cache").rglob("*.nbi"))


def test_cached_code_runs_without_what_only_compiling_needs_which_still_works_after(tmp_path):
    package = copied(tmp_path)
    for cached in (False, True):
        done = run(package, ALLOCATING, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
        assert done.returncode == 0, done.stderr
        lines = [f"[0. 1. 2.] {cached} {not cached}", "[0. 0. 1.] [0. 1. 2. 3.]"]
        assert done.stdout.splitlines() == lines[: 1 + cached]


@pytest.mark.slow
def test_compiling_is_told_once_and_only_if_it_has_to_be(tmp_path):
    package = copied(tmp_path)
    told = []
    logged = "import logging\nlogging.basicConfig(level=logging.INFO)\n" + SCRIPT
    for _ in range(2):
        done = run(package, logged, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
        told.append(done.stderr.count("compiling loops, once after an installation"))
    assert told == [1, 0]


# --- two processes ---

BESIDE = """
import os

from rlnas.callee import added
from rlnas.jit import compile_beside

os.sched_getaffinity = lambda process: {{0, 1}}
compile_beside({words!r}, [added])
print(added(1), bool(added.stats.cache_hits))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="pretends to have two cores")
@pytest.mark.parametrize(
    ("words", "elsewhere"),
    [("from rlnas.callee import added; added(5)", True), ("raise SystemExit(1)", False)],
    ids=["it does", "it fails"],
)
def test_a_call_waits_for_the_process_that_compiles_the_function(tmp_path, words, elsewhere):
    package = copied(tmp_path)
    (package / "callee.py").write_text(CALLEE)
    done = run(package, BESIDE.format(words=words), NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"2 {elsewhere}\n"


@pytest.mark.parametrize(("cores", "compiled"), [({0}, False), ({0, 1}, True)])
def test_no_process_is_started_for_nothing(monkeypatch, cores, compiled):
    def forbidden(*arguments, **options):
        raise AssertionError("a process was started")

    monkeypatch.setattr(os, "sched_getaffinity", lambda process: cores, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: len(cores))
    monkeypatch.setattr(subprocess, "Popen", forbidden)
    function = jit.compile_loops()(lambda value: value)
    monkeypatch.setattr(jit._Cache, "exists", lambda cache: compiled)
    jit.compile_beside("", [function])


# --- a change of the sources ---


@pytest.mark.slow
def test_changing_only_a_callee_or_a_constant_recompiles_the_callers(tmp_path):
    package, cache = copied(tmp_path), tmp_path / "cache"
    (package / "caller.py").write_text(CALLER)

    def run_twice(callee: str) -> tuple[str, list[str]]:
        """What `both(1)` is, whether from the cache, again once it must be; files in the cache."""
        (package / "callee.py").write_text(callee)
        done = run(package, TWICE, NUMBA_CACHE_DIR=str(cache))
        assert done.returncode == 0, done.stderr
        return done.stdout, sorted(path.name for path in cache.rglob("*.nb*"))

    printed, files = run_twice(CALLEE)
    assert printed == f"{10 * (1 + 1)} False\n{10 * (1 + 1)} True\n"
    assert len(files) == 4, "an index and the code, of two functions"
    printed, others = run_twice(CALLEE.replace("value + 1", "value + 2").replace("10", "100"))
    assert printed == f"{100 * (1 + 2)} False\n{100 * (1 + 2)} True\n"
    assert len(others) == 4, "what was compiled before is removed"
    assert not set(files) & set(others)


@pytest.fixture
def floors(tmp_path, monkeypatch) -> Path:
    """A folder with three packages in the place of those of rlnas."""
    names = ("core", "envs", "agents")
    for name in names:
        (tmp_path / name / "below").mkdir(parents=True)
        (tmp_path / name / "below" / "loops.py").write_text("")
    places = dict(zip(jit._FLOORS, names, strict=True))
    monkeypatch.setattr(
        jit, "_folders", lambda packages: [tmp_path / places[name] for name in packages]
    )
    return tmp_path


def stamps() -> list[str]:
    """Of functions of the core, the environments, the agents and a user."""
    jit.hash_of_sources.cache_clear()
    modules = ("rlnas.below.loops", "rlnas.envs.below.loops", "rlnas.agents.loops", "__main__")
    return [jit.hash_of_sources(jit._floors(module)) for module in modules]


@pytest.mark.parametrize(
    ("where", "changed"), [("core", [0, 1, 2, 3]), ("envs", [1, 2, 3]), ("agents", [2, 3])]
)
def test_changing_a_floor_changes_the_hash_of_that_floor_and_those_above(floors, where, changed):
    before = stamps()
    assert stamps() == before
    (floors / where / "below" / "new.py").write_text("x = 1")
    added = stamps()
    assert [k for k in range(4) if added[k] != before[k]] == changed
    (floors / where / "below" / "new.py").write_text("x = 2")
    edited = stamps()
    assert [k for k in range(4) if edited[k] != added[k]] == changed
    (floors / where / "below" / "new.py").rename(floors / where / "new.py")
    moved = stamps()
    assert [k for k in range(4) if moved[k] != edited[k]] == changed


def test_files_that_are_no_source_do_not_change_the_hash(floors):
    before = stamps()
    (floors / "core" / "table.csv").write_text("1")
    (floors / "core" / ".#loops.py").symlink_to("somebody@somewhere.1")  # a lock of Emacs
    assert stamps() == before


def test_the_folders_of_all_floors_are_found():
    folders = list(jit._folders(jit._FLOORS))
    assert [(folder / "__init__.py").is_file() for folder in folders] == [True] * 3
    assert (folders[0] / "nn" / "kernels" / "run.py").is_file()
    assert (folders[1] / "tabular" / "dynamics.py").is_file()


@pytest.mark.parametrize("brief", [False, True])
def test_brief_loops_keep_the_interpreter_lock(brief):
    loops: Any = jit.compile_loops(brief=brief)(abs_of)
    assert loops.targetoptions["nogil"] is not brief
    assert loops(-3) == 3


def abs_of(value: int) -> int:
    return max(value, -value)
