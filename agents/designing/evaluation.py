"""Testing and exporting a design on disk: on its own data's held-out samples, or on other data."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rlnas.data.datasets import Dataset, as_test_set, prepare
from rlnas.data.sources import RawData, Source, SourceRecord, read
from rlnas.designs.saved import SavedDesign, load_design
from rlnas.envs.episode import Design
from rlnas.errors import InputError
from rlnas.export.c_names import check_name, name_from
from rlnas.export.formats import as_exported, export_network
from rlnas.export.inference import for_inference
from rlnas.files.folders import result_folder
from rlnas.metrics import balanced_accuracy, majority_share, recalls
from rlnas.nn.architecture import layers_of
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import evaluate, predict

_SHOWN = 3  # columns that a warning names
_DRAWN = 200  # samples to choose a self-test from, where there are no real ones
_log = logging.getLogger("rlnas")


class EvaluationSamples(NamedTuple):
    """Samples that a design is tested on.

    Attributes:
        raw: as they were given.
        data: the same, by the design's preprocessing.
        rows: int32 `[n]`, which of them.
        own: whether they are the held-out samples of the data that the design was made with.
    """

    raw: RawData
    data: Dataset
    rows: np.ndarray
    own: bool


class ExportedDesign(NamedTuple):
    """What `export_design` wrote.

    Attributes:
        folder: Folder of the files.
        facts: What `rlnas.export.formats.export_network` returns, and perhaps `test_accuracy`.
    """

    folder: Path
    facts: dict[str, Any]


def design_facts(design: Design) -> dict[str, Any]:
    """The facts of a design as JSON values."""
    keys = ("dataset", "penalty", "score", "val_accuracy", "val_loss", "active_weights", "density")
    return {**{key: design.info[key] for key in keys}, **layers_of(design.info)}


def evaluation_metrics(network: SparseNetwork, data: Dataset, rows: np.ndarray) -> dict[str, Any]:
    """How good a network is on some samples, as JSON values.

    Args:
        network: the network.
        data: where the samples are.
        rows: int32 `[n]`.

    Returns:
        `test_accuracy`, `test_loss`, `balanced_accuracy` (mean of the recalls), `recalls` by
        class name (None where a class has no sample), and `majority_accuracy`, that of always
        answering the most frequent class.
    """
    found = evaluate(network, data, rows)
    labels = data.labels[rows]
    shares = recalls(labels, predict(network, data, rows), data.n_classes)
    named = zip(data.preprocessing.class_names, shares.tolist(), strict=True)
    return {
        "test_accuracy": found.accuracy,
        "test_loss": found.loss,
        "balanced_accuracy": balanced_accuracy(shares),
        "recalls": {name: None if np.isnan(share) else share for name, share in named},
        "majority_accuracy": majority_share(labels),
    }


def majority_warning(results: Mapping[str, Any]) -> str | None:
    """One line if a design is no better than always giving the same answer; None if it is.

    Args:
        results: what `evaluation_metrics` gives.
    """
    if results["test_accuracy"] > results["majority_accuracy"] or results["test_accuracy"] == 1:
        return None
    return (
        f"no better than always answering the most frequent class ({results['test_accuracy']:.2%} "
        f"against {results['majority_accuracy']:.2%}): look at the recall of each class"
    )


def evaluation_samples(
    design: SavedDesign, source: Source | None = None, data_dir: Path | None = None
) -> EvaluationSamples:
    """The samples to test a design on, by its own preprocessing.

    Of the data that it was made with (known by their fingerprint) these are the held-out samples,
    of any other data all of them; a warning says where their ranges are far from training.

    Args:
        design: from disk.
        source: the data; by default those that it was made with.
        data_dir: as for `rlnas.data.datasets.load_dataset`.

    Raises:
        InputError: the data cannot be read, do not fit the design, or are not what they were.
    """
    record = design.record
    made_with = record["source"]
    raw = read(_source(made_with) if source is None else source, data_dir)
    if raw.sha256 == record["samples_sha256"]:
        data = prepare(raw)
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
            "save new samples under another name and give it with --dataset"
        )
    data = as_test_set(raw, design.preprocessing)
    if far := design.preprocessing.far_columns(raw.features[data.test]):
        more = f"; and {len(far) - _SHOWN} more" if len(far) > _SHOWN else ""
        _log.warning(
            "%d of %d features have ranges far from those of training (%s%s): have they the same "
            "units?", len(far), data.n_features, "; ".join(far[:_SHOWN]), more
        )  # fmt: skip
    return EvaluationSamples(raw, data, data.test, own=False)


def describe_best_design(run: Path) -> str:
    """One line on the best design that a training has seen, in its folder `best`.

    Raises:
        InputError: the design is damaged.
    """
    record = load_design(run / "best").record
    return (
        f"best design in {run / 'best'}: {record['active_weights']:,} weights, accuracy "
        f"{record['val_accuracy']:.2%} on the {record['looks_at']:,} validation samples that it "
        f"was chosen by (the best score of {record['looks']:,} looks), "
        f"{record['test_accuracy']:.2%} on test samples, looked at once"
    )


def original_data(design: SavedDesign, data_dir: Path | None = None) -> Dataset:
    """The data that a design was made with, as they were then.

    Raises:
        InputError: they are gone, or not what they were.
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
        What `evaluation_metrics` gives, `active_weights`, `samples` (how many), and `data` (which).

    Raises:
        InputError: the design is damaged, or the data cannot be used, see `evaluation_samples`.
    """
    design = load_design(folder)
    samples = evaluation_samples(design, dataset, data_dir)
    which = "held-out samples of the data it was made with" if samples.own else "all samples"
    return {
        **evaluation_metrics(design.network, samples.data, samples.rows),
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
        The folder, and what `export_network` returns with `test_accuracy`, if it was measured.

    Raises:
        InputError: the name cannot be used, the design is damaged, data that were asked for cannot
            be used, the folder cannot be written to, or a package is missing.
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
        logits = as_exported(inference, format).logits(features)
        correct = logits.argmax(axis=1) == samples.raw.labels[samples.rows]
        facts["test_accuracy"] = float(correct.mean())
    return ExportedDesign(place, facts)


def _source(made_with: SourceRecord) -> Source:
    """Where a design's own data should be."""
    if "name" in made_with:
        return str(made_with["name"])
    if "absolute" in made_with:
        places = [Path(made_with["absolute"]), Path(made_with["path"])]
        there = next((place for place in places if place.is_file()), None)
        if there is None:
            raise InputError(
                f"the data that it was made with are no longer at {places[0]}: give them, or "
                "others, with --dataset"
            )
        return there
    raise InputError("it was designed for arrays: give data with --dataset")
