"""Exporting a design: one function for all formats, and what each is worth on the test samples."""

from pathlib import Path
from typing import Any

import numpy as np

from rlnas.c_code import dequantised, write_c
from rlnas.c_names import check_name
from rlnas.datasets import Dataset
from rlnas.errors import InputError
from rlnas.inference import Inference, for_inference, save_npz, save_safetensors
from rlnas.network import SparseNetwork
from rlnas.onnx_model import write_onnx

FORMATS = ("c", "c-int8", "npz", "onnx", "safetensors", "torch")
"""Formats that a design can be exported to."""


def export(
    network: SparseNetwork, dataset: Dataset, form: str, folder: Path, name: str = "network"
) -> dict[str, Any]:
    """Write a network in a format that runs elsewhere, on features as the data set has them.

    Args:
        network: the network; its averaged weights count.
        dataset: what it was designed for.
        form: one of `FORMATS`.
        folder: made if it does not exist.
        name: of the files, and what all symbols of C code begin with, so that several networks can
            be in one program; see `rlnas.c_names.check_name`.

    Returns:
        `files`, their names; `test_accuracy` of what was exported; `flash` and `ram` in bytes for
        C code.

    Raises:
        InputError: the format is unknown, the name cannot be used, the network does not fit the
            data set, or a package is missing.
    """
    inference = for_inference(network, dataset)
    facts = write(inference, form, folder, name, dataset.features[dataset.test])
    accuracy = _accuracy(dequantised(inference) if form == "c-int8" else inference, dataset)
    return {**facts, "test_accuracy": accuracy}


def write(
    inference: Inference, form: str, folder: Path, name: str, features: np.ndarray
) -> dict[str, Any]:
    """Write a network that is ready for inference.

    Args:
        inference: the network.
        form: one of `FORMATS`.
        folder: made if it does not exist.
        name: as for `export`.
        features: `[samples, n_features]`, raw, from which the self-test of C code is chosen.

    Returns:
        `files`, their names; `flash` and `ram` in bytes for C code.

    Raises:
        InputError: the format is unknown, the name cannot be used, or a package is missing.
    """
    check_name(name)
    match form:
        case "c" | "c-int8":
            files, footprint = write_c(inference, folder, name, features, form == "c-int8")
            return {"files": files, "flash": footprint.flash, "ram": footprint.ram}
        case "onnx":
            file = f"{name}.onnx"
            write_onnx(inference, folder / file)
        case "npz":
            file = f"{name}.npz"
            save_npz(inference, folder / file)
        case "safetensors":
            file = f"{name}.safetensors"
            save_safetensors(inference, folder / file)
        case "torch":
            from rlnas.torch_module import save_program

            file = f"{name}.pt2"
            save_program(inference, folder / file)
        case _:
            raise InputError(f"unknown format '{form}': expected one of {', '.join(FORMATS)}")
    return {"files": [file]}


def _accuracy(inference: Inference, dataset: Dataset) -> float:
    predicted = inference.logits(dataset.features[dataset.test]).argmax(axis=1)
    return float(np.mean(predicted == dataset.labels[dataset.test]))
