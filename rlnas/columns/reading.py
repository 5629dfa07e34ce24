"""temporary"""

import os
from typing import Any

import numpy as np

from rlnas.columns.frame import Frame, position_names
from rlnas.columns.text_files import read_text


def is_table_path(text: str) -> bool:
    return text.lower().endswith((".csv", ".tsv", ".dat", ".data", ".txt", ".parquet"))


def read_frame(source: Any) -> Frame:
    if isinstance(source, (str, os.PathLike)):
        return read_text(source)
    if hasattr(source, "columns"):
        cols = {}
        for c in source.columns:
            v = np.asarray(source[c])
            if v.dtype.kind in "iuf":
                v = v.astype(float)
            elif v.dtype.kind not in "bM":
                v = np.array(
                    [None if (x is None or x != x) else str(x) for x in v.tolist()], object
                )
            cols[str(c)] = v
        return Frame("frame", cols, True, None)
    a = np.asarray(source)
    if a.dtype.kind in "iu":
        a = a.astype(float)
    if a.dtype.kind not in "fb":
        a = np.array(
            [[None if (x is None or x != x) else str(x) for x in r] for r in a.tolist()], object
        )
    return Frame(
        "arrays", {n: a[:, k] for k, n in enumerate(position_names(a.shape[1]))}, False, None
    )
