"""Testing and exporting a saved design, with its own held-out samples or with other data."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.options import TableOptions
from rlnas.data.dataset import Dataset
from rlnas.data.preparing import as_test_set, prepare
from rlnas.data.raw_data import RawData, SourceRecord
from rlnas.data.sources import Source, read
from rlnas.designs.prediction import warn_of_far
from rlnas.designs.reading import read_like
from rlnas.designs.saved import SavedDesign, load_design
from rlnas.envs.episode import Design
from rlnas.errors import InputError
from rlnas.export.c.names import check_name, name_from
from rlnas.export.formats import as_exported, export_network
from rlnas.export.inference import for_inference
from rlnas.files.folders import result_folder
from rlnas.metrics import (
    balanced_accuracy,
    calibration_error,
    majority_share,
    recalls,
    regression_errors,
)
from rlnas.nn.architecture import layers_of
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import evaluate, outputs, softmax
from rlnas.objective import LOSSES, METRICS, Objective, shown_metric, shown_value

_DRAWN = 200  # number of random samples for a self-test if there are no real samples
_log = logging.getLogger("rlnas")


class EvaluationSamples(NamedTuple):
    """Samples that a design is tested on.

    Attributes:
        raw: The data before preprocessing; of a table, codes by the encoding of the design.
        data: The data after the design's preprocessing.
        rows: Row numbers of the test samples, int32 `[n]`.
        own: Whether they are the held-out samples of the data that the design was made with.
    """

    raw: RawData
    data: Dataset
    rows: np.ndarray
    own: bool


class ExportedDesign(NamedTuple):
    """The result of `export_design`.

    Attributes:
        folder: Folder of the files.
        facts: Result of `rlnas.export.formats.export_network`, with `test_accuracy` or `test_r2` if
            measured.
    """

    folder: Path
    facts: dict[str, Any]


def design_facts(design: Design) -> dict[str, Any]:
    """The facts of a design as JSON values."""
    keys = ("dataset", "penalty", "score", "val_metric", "val_loss", "active_weights", "density")
    return {**{key: design.info[key] for key in keys}, **layers_of(design.info)}


def evaluation_metrics(network: SparseNetwork, data: Dataset, rows: np.ndarray) -> dict[str, Any]:
    """Measure a network on some samples.

    Args:
        network: The network.
        data: Data set that contains the samples.
        rows: Row numbers of the samples, int32 `[n]`.

    Returns:
        JSON values: `test_metric` (what designs are judged by) and `test_loss`, both by the weights
        of the samples, and whether these are `weighted`. Of classes, whatever the weights,
        `test_accuracy`, `balanced_accuracy` (the mean of the recalls), `recalls` by class name
        (None if a class has no sample), `majority_accuracy` (the accuracy of always answering the
        most frequent class), and `calibration_error` (see `rlnas.metrics`). Of numbers, the
        `errors` of each target (see `rlnas.metrics.regression_errors`), and `test_r2`, the mean of
        their R².
    """
    found = evaluate(network, data, rows)
    return {
        "test_metric": found.metric,
        "test_loss": found.loss,
        "weighted": data.weighted,
        **_details(network, data, rows),
    }


def _details(network: SparseNetwork, data: Dataset, rows: np.ndarray) -> dict[str, Any]:
    """What is told about a network beside its objective."""
    found, targets = outputs(network, data, rows), data.preprocessing.targets
    if targets is not None:
        return error_facts(
            targets.names, targets.in_units(data.targets[rows]), targets.in_units(found)
        )
    labels = data.labels[rows]
    shares = recalls(labels, found.argmax(axis=1), data.n_classes)
    named = zip(data.preprocessing.class_names, shares.tolist(), strict=True)
    return {
        "test_accuracy": float(np.mean(found.argmax(axis=1) == labels)),
        "balanced_accuracy": balanced_accuracy(shares),
        "recalls": {name: None if np.isnan(share) else share for name, share in named},
        "majority_accuracy": majority_share(labels),
        "calibration_error": calibration_error(labels, softmax(found)),
    }


def error_facts(
    names: Sequence[str], truth: NDArray[np.float64], predicted: NDArray[Any]
) -> dict[str, Any]:
    """`errors` and `test_r2` of `evaluation_metrics`, for numbers `[samples, targets]`."""
    errors = {
        name: regression_errors(*columns)
        for name, *columns in zip(names, truth.T, predicted.T, strict=True)
    }
    mean = float(np.mean([each["r2"] for each in errors.values()]))
    return {"test_r2": mean, "errors": errors}


def worthless_warning(results: Mapping[str, Any]) -> str | None:
    """A one-line warning if a design is no better than always giving the same answer, else None.

    Args:
        results: Result of `evaluation_metrics`.
    """
    if "test_r2" in results:
        if results["test_r2"] > 0:
            return None
        return f"no better than always answering the mean (R² {results['test_r2']:.4f})"
    if results["test_accuracy"] > results["majority_accuracy"] or results["test_accuracy"] == 1:
        return None
    return (
        f"no better than always answering the most frequent class ({results['test_accuracy']:.2%} "
        f"against {results['majority_accuracy']:.2%}): look at the recall of each class"
    )


def evaluation_samples(
    design: SavedDesign, source: Source | None = None, data_dir: Path | None = None
) -> EvaluationSamples:
    """Load the samples for testing a design and apply its preprocessing.

    If the data are those that the design was made with (recognised by their fingerprint), only the
    held-out samples are used; otherwise all samples are used, and a warning names the features
    whose ranges are far from those of training.

    Args:
        design: The saved design.
        source: The data; by default the data that the design was made with.
        data_dir: Folder with IDX files, searched first.

    Raises:
        InputError: The data cannot be read, do not fit the design, or have changed.
    """
    record = design.record
    made_with, encoding = record["source"], design.preprocessing.encoding
    options = TableOptions.from_json(made_with.get("options", {}))
    if source is None:
        raw = read(_source(made_with), data_dir, options)
    else:
        raw = _read(design, source, data_dir, options)
    if raw.sha256 == record["samples_sha256"]:
        data = prepare(raw, options)
        if raw.table is not None and encoding is not None:
            raw = replace(raw, features=raw.table.recode(raw.features, encoding))
        if data.split_sha256 != record["split_sha256"]:
            raise InputError(
                f"'{raw.name}' has the samples that the design was made with, but holds out others "
                "for the test: give them as they were"
            )
        return EvaluationSamples(raw, data, data.test, own=True)
    paths = [each.get("absolute") for each in (made_with, raw.source)]
    if source is None or (paths[0] is not None and paths[0] == paths[1]):
        raise InputError(
            f"{made_with.get('path') or raw.name} does not hold the data that the design was made "
            "with (other SHA-256: other samples, or columns in another order): put them back, or "
            "save new samples under another name and give that path"
        )
    data = as_test_set(raw, design.preprocessing, _objective(design))
    warn_of_far(design.preprocessing, raw.features)
    return EvaluationSamples(raw, data, data.test, own=False)


def _objective(design: SavedDesign) -> Objective | None:
    """What a design was judged by; the default of its task for a function of Python."""
    said = design.record["objective"]
    task = design.preprocessing.task
    known = said["metric"] in METRICS[task] and said["loss"] in LOSSES[task]
    return Objective.of(task, said["metric"], said["loss"]) if known else None


def _read(
    design: SavedDesign, source: Source, data_dir: Path | None, options: TableOptions
) -> RawData:
    """Read samples as when the design was made if they are those, else by the design's rules."""
    if design.preprocessing.encoding is not None or isinstance(source, tuple):
        try:
            raw = read(source, data_dir, options)
        except InputError:  # then they are others, whose faults are told below
            pass
        else:
            if raw.sha256 == design.record["samples_sha256"]:
                return raw
    return read_like(source, design.preprocessing, data_dir)


def describe_best_design(run: Path) -> str:
    """Describe in one line the best design of a training, which is in its folder `best`.

    Raises:
        InputError: The design is damaged.
    """
    record = load_design(run / "best").record
    name = record["objective"]["metric"]
    chosen, tested = (shown_value(name, record[key]) for key in ("val_metric", "test_metric"))
    return (
        f"best design in {run / 'best'}: {record['active_weights']:,} weights, "
        f"{shown_metric(name)} {chosen} on the {record['looks_at']:,} validation samples that it "
        f"was chosen by (the best score of {record['looks']:,} looks), "
        f"{tested} on test samples, looked at once"
    )


def original_data(design: SavedDesign, data_dir: Path | None = None) -> Dataset:
    """Load the data that a design was made with.

    Raises:
        InputError: The data are missing or have changed.
    """
    return evaluation_samples(design, None, data_dir).data


def evaluate_design(
    folder: str | Path, dataset: Source | None = None, *, data_dir: Path | None = None
) -> dict[str, Any]:
    """Test a design on disk.

    Args:
        folder: Folder of the design.
        dataset: Data to test it on; by default the data that it was made with.
        data_dir: Folder with IDX files, searched first.

    Returns:
        The metrics of `evaluation_metrics`, the name of the `metric`, `active_weights`, the number
        of `samples`, and a description of the `data`.

    Raises:
        InputError: The design is damaged, or the data cannot be used (see `evaluation_samples`).
    """
    design = load_design(folder)
    samples = evaluation_samples(design, dataset, data_dir)
    which = "held-out samples of the data it was made with" if samples.own else "all samples"
    return {
        **evaluation_metrics(design.network, samples.data, samples.rows),
        "metric": samples.data.objective.metric_name,
        "active_weights": design.network.active_weights,
        "samples": samples.rows.size,
        "data": f"{samples.raw.name}, {which}",
    }


def export_design(
    folder: str | Path,
    format: str,
    out: Path | None = None,
    *,
    name: str | None = None,
    dataset: Source | None = None,
    data_dir: Path | None = None,
) -> ExportedDesign:
    """Export a design on disk; see `rlnas.export.formats.export_network`.

    No data are needed: where the data that the design was made with are gone, the accuracy of the
    export is not measured, and the samples of its self-test are made up.

    Args:
        folder: Folder of the design.
        format: One of `rlnas.export.formats.FORMATS`.
        out: Folder to write to; by default a folder in that of the design, named after the format.
        name: Name of the files and C symbols; by default after the data set.
        dataset: Data to measure the accuracy of the export on; by default the data that the design
            was made with.
        data_dir: Folder with IDX files, searched first.

    Returns:
        The folder, and the result of `export_network`, with `test_accuracy` or `test_r2`, both
        without weights, if it was measured, and whether the samples are `weighted`.

    Raises:
        InputError: The name cannot be used, the design is damaged, the given data cannot be used,
            the folder cannot be written to, or a package is missing.
    """
    if name is not None:
        check_name(name)
    design = load_design(folder)
    samples = None
    try:
        samples = evaluation_samples(design, dataset, data_dir)
    except InputError as error:
        if dataset is not None:
            raise
        _log.warning("the accuracy of the export is not measured: %s", error)
    inference = for_inference(design.network, design.preprocessing)
    if samples is None:
        features = design.preprocessing.random_samples(_DRAWN)
    else:
        features = samples.raw.features[samples.rows]
    symbol = name or name_from(design.record["dataset"])
    place = out or Path(folder) / format
    with result_folder(place) as results:
        facts: dict[str, Any] = {**export_network(inference, format, results, symbol, features)}
    if samples is not None:
        found = as_exported(inference, format).logits(features)
        facts["weighted"] = samples.data.weighted
        if samples.raw.targets is None:
            correct = found.argmax(axis=1) == samples.raw.labels[samples.rows]
            facts["test_accuracy"] = float(correct.mean())
        else:
            truth = samples.raw.targets[samples.rows]
            facts["test_r2"] = error_facts(inference.target_names, truth, found)["test_r2"]
    return ExportedDesign(place, facts)


def _source(made_with: SourceRecord) -> Source:
    """The source of the data that a design was made with."""
    if "name" in made_with:
        return str(made_with["name"])
    if "absolute" in made_with:
        places = [Path(made_with["absolute"]), Path(made_with["path"])]
        there = next((place for place in places if place.is_file()), None)
        if there is None:
            raise InputError(
                f"the data that it was made with are no longer at {places[0]}: give the path "
                "where they are, or other data"
            )
        return there
    raise InputError("it was designed for arrays: give the data to use")
