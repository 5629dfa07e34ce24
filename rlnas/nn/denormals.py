"""Flushing denormal numbers to zero while compiled loops run.

Once a network has learnt its samples by heart, the gradients of most of them are smaller than
1e-38. Processors compute with such denormal numbers many times more slowly, and their sums change
nothing, so that the loops of training count them as zero. The mode belongs to a thread: the loops
set it when they begin and restore it when they end.
"""

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rlnas.nn.simd import Intrinsic

_X86 = platform.machine().lower() in ("x86_64", "amd64")
_ARM = platform.machine().lower() in ("arm64", "aarch64")

_FLUSH = 0x8040 if _X86 else 1 << 24
"""Bits of the control register: on x86 results and operands (FTZ, DAZ), on ARM both (FZ)."""

_WORD, _MODE, _VOID = ir.IntType(32), ir.IntType(64), ir.VoidType()


@intrinsic
def flush_denormals(typing: Any) -> Intrinsic:
    """Count denormal numbers as zero in this thread, on processors where that is known how.

    Returns:
        int64, the mode until now, for `restore_mode`.
    """

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        mode = _read(builder)
        _write(builder, builder.or_(mode, ir.Constant(_MODE, _FLUSH)))
        return mode

    return types.int64(), emit


@intrinsic
def restore_mode(typing: Any, mode: types.Type) -> Intrinsic:
    """Go back to a mode.

    Args:
        typing: Given by Numba.
        mode: int64, what `flush_denormals` returned.
    """

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        _write(builder, arguments[0])
        return context.get_dummy_value()

    return types.void(mode), emit


def _read(builder: ir.IRBuilder) -> ir.Value:
    """The control register of floating-point arithmetic."""
    if _X86:
        place = cgutils.alloca_once(builder, _WORD)
        _call(builder, "llvm.x86.sse.stmxcsr", _VOID, _pointer(builder, place))
        return builder.zext(builder.load(place), _MODE)
    if _ARM:
        return _call(builder, "llvm.aarch64.get.fpcr", _MODE)
    return ir.Constant(_MODE, 0)


def _write(builder: ir.IRBuilder, mode: ir.Value) -> None:
    if _X86:
        place = cgutils.alloca_once(builder, _WORD)
        builder.store(builder.trunc(mode, _WORD), place)
        _call(builder, "llvm.x86.sse.ldmxcsr", _VOID, _pointer(builder, place))
    elif _ARM:
        _call(builder, "llvm.aarch64.set.fpcr", _VOID, mode)


def _pointer(builder: ir.IRBuilder, place: ir.Value) -> ir.Value:
    return builder.bitcast(place, ir.IntType(8).as_pointer())


def _call(builder: ir.IRBuilder, name: str, returns: ir.Type, *arguments: ir.Value) -> ir.Value:
    kind = ir.FunctionType(returns, [each.type for each in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)
