"""Exporting a design: one function for all formats, and what each is worth on the test samples."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rlnas.c_code import quantise, write_c
from rlnas.datasets import Dataset
from rlnas.errors import InputError
from rlnas.inference import Inference, for_inference, save_npz, save_safetensors
from rlnas.network import SparseNetwork
from rlnas.onnx_model import write_onnx

FORMATS = ("c", "c-int8", "npz", "onnx", "safetensors", "torch")
"""Formats that a design can be exported to."""


def export(network: SparseNetwork, dataset: Dataset, form: str, folder: Path) -> dict[str, Any]:
    """Write a network in a format that runs elsewhere, on features as the data set has them.

    Args:
        network: the network; its averaged weights count.
        dataset: what it was designed for.
        form: one of `FORMATS`.
        folder: made if it does not exist.

    Returns:
        `files`, their names; `test_accuracy` of what was exported; `flash` and `ram` in bytes for
        C code.

    Raises:
        InputError: the format is unknown, the network does not fit the data set, or a package is
            missing.
    """
    inference = for_inference(network, dataset)
    facts: dict[str, Any] = {}
    match form:
        case "c" | "c-int8":
            footprint = write_c(inference, folder, quantised=form == "c-int8")
            names = ["network.c", "network.h"]
            facts = {"flash": footprint.flash, "ram": footprint.ram}
        case "onnx":
            write_onnx(inference, folder / "network.onnx")
            names = ["network.onnx"]
        case "npz":
            save_npz(inference, folder / "network.npz")
            names = ["network.npz"]
        case "safetensors":
            save_safetensors(inference, folder / "inference.safetensors")
            names = ["inference.safetensors"]
        case "torch":
            from rlnas.torch_module import save_program

            save_program(inference, folder / "network.pt2")
            names = ["network.pt2"]
        case _:
            raise InputError(f"unknown format '{form}': expected one of {', '.join(FORMATS)}")
    accuracy = _accuracy(dequantised(inference) if form == "c-int8" else inference, dataset)
    return {"files": names, "test_accuracy": accuracy, **facts}


def dequantised(inference: Inference) -> Inference:
    """The network with the weights that int8 code has."""
    codes, steps = quantise(inference)
    return replace(inference, weights=codes * steps[inference.rows])


def _accuracy(inference: Inference, dataset: Dataset) -> float:
    predicted = inference.logits(dataset.features[dataset.test]).argmax(axis=1)
    return float(np.mean(predicted == dataset.labels[dataset.test]))
