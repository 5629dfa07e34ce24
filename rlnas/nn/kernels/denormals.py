"""Flushing denormal numbers to zero while compiled loops run.

Once a network has learnt its samples by heart, the gradients of most of them are smaller than
1e-38. Processors compute with such denormal numbers many times more slowly, while they decide at
most how another number is rounded, so that the loops of training count them as zero. The mode
belongs to a thread: the loops set it when they begin and restore it when they end.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rlnas.nn.kernels.simd.llvm import Intrinsic

_X86, _ARM = ("x86_64", "amd64"), ("aarch64", "arm64")
_FLUSH = {
    **dict.fromkeys(_X86, 1 << 15 | 1 << 6),  # of MXCSR: results (FTZ), operands (DAZ)
    **dict.fromkeys(_ARM, 1 << 24),  # of FPCR: both (FZ)
}
"""Bits of the control register."""

_WORD, _MODE, _VOID = ir.IntType(32), ir.IntType(64), ir.VoidType()


@intrinsic
def flush_denormals(typing: Any) -> Intrinsic:
    """Count denormal numbers as zero in this thread, on processors where that is known how.

    Nothing may raise an error before `restore_mode`, or the mode would stay: Numba 0.68 cannot pass
    an error on through `finally`.

    Args:
        typing: Given by Numba.

    Returns:
        int64, the mode until now, for `restore_mode`.
    """

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        return write_flush(builder)

    return types.int64(), emit


@intrinsic
def restore_mode(typing: Any, mode: types.Type) -> Intrinsic:
    """Go back to a mode.

    Args:
        typing: Given by Numba.
        mode: int64, what `flush_denormals` returned.
    """

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        write_restore(builder, arguments[0])
        return context.get_dummy_value()

    return types.void(mode), emit


def write_flush(builder: ir.IRBuilder) -> ir.Value:
    """Write the code of `flush_denormals` for the processor that the module is compiled for."""
    processor = _processor(builder)
    if processor in _X86:
        place = cgutils.alloca_once(builder, _WORD)
        _call(builder, "llvm.x86.sse.stmxcsr", _VOID, _pointer(builder, place))
        mode = builder.zext(builder.load(place), _MODE)
    elif processor in _ARM:
        mode = _call(builder, "llvm.aarch64.get.fpcr", _MODE)
    else:
        return ir.Constant(_MODE, 0)
    write_restore(builder, builder.or_(mode, ir.Constant(_MODE, _FLUSH[processor])))
    return mode


def write_restore(builder: ir.IRBuilder, mode: ir.Value) -> None:
    """Write the code of `restore_mode` for the processor that the module is compiled for."""
    processor = _processor(builder)
    if processor in _X86:
        place = cgutils.alloca_once(builder, _WORD)
        builder.store(builder.trunc(mode, _WORD), place)
        _call(builder, "llvm.x86.sse.ldmxcsr", _VOID, _pointer(builder, place))
    elif processor in _ARM:
        _call(builder, "llvm.aarch64.set.fpcr", _VOID, mode)


def _processor(builder: ir.IRBuilder) -> str:
    """The target of the module; the machine may be another one, which emulates it."""
    name: str = builder.module.triple.partition("-")[0]
    return name


def _pointer(builder: ir.IRBuilder, place: ir.Value) -> ir.Value:
    return builder.bitcast(place, ir.IntType(8).as_pointer())


def _call(builder: ir.IRBuilder, name: str, returns: ir.Type, *arguments: ir.Value) -> ir.Value:
    kind = ir.FunctionType(returns, [each.type for each in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)
