"""Running what was exported: each format by whatever others would run it with."""

import ctypes
import re
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
    """Outputs of the C code in a folder; its classes, if any, have to be those of its outputs."""
    code = compiled(folder)
    if inference.encoding is None:
        rows = np.ascontiguousarray(features, inference.dtype)
    else:
        rows = c_features(code, folder, features, inference)
    outputs = np.zeros((len(rows), inference.layer_sizes[-1]), np.float32)
    if inference.target_names:
        for row, output in zip(rows, outputs, strict=True):
            code.network_predict(pointer(row), pointer(output))
        return outputs
    for row, output in zip(rows, outputs, strict=True):
        code.network_logits(pointer(row), pointer(output))
        expected = -1 if np.isnan(output).any() else output.argmax()
        assert code.network_classify(pointer(row)) == expected
    return outputs


def c_features(
    code: ctypes.CDLL, folder: Path, codes: np.ndarray, inference: Inference
) -> np.ndarray:
    """Features that the C code in a folder makes of rows of codes."""
    types = {"float": ctypes.c_float, "double": ctypes.c_double, "signed char": ctypes.c_byte}
    body = re.search(r"typedef struct {\n(.*?)\n}", (folder / "network.h").read_text(), re.S)[1]
    members = re.findall(r"^    (.+?) (\w+);", body, re.M)
    read = np.unique(inference.encoding.source)
    assert len(members) == len(read)

    class Row(ctypes.Structure):
        _fields_ = [(name, types.get(kind, ctypes.c_int)) for kind, name in members]

    features = np.zeros((len(codes), inference.layer_sizes[0]), inference.dtype)
    for each, output in zip(codes[:, read].tolist(), features, strict=True):
        values = [
            value if kind in ("float", "double") else -1 if value != value else int(value)
            for (kind, _), value in zip(members, each, strict=True)
        ]
        code.network_encode(ctypes.byref(Row(*values)), pointer(output))
    return features


def logits_of(form: str, folder: Path, features: np.ndarray, inference: Inference) -> np.ndarray:
    """Outputs of what `inference` was written as."""
    features = np.asarray(features, inference.dtype)
    match form:
        case "c" | "c-int8":
            return c_logits(folder, features, inference)
        case "onnx":
            session = onnxruntime.InferenceSession(folder / "network.onnx")
            output = "values" if inference.target_names else "logits"
            return session.run([output], {session.get_inputs()[0].name: features})[0]
        case "torch":
            program = torch.export.load(folder / "network.pt2").module()
            return program(torch.from_numpy(features)).detach().numpy()
        case "npz":
            arrays = dict(np.load(folder / "network.npz"))
        case _:
            arrays = load_file(folder / "network.safetensors")
    assert arrays.pop("limit") == [inference.limit]
    sizes = tuple(arrays.pop("layer_sizes").tolist())
    if inference.encoding is None:
        arrays["n_features"] = int(arrays["n_features"][0])
    else:
        assert arrays.pop("n_columns") == [features.shape[1]]
        rules = {name: arrays.pop(name) for name in ("source", "rule", "operand")}
        arrays["encoding"] = replace(inference.encoding, **rules)
    read = replace(inference, layer_sizes=sizes, **arrays)
    return read.logits(features)
