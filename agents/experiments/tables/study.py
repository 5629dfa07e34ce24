"""Designs over many tables: jobs that fit every method to several splits of every table."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from rlnas.agents.config import SHIPPED
from rlnas.agents.experiments.tables.models import MODELS, fit_model
from rlnas.agents.experiments.tables.networks import (
    DESIGN,
    POLICIES,
    SHARES,
    WIDTHS,
    Fitted,
    by_policy,
    dense_networks,
    prunings,
)
from rlnas.agents.experiments.tables.rows import origin_of, reordered, samples_of, tables_of
from rlnas.agents.policies.environments import step_env_like
from rlnas.agents.policies.policy import fingerprint
from rlnas.agents.policies.run_config import episode_settings
from rlnas.data.collections import keel
from rlnas.data.preparing import prepare
from rlnas.data.sources import read
from rlnas.errors import InputError
from rlnas.files.json_schema import NUMBER, SHARE, WHOLE, list_of, record
from rlnas.parallel.jobs import Call, own_folder, run_all
from rlnas.progress import progress
from rlnas.scoring import reference_weights
from rlnas.validation import check_count

PRUNINGS, DENSE = "prunings", "dense_networks"

METHODS = (*POLICIES, PRUNINGS, DENSE, *MODELS)
"""What is fitted; only the policies depend on the penalty."""

_FITTED = record(
    val_accuracy=SHARE,
    val_loss=NUMBER,
    test_accuracy=SHARE,
    active_weights={"anyOf": [WHOLE, {"type": "null"}]},
)


class Job(NamedTuple):
    """One method on one split of one table.

    Attributes:
        source: The table.
        samples: SHA-256 of its raw samples.
        split: Number of the split, also the seed.
        method: One of `METHODS`.
        penalty: Price of the reference number of weights; None if nothing depends on it.
    """

    source: str
    samples: str
    split: int
    method: str
    penalty: float | None

    def key(self, policy: Path) -> dict[str, Any]:
        """Everything that its result depends on."""
        found: dict[str, Any] = {
            "samples_sha256": self.samples,
            "split": self.split,
            "method": self.method,
        }
        if self.method not in MODELS:
            found["episodes"] = episode_settings(policy)
        if self.method in POLICIES:
            found["penalty"] = self.penalty
        if self.method == DESIGN:
            found["policy"] = fingerprint(policy)
        sizes = {PRUNINGS: SHARES, DENSE: WIDTHS}
        return found | ({"sizes": sizes[self.method]} if self.method in sizes else {})


def study_tables(
    out: Path,
    policy: Path = SHIPPED,
    split: keel.Split = "development",
    tables: tuple[str, ...] | None = None,
    penalties: tuple[float, ...] = (0.03, 0.1, 0.3),
    *,
    splits: int = 3,
    jobs: int = -1,
    data_dir: Path | None = None,
    progress_bar: bool = True,
) -> dict[str, Any]:
    """Fit every method to every split of every table.

    Each result is a file in the folder `runs` of `out`, so that repeating the call continues an
    interrupted study. With another policy, only the designs are made anew, if its episodes are as
    long.

    Args:
        out: Folder for the results.
        policy: Run folder of a training; by default the policy that comes with rlnas.
        split: Which KEEL tables to take.
        tables: Sources to take instead, such as `keel:pima`.
        penalties: Prices of the reference number of weights, in accuracy.
        splits: Number of splits of the rows of each table: the first in the order of the file, the
            others in random orders.
        jobs: Number of workers; -1 for one per processor.
        data_dir: Folder with data, searched first.
        progress_bar: Show progress.

    Returns:
        `split`: None for given sources. `policy`: the name of its folder. `price`: the geometric
        middle of the penalties that it was trained with, the default of `rlnas design`.
        `penalties`. `results`: for each table, split, method and, for policies, penalty, a record
        of `table`, `origin`, `split`, `method`, `penalty` (None if nothing depends on it),
        `reference` (weights that cost the penalty), and as `fitted` a list of what
        `rlnas.agents.experiments.tables.networks.Fitted` describes: one for each of `SHARES` or
        `WIDTHS`, or the best design of an episode, then a linear network; or a single model.

    Raises:
        InputError: A value cannot be used, the folder holds something else, or a result in it is
            damaged.
    """
    check_count("splits", splits)
    if not penalties:
        raise InputError("no penalty: expected at least one number")
    sources = tables_of(split) if tables is None else tuple(dict.fromkeys(tables))
    if not sources:
        raise InputError("no table: expected at least one, such as keel:pima")
    for penalty in penalties:
        step_env_like(policy, "wine", penalty)  # raises if it cannot be used
    price = step_env_like(policy, "wine", middle=True).penalty_range[0]
    raws = {}
    for source in progress(progress_bar, iterable=sources, desc="reading", unit="table"):
        raw = read(source, data_dir)
        prepare(raw)  # raises if there are too few samples
        raws[source] = (len(raw.features), raw.sha256)
    own_folder(out, {"study": "tables"})
    # The largest first, so that no worker is left with one in the end.
    largest = sorted(sources, key=lambda source: -raws[source][0])
    wanted = [
        job
        for source in largest
        for job in _jobs(source, raws[source][1], splits, tuple(dict.fromkeys(penalties)), price)
    ]
    form = record(reference=WHOLE, fitted=list_of(_FITTED))
    calls = [
        Call(
            f"{job.source}-{job.split}-{job.method}"
            + ("" if job.penalty is None else f"-{job.penalty:g}"),
            job.key(policy),
            (job, policy, data_dir),
            form,
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
            "penalty": job.penalty,
            **one,
        }
        for job, one in zip(wanted, made, strict=True)
    ]
    return {
        "split": split if tables is None else None,
        "policy": policy.name,
        "price": price,
        "penalties": list(dict.fromkeys(penalties)),
        "results": results,
    }


def _jobs(
    source: str, samples: str, splits: int, penalties: tuple[float, ...], price: float
) -> Iterator[Job]:
    """The jobs of a table; at the price itself, which may be no penalty, only designs are made."""
    for split in range(splits):
        for method in METHODS:
            prices: tuple[float | None, ...] = penalties if method in POLICIES else (None,)
            if method == DESIGN and price not in penalties:
                prices = (*penalties, price)
            yield from (Job(source, samples, split, method, each) for each in prices)


def _fit(job: Job, policy: Path, data_dir: Path | None) -> dict[str, Any]:
    torch.set_num_threads(1)
    data = prepare(reordered(samples_of(job.source, job.samples, data_dir), job.split))
    fitted: list[Fitted]
    if job.method in MODELS:
        model = fit_model(job.method, data, job.split)
        fitted = [
            {
                "val_accuracy": model.val_metric,
                "val_loss": model.val_loss,
                "test_accuracy": model.test_metric,
                "active_weights": model.weights,
            }
        ]
    else:
        env = step_env_like(policy, data, job.penalty, middle=True)
        if job.method in POLICIES:
            chosen = POLICIES[job.method](policy, job.split)
            fitted = by_policy(env, chosen, job.split)
        else:
            fitted = {PRUNINGS: prunings, DENSE: dense_networks}[job.method](env, job.split)
    return {"reference": reference_weights(data.n_features, data.n_classes), "fitted": fitted}
