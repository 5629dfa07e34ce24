"""Arrays in `.npz` files: written atomically, and read from files that may be anything."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from rlnas.files.atomic import replace_file


def write_arrays(path: str | Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a compressed file, without pickle.

    Args:
        path: Path of the file.
        arrays: The arrays by name.

    Raises:
        InputError: If the file cannot be written.
    """
    stream = io.BytesIO()
    # For all that types tell, an array might be named as the flag `allow_pickle` is.
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    replace_file(path, stream.getvalue())


def read_arrays(stream: IO[bytes], names: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Read those of the named arrays that the file has. Nothing is unpickled.

    Args:
        stream: The open file.
        names: Names of arrays.

    Raises:
        ValueError: If the file is damaged or no `.npz` file, or a member is no plain array.
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
    """Names of all arrays in a file that `read_arrays` could read."""
    with ZipFile(stream) as file:
        return [name.removesuffix(".npy") for name in file.namelist()]
