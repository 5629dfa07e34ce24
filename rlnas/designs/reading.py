"""Reading samples with classes for a design that was made for others like them."""

import os

import numpy as np

from rlnas.columns.codes import as_texts
from rlnas.columns.target import classes_like
from rlnas.data import keel
from rlnas.data.arrays import as_column, check_features, check_pair, column_names
from rlnas.data.preprocessing import Preprocessing
from rlnas.data.sources import (
    RawData,
    Source,
    SourceRecord,
    check_lengths,
    keel_frame,
    read,
    record_of,
)
from rlnas.data.tables import code_rows
from rlnas.errors import InputError
from rlnas.frames.reading import is_table_path, read_frame


def read_like(
    source: Source,
    preprocessing: Preprocessing,
    data_dir: str | os.PathLike[str] | None = None,
) -> RawData:
    """Read samples by the rules of a design that was made for others like them.

    Args:
        source: If the design was made for a table, the path of one, ``keel:NAME``, a data frame, or
            a tuple ``(X, y)``; otherwise such a tuple, or another source of
            `rlnas.data.sources.read`.
        preprocessing: That of the design.
        data_dir: See `rlnas.data.sources.read`.

    Returns:
        The samples; of a table, their features are codes as the encoding has them.

    Raises:
        InputError: If the source cannot be read, a column or class is unknown, or a value cannot be
            used.
    """
    encoding, class_names = preprocessing.encoding, preprocessing.class_names
    if encoding is None:
        return _arrays_like(source, class_names, data_dir)
    labels = None
    record: SourceRecord
    if isinstance(source, RawData):
        raise InputError(f"{source.name} is no table of columns, for which the design was made")
    if isinstance(source, tuple) and len(source) == 2:
        frame, labels = read_frame(source[0]), as_column(source[1])
        check_lengths(frame.n_rows, labels.size)
        record = {"arrays": [frame.n_rows, len(frame.columns)]}
    elif isinstance(source, str) and source.startswith(keel.PREFIX):
        frame, record = keel_frame(source, data_dir), {"name": source}
    elif isinstance(source, str | os.PathLike):
        frame, record = read_frame(source), record_of(os.fspath(source))
    else:
        frame = read_frame(source)
        record = {"arrays": [frame.n_rows, len(frame.columns)]}
    codes, numbered = code_rows(frame, labels, encoding, class_names)
    name = source if isinstance(source, str) and "name" in record else frame.name
    return RawData(name, record, codes, numbered, class_names=class_names)


def _arrays_like(
    source: Source, class_names: tuple[str, ...], data_dir: str | os.PathLike[str] | None
) -> RawData:
    if not (isinstance(source, tuple) and len(source) == 2):
        text = source if isinstance(source, str | os.PathLike) else ""
        if is_table_path(os.fspath(text)) or hasattr(source, "columns"):
            what = f"tables such as {text}" if text else "tables"
            raise InputError(
                f"the design was made for arrays, not for {what}: give (X, y), or an .npz file of "
                "them"
            )
        return read(source, data_dir)
    features, labels = check_features(source[0]), as_column(source[1])
    check_lengths(len(features), labels.size)
    numbers = labels.dtype == np.float64 and not {*as_texts(labels).tolist()} & {*class_names}
    if numbers:
        _, numbered = check_pair(features, labels)
    else:
        numbered = classes_like(labels, class_names, lambda row: f"y, row {row}")
    return RawData(
        "arrays",
        {"arrays": list(features.shape)},
        features,
        numbered,
        feature_names=column_names(source[0]),
    )
