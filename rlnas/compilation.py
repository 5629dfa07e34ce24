"""Compiled loops: Numba, with a cache where there is a folder for one."""

import logging
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numba

_log = logging.getLogger("rlnas")


def compile_loops(fastmath: Iterable[str] = ()) -> Callable[[Callable[..., Any]], Any]:
    """A decorator for functions over arrays, which then release the interpreter lock.

    What is compiled is kept beside the source file, or in the user's cache, or in
    `NUMBA_CACHE_DIR`; where none can be written to, it is compiled anew in every process.

    Args:
        fastmath: LLVM's flags for floating-point operations.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": set(fastmath)}

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError as error:
            if "cannot cache" not in str(error):
                raise
            _warn()
            return numba.njit(**options)(function)

    return decorate


@cache
def _warn() -> None:
    _log.warning(
        "loops are compiled anew in every process, which takes half a minute: no folder for "
        "compiled code can be written to, set NUMBA_CACHE_DIR to one"
    )
