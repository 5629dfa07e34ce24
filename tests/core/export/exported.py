"""Running what was exported: each format by whatever others would run it with."""

import ctypes
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from safetensors.numpy import load_file

from rlnas.export.inference import Inference

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def compiled(folder: Path, name: str = "network") -> ctypes.CDLL:
    """The C code in a folder as a shared library."""
    library = folder / f"{name}.so"
    sources = ["-o", library, folder / f"{name}.c"]
    subprocess.run(["cc", *STRICT, "-O2", "-shared", "-fPIC", *sources], check=True)
    return ctypes.CDLL(str(library))


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)


def c_logits(folder: Path, features: np.ndarray, inference: Inference) -> np.ndarray:
    """Outputs of the C code in a folder; its classes have to be those of its outputs."""
    code = compiled(folder)
    rows = np.ascontiguousarray(features, inference.dtype)
    outputs = np.zeros((len(rows), inference.layer_sizes[-1]), np.float32)
    for row, output in zip(rows, outputs, strict=True):
        code.network_logits(pointer(row), pointer(output))
        expected = -1 if np.isnan(output).any() else output.argmax()
        assert code.network_classify(pointer(row)) == expected
    return outputs


def logits_of(form: str, folder: Path, features: np.ndarray, inference: Inference) -> np.ndarray:
    """Outputs of what `inference` was written as."""
    features = np.asarray(features, inference.dtype)
    match form:
        case "c" | "c-int8":
            return c_logits(folder, features, inference)
        case "onnx":
            session = onnxruntime.InferenceSession(folder / "network.onnx")
            return session.run(["logits"], {"features": features})[0]
        case "torch":
            program = torch.export.load(folder / "network.pt2").module()
            return program(torch.from_numpy(features)).detach().numpy()
        case "npz":
            arrays = dict(np.load(folder / "network.npz"))
        case _:
            arrays = load_file(folder / "network.safetensors")
    assert arrays.pop("limit") == [inference.limit]
    sizes = tuple(arrays.pop("layer_sizes").tolist())
    n_features = int(arrays.pop("n_features")[0])
    read = replace(inference, n_features=n_features, layer_sizes=sizes, **arrays)
    return read.logits(features)
