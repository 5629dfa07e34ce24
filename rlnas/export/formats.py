"""Exports of a network: one function for all formats."""

import json
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np

from rlnas.data.npz import write_arrays
from rlnas.errors import InputError
from rlnas.export.c.code import write_c
from rlnas.export.c.integers import IntegerNetwork, to_integers
from rlnas.export.c.names import check_name
from rlnas.export.c.quantization import dequantize
from rlnas.export.column_facts import table_facts
from rlnas.export.inference import Inference
from rlnas.export.onnx_model import write_onnx
from rlnas.files.atomic import replace_file
from rlnas.files.json_files import write_json

FORMATS = ("c", "c-int", "c-int8", "npz", "onnx", "safetensors", "torch")
"""Formats of exports."""


class Exported(TypedDict):
    """What an export wrote.

    Attributes:
        files: Names of the files.
        flash: Bytes of constants of C code, see `rlnas.export.c.sizes.Footprint`.
        ram: Bytes of the arrays that C code writes to, features included.
    """

    files: list[str]
    flash: NotRequired[int]
    ram: NotRequired[int]


def export_network(
    inference: Inference, form: str, folder: Path, name: str, raw: np.ndarray
) -> Exported:
    """Write a network in a format that runs elsewhere, on raw samples.

    For a table, `NAME_columns.json` tells what the codes of a raw sample mean, see
    `rlnas.export.column_facts`.

    Args:
        inference: The network, see `rlnas.export.inference.for_inference`.
        form: One of `FORMATS`.
        folder: Folder of the files; it is created if it does not exist.
        name: Name of the files, and prefix of all symbols of C code, so that several networks can
            be in one program; see `rlnas.export.c.names.check_name`.
        raw: Raw samples `[samples, n_columns]`, among which the self-test of C code chooses.

    Returns:
        What was written.

    Raises:
        InputError: If the format is unknown, the name cannot be used, or a package is missing.
    """
    check_name(name)
    exported: Exported = {"files": []}
    match form:
        case "c" | "c-int8" | "c-int":
            files, footprint = write_c(inference, folder, name, raw, form)
            exported = {"files": files, "flash": footprint.flash, "ram": footprint.ram}
        case "onnx":
            exported["files"].append(file := f"{name}.onnx")
            write_onnx(inference, folder / file)
        case "npz":
            exported["files"].append(file := f"{name}.npz")
            write_arrays(folder / file, inference.arrays())
        case "safetensors":
            exported["files"].append(file := f"{name}.safetensors")
            _write_safetensors(inference, folder / file)
        case "torch":
            from rlnas.export.torch_module import save_program

            exported["files"].append(file := f"{name}.pt2")
            save_program(inference, folder / file)
        case _:
            raise InputError(f"unknown format '{form}': expected one of {', '.join(FORMATS)}")
    if inference.encoding is not None:
        exported["files"].append(file := f"{name}_columns.json")
        write_json(folder / file, table_facts(inference.encoding))
    return exported


def as_exported(inference: Inference, form: str) -> Inference | IntegerNetwork:
    """The network that a format computes: `c-int8` rounds weights, `c-int` everything."""
    if form == "c-int":
        return to_integers(inference)
    return dequantize(inference) if form == "c-int8" else inference


def _write_safetensors(inference: Inference, path: Path) -> None:
    from safetensors.numpy import save

    arrays = {name: np.ascontiguousarray(array) for name, array in inference.arrays().items()}
    metadata = {"format": "rlnas-inference-1"}
    if inference.encoding is not None:
        columns = json.dumps(table_facts(inference.encoding))
        metadata = {"format": "rlnas-table-inference-1", "columns": columns}
    replace_file(path, save(arrays, metadata=metadata))
