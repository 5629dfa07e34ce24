"""Reading arrays from an `.npz` file that may be anything."""

from collections.abc import Iterable
from typing import IO
from zipfile import ZipFile

import numpy as np


def read_arrays(stream: IO[bytes], names: Iterable[str]) -> dict[str, np.ndarray]:
    """The arrays of these names; those that the file has not are left out. Nothing is unpickled.

    Args:
        stream: of an open file.
        names: of arrays.

    Raises:
        ValueError: the file is damaged, something else, or a member is no plain array.
    """
    try:
        file = np.load(stream, allow_pickle=False)
        held = getattr(file, "files", ())  # a lone array, as in an .npy file, has no names
        arrays = {name: file[name] for name in names if name in held}
    except Exception as error:  # zipfile, its decompressors and NumPy raise many kinds
        raise ValueError(str(error) or type(error).__name__) from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # NumPy gives the bytes of other members
            raise ValueError(f"member {name} is no array")
    return arrays


def names_of(stream: IO[bytes]) -> list[str]:
    """The names of all arrays in a file that `read_arrays` could read."""
    with ZipFile(stream) as file:
        return [name.removesuffix(".npy") for name in file.namelist()]
