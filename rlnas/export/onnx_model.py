"""A network as an ONNX model that maps raw samples to logits, or to predicted numbers."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from rlnas.columns.encoding import Rule
from rlnas.errors import InputError
from rlnas.export.column_facts import table_facts
from rlnas.export.inference import Inference
from rlnas.files.atomic import replace_file

OPSET = 17
"""Version of the operators; runtimes support it since 2022."""

IR_VERSION = 8


def write_onnx(inference: Inference, path: Path) -> None:
    """Write the model: input `features` `[batch, n_features]`, output `logits` or `values`.

    The output is called `values` if numbers are predicted, which are in the units of the data.

    For a table the input is `codes` `[batch, n_columns]`, and the metadata have a key `columns`,
    JSON that tells what they mean, see `rlnas.export.column_facts`. Inputs have the type
    `inference.dtype`, outputs are float32. ONNX runtimes support no sparse product, so that a layer
    is a dense product with the units that it reads.

    Args:
        inference: The network.
        path: Path of the file.

    Raises:
        InputError: If the package onnx is not installed.
    """
    try:
        from onnx import TensorProto, checker, helper, numpy_helper
    except ModuleNotFoundError as error:
        raise InputError("onnx is not installed: pip install 'rlnas[export]'") from error

    nodes, constants = [], []

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(value, name))
        return name

    def apply(operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    encoding = inference.encoding
    output = "values" if inference.target_names else "logits"
    if encoding is None:
        inputs = constant("inputs", inference.inputs.astype(np.int64))
        units = apply("Gather", ["features", inputs], "read", axis=1)
    else:
        source = constant("source", encoding.source.astype(np.int64))
        codes = apply("Gather", ["codes", source], "codes_read", axis=1)
        operand = constant("operand", encoding.operand.astype(inference.dtype))
        missing = apply("IsNaN", [codes], "missing")
        equal = apply("Equal", [codes, operand], "equal")
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(inference.dtype))
        units = apply("Where", [missing, operand, codes], "codes_or_operands")
        for rule, flag in ((Rule.MISSING, missing), (Rule.IS, equal)):
            number = apply("Cast", [flag], f"{flag}_as_number", to=kind)
            chosen = constant(f"is_{rule.name.lower()}", encoding.rule == rule)
            units = apply("Where", [chosen, number, units], f"with_{flag}")
    if inference.dtype == np.float64:
        units = apply("Sub", [units, constant("offset", inference.offset)], "difference")
        units = apply("Cast", [units], "remaining", to=TensorProto.FLOAT)
    units = apply("Sub", [units, constant("mean", inference.mean)], "centred")
    units = apply("Mul", [units, constant("scale", inference.scale)], "standardised")
    # Runtimes differ in how Max, Min and Relu treat NaN, so that it is inserted at the end.
    unknown = apply("Cast", [apply("IsNaN", [units], "is_nan")], "nans", to=TensorProto.FLOAT)
    unknown = apply("ReduceMax", [unknown], "any_nan", axes=[1], keepdims=1)
    unknown = apply("Cast", [unknown], "unknown", to=TensorProto.BOOL)
    units = apply("Max", [units, constant("low", inference.bounds[0])], "not_too_low")
    units = apply("Min", [units, constant("high", inference.bounds[1])], "inputs_in_bounds")
    first, last = inference.layer_sizes[0], inference.starts[-1]
    for k, (start, stop) in enumerate(pairwise(inference.starts[1:]), start=1):
        bounds = inference.indptr[start - first : stop - first + 1]
        own = slice(bounds[0], bounds[-1])
        read, columns = np.unique(inference.indices[own], return_inverse=True)
        dense = np.zeros((read.size, stop - start), np.float32)
        dense[columns, inference.rows[own] - (start - first)] = inference.weights[own]
        sources = units
        if read.size < start:
            index = constant(f"sources_{k}", read.astype(np.int64))
            sources = apply("Gather", [units, index], f"sources_of_{k}", axis=1)
        bias = constant(f"biases_{k}", inference.biases[start - first : stop - first])
        layer = [sources, constant(f"weights_{k}", dense), bias]
        if stop == last:
            nan = constant("nan", np.array(np.nan, np.float32))
            apply("Where", [unknown, nan, apply("Gemm", layer, "known")], output)
        else:
            hidden = apply("Relu", [apply("Gemm", layer, f"sums_{k}")], f"hidden_{k}")
            units = apply("Concat", [units, hidden], f"units_{k}", axis=1)
    shapes = {
        "features" if encoding is None else "codes": (inference.dtype, inference.n_columns),
        output: (np.float32, inference.layer_sizes[-1]),
    }
    ends = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), ["batch", size]
        )
        for name, (dtype, size) in shapes.items()
    ]
    graph = helper.make_graph(nodes, "rlnas", ends[:1], ends[1:], constants)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="rlnas",
    )
    if encoding is not None:
        helper.set_model_props(model, {"columns": json.dumps(table_facts(encoding))})
    checker.check_model(model)
    replace_file(path, model.SerializeToString())
