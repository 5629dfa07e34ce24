"""Tables of named columns as raw samples: codes of columns, targets, and what splits the rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.codes import are_missing, as_texts
from rlnas.columns.encoding import Column, Encoding
from rlnas.columns.fitting import fit_encoding
from rlnas.columns.kinds import code_for, code_like, code_table
from rlnas.columns.options import TableOptions
from rlnas.columns.target import Place, Truth, truth_like, truth_of
from rlnas.columns.weights import weights_of
from rlnas.errors import InputError
from rlnas.frames.frame import Frame


@dataclass(frozen=True, eq=False)
class RawTable:
    """What the columns of raw samples are; the samples themselves are codes of these columns.

    Attributes:
        columns: The columns, with all of their categories.
        ignored: Columns that are not used, and the reason for each.
        names: Names of all columns but the target.
        named: Whether columns have names.
        targets: Names of the columns that are to be predicted; none if they are not in the table.
        groups: Group of each sample that is to be split, from 0, int `[samples]`; None without.
        times: Time of each sample that is to be split, float64 `[samples]`; None without.
    """

    columns: tuple[Column, ...]
    ignored: dict[str, str]
    names: tuple[str, ...]
    named: bool
    targets: tuple[str, ...]
    groups: NDArray[np.intp] | None = None
    times: NDArray[np.float64] | None = None

    def as_bytes(self) -> bytes:
        """What the codes mean, for a fingerprint."""
        columns = [asdict(column) for column in self.columns]
        targets = self.targets if len(self.targets) > 1 else next(iter(self.targets), None)
        return json.dumps([columns, targets], ensure_ascii=True).encode()

    def fit(self, codes: NDArray[np.float64], train: NDArray[np.int32]) -> Encoding:
        """Fit the rules to training samples.

        Args:
            codes: Codes of all samples, float64 `[samples, columns]`.
            train: Numbers of the training samples.

        Raises:
            InputError: If no column varies in the training samples.
        """
        rules = fit_encoding(
            self.columns,
            codes,
            train,
            self.ignored,
            table=self.names,
            named=self.named,
            targets=self.targets,
        )
        if not rules.n_features:
            reasons = "; ".join(f"{name!r}: {why}" for name, why in rules.ignored.items())
            raise InputError(f"no column is left to learn from: {reasons}")
        return rules

    def recode(self, codes: NDArray[np.float64], encoding: Encoding) -> NDArray[np.float64]:
        """Codes as an encoding that was fitted to them has them, float64 `[samples, columns]`."""
        places = {column.name: place for place, column in enumerate(self.columns)}
        return np.column_stack(
            [
                fitted.recode(self.columns[places[fitted.name]], codes[:, places[fitted.name]])
                for fitted in encoding.columns
            ]
        )


@dataclass(frozen=True, eq=False)
class CodedSamples:
    """Coded samples with what is to be learned: for training, then validation, then test.

    Attributes:
        table: What the columns are.
        codes: float64 `[samples, columns]`.
        truth: Their classes or targets.
        weights: Weight of each sample, float64 `[samples]`; None without.
        n_validation: Number of samples for validation, after those to split.
        n_test: Number of samples for the test, at the end.
    """

    table: RawTable
    codes: NDArray[np.float64]
    truth: Truth
    weights: NDArray[np.float64] | None
    n_validation: int
    n_test: int


def code_samples(
    frame: Frame,
    truth: Truth | None,
    options: TableOptions,
    validation: Frame | None = None,
    test: Frame | None = None,
) -> CodedSamples:
    """Find out what each column of a table holds, and make codes of it.

    Args:
        frame: The table.
        truth: The classes or targets of its rows; None if they are columns.
        options: What is said about the columns.
        validation: Rows for validation, with the same columns.
        test: Rows for the test, with the same columns.

    Raises:
        InputError: If a column is unknown or used twice, the target is missing in some rows, a
            column mixes numbers and texts, or no column is left.
    """
    _check_options(frame, options, with_truth=truth is not None)
    others = [each for each in (validation, test) if each is not None]
    if truth is None:
        truth = truth_of(
            frame.select(options.target).columns,
            options.task,
            lambda name: f"column {name!r} of {frame.name}",
            partial(_places, frame),
        )
        parts = [truth, *(_truth_of_other(each, options.target, truth) for each in others)]
    else:
        parts = [truth]
    uses = {
        options.groups: "it is for the groups",
        options.time_column: "it is for the split by time",
        options.weights: "it has the weights",
    }
    aside = [*options.target, *(name for name in uses if name)]
    table, codes = _code([frame, *others], [*aside, *options.drop], options)
    ignored = {**dict.fromkeys(options.drop, "it is to be left out"), **table.ignored}
    ignored |= {name: use for name, use in uses.items() if name}
    if options.groups:
        table = replace(table, groups=_groups(frame, options.groups))
    if options.time_column:
        table = replace(table, times=_times(frame, options.time_column))
    weights = None
    if options.weights:
        weights = np.concatenate([_weights(each, options.weights) for each in (frame, *others)])
    held_out = [0 if each is None else each.n_rows for each in (validation, test)]
    table = replace(
        table,
        ignored=ignored,
        names=tuple(name for name in frame.columns if name not in options.target),
        targets=tuple(options.target),
    )
    return CodedSamples(
        table,
        np.concatenate(codes),
        replace(
            truth,
            labels=np.concatenate([part.labels for part in parts]),
            values=np.concatenate([part.values for part in parts]),
        ),
        weights,
        *held_out,
    )


def code_rows(
    frame: Frame, given: Mapping[str, NDArray[Any]] | None, encoding: Encoding, known: Truth
) -> tuple[NDArray[np.float64], Truth]:
    """Codes and truth of a table for a design that was made for another one like it.

    Args:
        frame: The table.
        given: The columns that are to be predicted; None if they are in the table.
        encoding: The encoding of the design.
        known: The classes or targets of the design.

    Returns:
        The codes, float64 `[rows, columns]`, and the classes or targets of the rows.

    Raises:
        InputError: If a column is missing, or a value cannot be coded.
    """
    if given is not None:
        truth = truth_like(given, known, lambda name: lambda row: f"{name}, row {row}")
    elif encoding.targets:
        truth = _truth_of_other(frame, encoding.targets, known)
    else:
        raise InputError(f"{frame.name} has no classes: give (X, y), as the design was made")
    return code_for(frame, encoding), truth


def _check_options(frame: Frame, options: TableOptions, with_truth: bool) -> None:
    uses = {
        "target": options.target,
        "drop": options.drop,
        "groups": [options.groups] if options.groups else [],
        "time_column": [options.time_column] if options.time_column else [],
        "weights": [options.weights] if options.weights else [],
    }
    if not frame.n_rows:
        raise InputError(f"{frame.name} has no rows: give samples")
    if with_truth and (options.target or options.validation_file or options.test_file):
        raise InputError(
            "target, validation_file and test_file are for tables with a column to predict, but y "
            "is given: leave them out, or give one table with that column"
        )
    if not with_truth and not options.target:
        last = list(frame.columns)[-1]
        raise InputError(
            f"{frame.name} has {len(frame.columns)} columns: say which one is to be predicted, "
            f"such as --target {last!r} (in Python, target={last!r})"
        )
    used: dict[str, str] = {}
    for use, names in uses.items():
        frame.check_names(names)
        for name in names:
            if name in used:
                twice = f"as {used[name]} and as {use}" if used[name] != use else f"twice as {use}"
                raise InputError(f"column {name!r} is given {twice}: choose one")
            used[name] = use
    held = {"categorical": options.categorical, "numeric": options.numeric}
    for use, names in held.items():
        frame.check_names(names)
        for name in names:
            if name in used:
                raise InputError(
                    f"column {name!r} is given as {used[name]} and as {use}: choose one"
                )
    if both := sorted(set(options.categorical) & set(options.numeric)):
        raise InputError(f"column {both[0]!r} is given as categorical and as numeric: choose one")
    if options.groups and options.time_column:
        raise InputError("groups and time_column: rows are split by one of them, give one")
    if not set(frame.columns) - set(used):
        raise InputError(f"no column of {frame.name} is left to learn from")


def _code(
    frames: list[Frame], aside: list[str], options: TableOptions
) -> tuple[RawTable, list[NDArray[np.float64]]]:
    """The columns of the first frame, and the codes of all of them."""
    first = frames[0].without(aside)
    found = code_table(first, options.categorical, options.numeric)
    if not found.columns:
        raise InputError(f"no column of {first.name} has a value: give values to learn from")
    columns = list(found.columns)
    for frame in frames[1:]:
        frame.check_names([column.name for column in columns])
        for place, column in enumerate(columns):
            if column.kind == "category":
                more = dict.fromkeys(as_texts(frame.columns[column.name]).tolist())
                known = dict.fromkeys([*column.categories, *more])
                texts = tuple(text for text in known if text is not None)
                columns[place] = replace(column, categories=texts)
    names = tuple(first.columns)
    table = RawTable(tuple(columns), found.ignored, names, first.named, ())
    others = [frame.select(names) for frame in frames[1:]]
    codes = [found.codes, *(code_like(each, table.columns, names, True) for each in others)]
    return table, codes


def _truth_of_other(frame: Frame, targets: Sequence[str], known: Truth) -> Truth:
    return truth_like(frame.select(targets).columns, known, partial(_places, frame))


def _places(frame: Frame, column: str) -> Place:
    """Where the value of a row is in a column of a table, for messages."""
    return lambda row: f"{frame.name}, {frame.place(column, row)}"


def _groups(frame: Frame, name: str) -> NDArray[np.intp]:
    texts = as_texts(frame.columns[name])
    _check_present(frame, name, are_missing(texts))
    found: NDArray[np.intp] = np.unique(texts.astype(str), return_inverse=True)[1]
    return found


def _times(frame: Frame, name: str) -> NDArray[np.float64]:
    found = code_table(frame.select([name]))
    if not found.columns or found.columns[0].kind not in ("date", "number"):
        kind = found.columns[0].kind if found.columns else "nothing"
        raise InputError(f"column {name!r} holds {kind}: expected dates or numbers to split by")
    times: NDArray[np.float64] = found.codes[:, 0]
    _check_present(frame, name, np.isnan(times))
    return times


def _weights(frame: Frame, name: str) -> NDArray[np.float64]:
    what = f"column {name!r} of {frame.name}"
    return weights_of(frame.select([name]).columns[name], what, _places(frame, name))


def _check_present(frame: Frame, name: str, missing: NDArray[np.bool_]) -> None:
    if missing.any():
        row = int(missing.argmax())
        raise InputError(
            f"{frame.name} has nothing in {frame.place(name, row)}: rows cannot be split without it"
        )
