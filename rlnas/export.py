"""Exporting a network: one function for all formats."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from rlnas.c_code import quantise, write_c
from rlnas.errors import InputError
from rlnas.inference import Inference, save_npz, save_safetensors
from rlnas.onnx_model import write_onnx

FORMATS = ("c", "c-int8", "npz", "onnx", "safetensors", "torch")
"""Formats that a design can be exported to."""


def export(inference: Inference, form: str, folder: Path) -> dict[str, Any]:
    """Write a network in a format that runs elsewhere, on raw features.

    Args:
        inference: the network, see `rlnas.inference.for_inference`.
        form: one of `FORMATS`.
        folder: made if it does not exist.

    Returns:
        `files`, their names; `flash` and `ram` in bytes for C code.

    Raises:
        InputError: the format is unknown, or a package is missing.
    """
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
    return {"files": names, **facts}


def as_exported(inference: Inference, form: str) -> Inference:
    """The network with the weights that a format has; those of int8 code are rounded."""
    if form != "c-int8":
        return inference
    codes, steps = quantise(inference)
    return replace(inference, weights=codes * steps[inference.rows])
