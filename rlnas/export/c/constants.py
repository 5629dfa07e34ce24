"""Constant arrays in C, and the bytes that they take."""

from collections.abc import Mapping

import numpy as np

from rlnas.export.c.names import number_literal

TYPES = {np.uint8: "uint8_t", np.int16: "int16_t", np.float32: "float", np.float64: "double"}
"""The C types of the features that code is given."""

Arrays = Mapping[str, tuple[str, np.ndarray]]
"""The constants of a program by name, each with its C type, which is a key of `_BYTES`."""

_BYTES = {"uint8_t": 1, "int8_t": 1, "uint16_t": 2, "int16_t": 2, "float": 4, "double": 8}
_PER_LINE = 12


def size_of(arrays: Arrays) -> int:
    """Bytes of constant arrays."""
    return sum(_BYTES[kind] * array.size for kind, array in arrays.values())


def definitions(name: str, arrays: Arrays) -> str:
    """The definitions of constant arrays of a network with this name."""
    parts = []
    for suffix, (kind, values) in arrays.items():
        shown = [number_literal(kind, value) for value in values]
        lines = [", ".join(shown[k : k + _PER_LINE]) for k in range(0, len(shown), _PER_LINE)]
        begin = f"static const {kind} {name}_{suffix}[{values.size}] {name.upper()}_FLASH"
        parts.append(begin + " = {\n    " + ",\n    ".join(lines) + "\n};")
    return "\n\n".join(parts)
