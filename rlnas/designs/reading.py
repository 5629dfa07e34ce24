"""Reading samples with classes or targets for a design that was made for others like them."""

import os

import numpy as np

from rlnas.columns.codes import as_texts
from rlnas.columns.options import NOTHING_SAID, TableOptions
from rlnas.columns.target import Truth, of_classes, truth_like
from rlnas.data.arrays import as_columns, check_features, check_pair, column_names, place_in
from rlnas.data.collections.catalogue import collection_of, find
from rlnas.data.preprocessing import Preprocessing
from rlnas.data.raw_data import RawData, SourceRecord, check_lengths, of_truth, weighted
from rlnas.data.sources import Source, read, record_of
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
        source: If the design was made for a table, the path of one, ``keel:NAME``,
            ``uci:NAME``, a data frame, or a tuple ``(X, y)``; otherwise such a tuple, or another
            source of `rlnas.data.sources.read`.
        preprocessing: That of the design.
        data_dir: See `rlnas.data.sources.read`.

    Returns:
        The samples; of a table, their features are codes as the encoding has them.

    Raises:
        InputError: If the source cannot be read, a column or class is unknown, or a value cannot be
            used.
    """
    encoding, known = preprocessing.encoding, known_truth(preprocessing)
    if encoding is None:
        return _arrays_like(source, preprocessing, known, data_dir)
    given = weights = None
    record: SourceRecord
    if isinstance(source, RawData):
        raise InputError(f"{source.name} is no table of columns, for which the design was made")
    if isinstance(source, tuple) and len(source) in (2, 3):
        frame, given = read_frame(source[0]), as_columns(source[1])
        check_lengths(frame.n_rows, len(next(iter(given.values()))))
        weights = source[2] if len(source) == 3 else None
        record = {"arrays": [frame.n_rows, len(frame.columns)]}
    elif isinstance(source, str) and collection_of(source):
        frame, record = read_frame(find(source, data_dir)), {"name": source}
    elif isinstance(source, str | os.PathLike):
        frame, record = read_frame(source), record_of(os.fspath(source))
    else:
        frame = read_frame(source)
        record = {"arrays": [frame.n_rows, len(frame.columns)]}
    codes, truth = code_rows(frame, given, encoding, known)
    name = source if isinstance(source, str) and "name" in record else frame.name
    raw = RawData(name, record, codes, truth.labels, **of_truth(truth))
    return raw if weights is None else weighted(raw, weights)


def known_truth(preprocessing: Preprocessing) -> Truth:
    """The classes or targets of a design, without rows."""
    nothing = np.zeros(0, np.int32), np.zeros((0, 0))
    return Truth(preprocessing.task, preprocessing.output_names, *nothing)


def _arrays_like(
    source: Source,
    preprocessing: Preprocessing,
    known: Truth,
    data_dir: str | os.PathLike[str] | None,
) -> RawData:
    if not (isinstance(source, tuple) and len(source) in (2, 3)):
        text = source if isinstance(source, str | os.PathLike) else ""
        if is_table_path(os.fspath(text)) or hasattr(source, "columns"):
            what = f"tables such as {text}" if text else "tables"
            raise InputError(
                f"the design was made for arrays, not for {what}: give (X, y), or an .npz file of "
                "them"
            )
        is_file = os.fspath(text).endswith(".npz")
        options = TableOptions(task=preprocessing.task) if is_file else NOTHING_SAID
        return read(source, data_dir, options)
    features, columns = check_features(source[0]), as_columns(source[1])
    check_lengths(len(features), len(next(iter(columns.values()))))
    labels = next(iter(columns.values()))
    numbers = labels.dtype == np.float64 and not {*as_texts(labels).tolist()} & {*known.names}
    if known.task == "classification" and len(columns) == 1 and numbers:
        truth = of_classes(check_pair(features, labels)[1], ())
    else:
        truth = truth_like(columns, known, place_in)
    about = {**of_truth(truth), "class_names": None}
    raw = RawData(
        "arrays",
        {"arrays": list(features.shape)},
        features,
        truth.labels,
        feature_names=column_names(source[0]),
        **about,
    )
    return weighted(raw, source[2]) if len(source) == 3 else raw
