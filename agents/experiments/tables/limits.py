"""Searches within a time and a number of bytes over many tables, beside the models of others."""

from pathlib import Path
from time import perf_counter
from typing import Any, Literal, NamedTuple

import torch

from rlnas.agents.designing.search.limits import DEFAULT_FORM, Asked, NothingFits
from rlnas.agents.designing.search.search import search
from rlnas.agents.experiments.tables.models import fit_model
from rlnas.agents.experiments.tables.outcomes import ACCURATE
from rlnas.agents.experiments.tables.rows import origin_of, reordered, samples_of
from rlnas.columns.options import TableOptions
from rlnas.data.collections import keel, uci
from rlnas.data.collections.catalogue import KEEL, UCI
from rlnas.data.dataset import Dataset
from rlnas.data.preparing import prepare
from rlnas.data.sources import read
from rlnas.errors import InputError
from rlnas.export.c.sizes import CForm, c_bytes
from rlnas.export.inference import for_inference
from rlnas.files.json_schema import FLAG, NUMBER, POSITIVE, SHARE, WHOLE, list_of, record
from rlnas.nn.training import evaluate
from rlnas.parallel.jobs import Call, own_folder, run_all
from rlnas.progress import progress
from rlnas.validation import check_count

FREE, LIMITED = "search", "search within bytes"
"""A search with a time alone, and one with a time and a number of bytes."""

StudyMetric = Literal["accuracy", "balanced_accuracy", "r2"]
"""What everything is judged by. With balanced accuracy, all classes have the same weight in
training too; R² is for tables of numbers to predict."""

_OR_NOTHING = {"type": "null"}
_FORM = record(
    fits=FLAG,
    test_metric=SHARE,
    val_metric=SHARE,
    active_weights={"anyOf": [WHOLE, _OR_NOTHING]},
    flash={"anyOf": [WHOLE, _OR_NOTHING]},
    trials=WHOLE,
    seconds=POSITIVE,
    curve=list_of(list_of(NUMBER, 2)),
)


class Job(NamedTuple):
    """One method on one split of one table.

    Attributes:
        source: The table.
        samples: SHA-256 of its raw samples.
        split: Number of the split, also the seed.
        method: One of `METHODS`.
    """

    source: str
    samples: str
    split: int
    method: str


def study_limits(
    out: Path,
    split: keel.Split = "development",
    tables: tuple[str, ...] | None = None,
    *,
    time: float | str | None = "60s",
    trials: int | None = None,
    metric: StudyMetric = "accuracy",
    max_bytes: int | None = None,
    format: CForm = DEFAULT_FORM,
    splits: int = 3,
    jobs: int = -1,
    data_dir: Path | None = None,
    progress_bar: bool = True,
) -> dict[str, Any]:
    """Search for designs for every split of every table, and fit the models of others to it.

    Each result is a file in the folder `runs` of `out`, so that repeating the call continues an
    interrupted study. A search has one worker.

    Args:
        out: Folder for the results.
        split: Which KEEL tables to take: for `balanced_accuracy` those of the imbalanced half. For
            `r2` the `uci` tables are taken, which are all for tests.
        tables: Sources to take instead, such as `keel:pima`.
        time: Time of a search, see `rlnas.agents.designing.design.design`.
        trials: Number of trials of a search instead, which does not depend on the machine.
        metric: What everything is judged by.
        max_bytes: Most bytes of flash; each search is made with that limit as well.
        format: Format of the C code that this is about.
        splits: Number of splits of the rows of each table: the first in the order of the file, the
            others in random orders.
        jobs: Number of workers; -1 for one per processor.
        data_dir: Folder with data, searched first.
        progress_bar: Show progress.

    Returns:
        `split`: None for given sources and for `uci` tables. `asked`: time or trials, `max_bytes`,
        `format` and `metric`. `results`: for each table, split and method, a record of `table`,
        `origin`, `split`, `method`, and the metric in the test, the weights (None for trees) and
        so on.

    Raises:
        InputError: A value cannot be used, the folder holds something else, or a result in it is
            damaged.
    """
    check_count("splits", splits)
    amount: dict[str, Any] = {"time": None if trials is not None else time, "trials": trials}
    within: dict[str, Any] = {} if max_bytes is None else {"max_bytes": max_bytes, "format": format}
    asked = {FREE: amount} | ({LIMITED: amount | within} if within else {})
    for some in asked.values():
        Asked.of(**some)  # raises if it cannot be used
    options = options_for(metric)
    sources = tables_for(metric, split) if tables is None else tuple(dict.fromkeys(tables))
    if not sources:
        raise InputError("no table: expected at least one, such as keel:pima")
    raws = {}
    for source in progress(progress_bar, iterable=sources, desc="reading", unit="table"):
        raw = read(source, data_dir)
        prepare(raw, options)  # raises if there are too few samples, or for another task
        raws[source] = (raw.n_samples, raw.sha256)
    own_folder(out, {"study": "limits"})
    # The largest first, so that no worker is left with one in the end.
    wanted = [
        Job(source, raws[source][1], place, method)
        for source in sorted(sources, key=lambda source: -raws[source][0])
        for place in range(splits)
        for method in (*asked, *ACCURATE)
    ]
    calls = [
        Call(
            f"{job.source}-{job.split}-{job.method}",
            job._asdict() | {"metric": metric} | asked.get(job.method, {}),
            (job, options, asked.get(job.method), data_dir),
            _FORM,
        )
        for job in wanted
    ]
    made = run_all(_fit, out / "runs", calls, "fit", jobs, progress_bar)
    results = [
        {
            "table": job.source,
            "origin": origin_of(job.source),
            "split": job.split,
            "method": job.method,
            **one,
        }
        for job, one in zip(wanted, made, strict=True)
    ]
    return {
        "split": split if tables is None and metric != "r2" else None,
        "asked": {**amount, "max_bytes": max_bytes, "format": format, "metric": metric},
        "results": results,
    }


def options_for(metric: StudyMetric) -> TableOptions:
    """What is said about every table."""
    return TableOptions(
        metric=metric, class_weight="balanced" if metric == "balanced_accuracy" else None
    )


def tables_for(metric: StudyMetric, split: keel.Split) -> tuple[str, ...]:
    """The sources that a metric is studied on by default."""
    if metric == "r2":
        return tuple(UCI.prefix + name for name in uci.TABLES if name not in uci.SEEN)
    names = keel.names(split)
    if metric == "balanced_accuracy":
        names = tuple(name for name in names if keel.TABLES[name].half == "imbalanced")
    return tuple(KEEL.prefix + name for name in names)


def _fit(
    job: Job, options: TableOptions, asked: dict[str, Any] | None, data_dir: Path | None
) -> dict[str, Any]:
    torch.set_num_threads(1)
    samples = reordered(samples_of(job.source, job.samples, data_dir), job.split)
    data = prepare(samples, options)
    began = perf_counter()
    found = _modelled(job, data) if asked is None else _searched(job, asked, data)
    return found | {"seconds": perf_counter() - began}


def _modelled(job: Job, data: Dataset) -> dict[str, Any]:
    fitted = fit_model(job.method, data, job.split)
    return {
        "fits": True,
        "test_metric": fitted.test_metric,
        "val_metric": fitted.val_metric,
        "active_weights": fitted.weights,
        "flash": None,
        "trials": 0,
        "curve": [],
    }


def _searched(job: Job, asked: dict[str, Any], data: Dataset) -> dict[str, Any]:
    wanted = Asked.of(**asked)
    assert wanted is not None
    nothing = {"test_metric": 0.0, "val_metric": 0.0, "active_weights": None, "flash": None}
    try:
        network, made = search(data, wanted, seed=job.split, jobs=1)
    except NothingFits:
        return {**nothing, "fits": False, "trials": 0, "curve": []}
    flash = c_bytes(for_inference(network, data.preprocessing), wanted.limits.form).flash
    return {
        "fits": True,
        "test_metric": evaluate(network, data, data.test).metric,
        "val_metric": made["val_metric"],
        "active_weights": network.active_weights,
        "flash": flash,
        "trials": made["search"]["trials"],
        "curve": [[point["seconds"], point["merit"]] for point in made["search"]["curve"]],
    }
