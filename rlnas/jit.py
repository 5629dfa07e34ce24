"""Compiled loops: Numba, with a cache where there is a folder for one.

Numba's own cache knows the file that a function is in, and nothing of the functions and constants
that were compiled into it from other files. Here the name of a cache file therefore has a hash of
all sources that may have taken part. Those are all sources of the function's floor and of the
floors below, whether they take part or not: a rule that cannot be forgotten when code moves, and
that also covers what no import shows, such as the order of the fields of a named tuple that comes
in as an argument. The price is that a change anywhere in the core compiles all loops anew; a change
of the environments compiles theirs only, and a change of the agents none.
"""

import atexit
import gc
import glob
import importlib.util
import logging
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.compiler import Compiler
from numba.core.runtime.nrt import rtsys

_log = logging.getLogger("rlnas")

Loops = TypeVar("Loops", bound=Callable[..., Any])

_FLOORS = ("rlnas", "rlnas.envs", "rlnas.agents")
"""Packages, each of which imports from itself and those before it only."""


def compile_loops(
    fastmath: Iterable[str] = (),
    inline: bool = False,
    makes_arrays: bool = True,
    brief: bool = False,
) -> Callable[[Loops], Loops]:
    """A decorator for functions over arrays, which then release the interpreter lock, if not brief.

    What is compiled is kept beside the source file, or in the user's cache, or in
    `NUMBA_CACHE_DIR`; where none can be written to, it is compiled anew in every process.

    Write sums and the like as loops: `values.sum()` comes from a module of Numba that compiled code
    imports when it is loaded, and SciPy's linear algebra with it, which takes 0.2 s.

    Args:
        fastmath: LLVM's flags for floating-point operations.
        inline: Whether compiled functions that call this one contain it, and take its flags for
            theirs. Each function that is compiled apart takes a tenth of a second, so that this is
            for parts that have one or two callers.
        makes_arrays: Whether it makes arrays, or returns any. Without, nobody counts who holds an
            array, which is less code to compile; the caller holds them all.
        brief: Whether it keeps the lock: where loops take some ten microseconds, waiting for the
            lock again, while another thread has it, takes longer than they do.
    """
    options: dict[str, Any] = {
        "nogil": not brief,
        "error_model": "numpy",
        "fastmath": set(fastmath),
        "no_cfunc_wrapper": True,  # for callers in C, of which there are none
        "pipeline_class": _Compiler,
        "_nrt": makes_arrays,
    }
    if inline:
        options["inline"] = "always"

    def decorate(function: Loops) -> Loops:
        dispatcher: Any = numba.njit(**options)(function)
        try:
            dispatcher._cache = _Cache(function)  # as `cache=True` does, with another class
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            _warn()
        compiled: Loops = dispatcher  # takes and returns the same
        return compiled

    return decorate


def compile_beside(words: str, functions: Iterable[Callable[..., Any]]) -> None:
    """Have functions compiled in another process while this one compiles others.

    The first process after an installation compiles for some seconds, of which two cores can do
    more at once. Nothing happens if each function has been compiled already, for whatever types of
    arguments, if there is one core only, or in a process that is one of several.

    Args:
        words: What the process is to do, in Python; it ends once the functions are compiled.
        functions: Functions that this module's decorator made. A call of one that is not compiled
            yet waits for the process.
    """
    caches = [cache for each in functions if isinstance(cache := _cache_of(each), _Cache)]
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    alone = multiprocessing.parent_process() is None
    if cores > 1 and alone and sys.executable and any(not cache.exists() for cache in caches):
        nowhere = subprocess.DEVNULL
        command = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {words}"]
        # words of our own, and no shell
        process = subprocess.Popen(  # nosec B603
            command, stdin=nowhere, stdout=nowhere, stderr=nowhere
        )
        for cache in caches:
            cache.process = process
        atexit.register(_end, process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process; what it has not compiled yet is compiled when it is needed."""
    process.terminate()
    process.wait()


def _cache_of(function: Any) -> Any:
    return function._cache


class _Compiler(Compiler):
    """Numba's compiler without searches for garbage, which take an eighth of its time."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        searches = gc.isenabled()
        gc.disable()
        try:
            return super().compile_extra(func)
        finally:
            if searches:
                gc.enable()


class _Names(CompileResultCacheImpl):
    """Names the files of a function, with the hash of the sources at the end."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.stamp = hash_of_sources(_floors(function.__module__))
        super().__init__(function)

    def get_filename_base(self, fullname: str, abiflags: str) -> str:
        return f"{super().get_filename_base(fullname, abiflags)}.{self.stamp}"


class _Cache(FunctionCache):
    """Keeps what a function was compiled to, and removes what it was before its sources changed."""

    _impl_class = _Names
    process: subprocess.Popen[bytes] | None = None
    """Another process that compiles the function, see `compile_beside`."""

    def exists(self) -> bool:
        """Whether the function was compiled for any types since its sources changed."""
        return Path(self.cache_path, f"{self._impl.filename_base}.nbi").exists()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        # Numba's own method first imports everything that it can compile, SciPy's linear algebra
        # included, which takes longer than a short training. Compiling imports that anyway;
        # compiled code needs only the memory management.
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            while (loaded := self._load_overload(sig, target_context)) is None:
                if self.process is None:
                    break
                if self.process.poll() is not None:
                    self.process = None  # it may have ended since the look at the cache
                time.sleep(0.01)
            else:
                return loaded
        _tell_of_compiling()
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        super().save_overload(sig, data)
        name, _, _ = self._impl.filename_base.rpartition("-")  # of the function
        for path in Path(self.cache_path).glob(f"{glob.escape(name)}-*.nb[ci]"):
            if self._impl.stamp not in path.name:
                with suppress(OSError):  # another process was faster, or (Windows) has it open
                    path.unlink()


def _floors(module: str) -> tuple[str, ...]:
    """The packages that functions of a module may call: its floor and those below it.

    They are all where the module is not one of rlnas.
    """
    package, _, rest = module.partition(".")
    if package != "rlnas":
        return _FLOORS
    floor = f"rlnas.{rest.partition('.')[0]}"
    return _FLOORS[: _FLOORS.index(floor) + 1] if floor in _FLOORS else _FLOORS[:1]


@cache
def hash_of_sources(packages: tuple[str, ...]) -> str:
    """Sixteen hexadecimal digits that change with any source file of some packages."""
    digest = sha256()
    for folder in _folders(packages):
        for path in sorted(folder.rglob("*.py")):
            if path.is_file():  # and no link to nowhere, by which editors lock files
                digest.update(f"{path.relative_to(folder).as_posix()}\0".encode())
                digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _folders(packages: tuple[str, ...]) -> Iterator[Path]:
    for name in packages:
        found = importlib.util.find_spec(name)  # does not import it
        if found is not None:
            yield from map(Path, found.submodule_search_locations or ())


@cache
def _tell_of_compiling() -> None:
    _log.info("compiling loops, once after an installation or an update: up to a minute")


@cache
def _warn() -> None:
    _log.warning(
        "loops are compiled anew in every process, which takes half a minute: no folder for "
        "compiled code can be written to, set NUMBA_CACHE_DIR to one"
    )
