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

from rlnas.export.c.integers import IntegerNetwork
from rlnas.export.formats import FORMATS
from rlnas.export.inference import Inference

FLOAT_FORMATS = [form for form in FORMATS if form != "c-int"]
"""Formats whose features and logits are in floating point."""

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
        rows, _ = c_features(code, folder, features, inference, inference.dtype)
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


def integer_outputs(
    folder: Path, raw: np.ndarray, network: IntegerNetwork
) -> tuple[np.ndarray, np.ndarray]:
    """Outputs of the integer code in a folder, and whether it calls samples finite.

    Args:
        folder: Where the code is.
        raw: Raw samples, as `IntegerNetwork.given` returns them.
        network: What the code should compute; only its types and sizes are used.
    """
    code, inference = compiled(folder), network.quantized.network
    rows, finite = np.ascontiguousarray(raw), np.ones(len(raw), bool)
    if inference.encoding is not None:
        rows, finite = c_features(code, folder, raw, inference, np.int16)
    elif not network.quantized.in_place:
        rows = np.zeros((len(raw), inference.layer_sizes[0]), np.int16)
        for k, (given, features) in enumerate(zip(raw, rows, strict=True)):
            answer = code.network_quantize(pointer(given), pointer(features))
            finite[k] = raw.dtype == np.int16 or answer
    outputs = np.zeros((len(rows), inference.layer_sizes[-1]), np.int32)
    for row, output in zip(rows, outputs, strict=True):
        code.network_logits(pointer(row), pointer(output))
        assert code.network_classify(pointer(row)) == output.argmax()
    return outputs, finite


def c_features(
    code: ctypes.CDLL, folder: Path, codes: np.ndarray, inference: Inference, kind: type
) -> tuple[np.ndarray, np.ndarray]:
    """Features that the C code in a folder makes of rows of codes, and what it returns for each."""
    types = {"float": ctypes.c_float, "double": ctypes.c_double, "signed char": ctypes.c_byte}
    body = re.search(r"typedef struct {\n(.*?)\n}", (folder / "network.h").read_text(), re.S)[1]
    members = re.findall(r"^    (.+?) (\w+);", body, re.M)
    read = np.unique(inference.encoding.source)
    assert len(members) == len(read)

    class Row(ctypes.Structure):
        _fields_ = [(name, types.get(kind, ctypes.c_int)) for kind, name in members]

    features = np.zeros((len(codes), inference.layer_sizes[0]), kind)
    answers = np.zeros(len(codes), int)
    for k, each in enumerate(codes[:, read].tolist()):
        values = [
            value if kind in ("float", "double") else -1 if value != value else int(value)
            for (kind, _), value in zip(members, each, strict=True)
        ]
        answers[k] = code.network_encode(ctypes.byref(Row(*values)), pointer(features[k]))
    return features, answers


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
    inference = inference.in_units()  # as these files have it
    sizes = tuple(arrays.pop("layer_sizes").tolist())
    if inference.encoding is None:
        arrays["n_features"] = int(arrays["n_features"][0])
    else:
        assert arrays.pop("n_columns") == [features.shape[1]]
        rules = {name: arrays.pop(name) for name in ("source", "rule", "operand")}
        arrays["encoding"] = replace(inference.encoding, **rules)
    read = replace(inference, layer_sizes=sizes, **arrays)
    return read.logits(features)
