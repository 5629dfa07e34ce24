"""Study of whether capacity is the number of weights, with sparse and dense networks.

It repeats the studies of Tessera & Rosman 2019, which plot test accuracy against active weights.
Random sparse networks with a fixed mask are trained, with one hidden layer (`width`) or with one
to four hidden layers (`depth`).
"""

import csv
import io
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from rlnas import plots
from rlnas.agents.designing.evaluation import evaluation_metrics
from rlnas.agents.designing.finish import FINAL_EPOCHS
from rlnas.agents.experiments.statistics import CONFIDENCE, Interval, trimmed_mean_interval
from rlnas.data import loading
from rlnas.files.atomic import replace_file
from rlnas.files.json_schema import POSITIVE, SHARE, WHOLE, record
from rlnas.markdown import markdown_table
from rlnas.nn.architecture import Architecture
from rlnas.nn.initialization import new_network
from rlnas.nn.training import LONG_TRAINING, final_training
from rlnas.parallel.jobs import Call, own_folder, run_all
from rlnas.validation import check_count

WIDTHS = (4, 8, 16, 32, 64, 128, 256)
DENSITIES = (1.0, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32)
WIDTH_STUDY: tuple[Architecture, ...] = tuple(
    ((width, density),) for width, density in product(WIDTHS, DENSITIES)
)
"""Architectures with one hidden layer."""

DEPTH_STUDY: tuple[Architecture, ...] = tuple(
    ((width, density),) * depth
    for depth, width, density in product((1, 2, 3, 4), (16, 48, 144), (1.0, 1 / 4, 1 / 16))
)
"""Architectures whose hidden layers all have the same width and density."""

MIN_BATCHES = 3000
"""Minimum number of training batches of a network.

`FINAL_EPOCHS` of a small data set are fewer, which is too short for an untrained network."""

RANGES = 3
"""Number of size ranges that are fitted separately, with equally many architectures in each."""

RESAMPLES = 1000

Row = dict[str, Any]
"""A trained network with the keys `depth`, `width`, `density`, `seed`, `active_weights`,
`test_accuracy` and `test_loss`."""

_RESULT = record(active_weights=WHOLE, test_accuracy=SHARE, test_loss=POSITIVE)


def capacity_study(
    study: Literal["width", "depth"],
    out: Path,
    source: str = "digits",
    *,
    seeds: int = 5,
    jobs: int = -1,
    data_dir: Path | None = None,
    progress_bar: bool = True,
) -> str:
    """Train every architecture with every seed; write a data file, a table and a plot.

    Each network is a file in the folder `runs` of `out`, so that repeating the call continues an
    interrupted study.

    Args:
        study: Whether networks have one hidden layer or one to four.
        out: Folder for the results.
        source: Name of a data set, or .npz file.
        seeds: Number of trainings of each architecture.
        jobs: Number of workers; -1 for one per processor.
        data_dir: Folder with IDX files, searched first.
        progress_bar: Show progress.

    Returns:
        The table, as Markdown.

    Raises:
        InputError: A value cannot be used, the folder holds something else, or a result in it is
            damaged.
    """
    check_count("seeds", seeds)
    content = loading.load_dataset(source, data_dir=data_dir).fingerprint
    deep = study == "depth"
    studied = DEPTH_STUDY if deep else WIDTH_STUDY
    own_folder(out, {"study": study, "dataset": source, "data_sha256": content})
    everything = list(product(studied, range(seeds)))
    calls = [
        Call(
            f"{len(one)}-{one[0][0]}-{one[0][1]:g}-{seed}",
            {"data_sha256": content, "architecture": one, "seed": seed},
            (source, content, one, seed, data_dir),
            _RESULT,
        )
        for one, seed in everything
    ]
    found = run_all(_train, out / "runs", calls, "network", jobs, progress_bar)
    rows = [
        {"depth": len(one), "width": one[0][0], "density": one[0][1], "seed": seed, **result}
        for (one, seed), result in zip(everything, found, strict=True)
    ]
    text = to_markdown(rows, source, deep)
    replace_file(out / f"{study}.csv", _as_csv(rows))
    replace_file(out / f"{study}.md", (text + "\n").encode())
    replace_file(out / f"{study}.png", plots.png(plot(rows, source, deep)))
    return text


def _train(
    source: str, content: str, architecture: Architecture, seed: int, data_dir: Path | None
) -> dict[str, float]:
    torch.set_num_threads(1)
    data = loading.load_unchanged(source, content, data_dir)
    rng = np.random.default_rng(seed)
    network = new_network(architecture, data.n_features, data.n_outputs, rng)
    per_epoch = (data.train.size + data.validation.size) // LONG_TRAINING.batch_size
    epochs = max(FINAL_EPOCHS, MIN_BATCHES // max(1, per_epoch))
    for _ in final_training(network, data, epochs, np.random.default_rng(seed)):
        pass
    test = evaluation_metrics(network, data, data.test)
    return {
        "active_weights": network.active_weights,
        "test_accuracy": test["test_accuracy"],
        "test_loss": test["test_loss"],
    }


def by_architecture(rows: Sequence[Row]) -> dict[tuple[int, int, float], list[Row]]:
    """Group the rows by `(depth, width, density)`."""
    found: dict[tuple[int, int, float], list[Row]] = {}
    for row in rows:
        found.setdefault((row["depth"], row["width"], row["density"]), []).append(row)
    return found


class Fit:
    """A fit of the test error by the number of weights and by the shape at equal weights.

    The logarithm of an architecture's mean test error is fitted by least squares with a quadratic
    function of the logarithm of its active weights, with and without a linear term for its shape.

    Args:
        rows: Rows of architectures that all have the same seeds.
        deep: Whether the shape is the number of hidden layers; otherwise it is the number of times
            the density was halved.

    Attributes:
        weights_alone: Share of the variance that the weights explain (R squared).
        with_shape: Share of the variance that the weights and the shape explain (R squared).
        factor: Factor by which the error changes when the shape grows by one (one more layer, or
            half the density and twice the width) at equal weights, with its interval.
    """

    def __init__(self, rows: Sequence[Row], deep: bool):
        groups = list(by_architecture(rows).values())
        weights = np.array([np.mean([row["active_weights"] for row in some]) for some in groups])
        shape = np.array([_shape(some[0], deep) for some in groups])
        errors = 1 - np.array([[row["test_accuracy"] for row in some] for some in groups])
        x = np.log2(weights) - np.log2(weights).mean()
        self._weights = np.stack([np.ones_like(x), x, x**2], axis=1)
        self._both = np.column_stack([self._weights, shape])
        target = _logarithm(errors)
        self.weights_alone = _explained(self._weights, target)
        self.with_shape = _explained(self._both, target)
        rng = np.random.default_rng(0)
        seeds = rng.integers(errors.shape[1], size=(RESAMPLES, errors.shape[1]))
        again = [self._factor(_logarithm(errors[:, chosen])) for chosen in seeds]
        tail = 50 * (1 - CONFIDENCE)
        low, high = np.percentile(again, [tail, 100 - tail])
        self.factor = Interval(self._factor(target), float(low), float(high))

    def _factor(self, target: np.ndarray) -> float:
        return float(2 ** np.linalg.lstsq(self._both, target, rcond=None)[0][-1])


def _logarithm(errors: np.ndarray) -> np.ndarray:
    """The binary logarithm of the mean error over seeds, which is clipped because it may be 0."""
    logarithms: np.ndarray = np.log2(np.maximum(errors.mean(axis=1), 1e-4))
    return logarithms


def _shape(row: Row, deep: bool) -> float:
    shape: float = row["depth"] if deep else -np.log2(row["density"])
    return shape


def _explained(columns: np.ndarray, target: np.ndarray) -> float:
    if np.ptp(target) == 0:
        return 1.0  # there is no variance to explain
    residual = target - columns @ np.linalg.lstsq(columns, target, rcond=None)[0]
    return float(1 - residual.var() / target.var())


def ranges(rows: Sequence[Row]) -> list[list[Row]]:
    """Split the rows by active weights into `RANGES` parts with equally many architectures."""
    groups = sorted(by_architecture(rows).values(), key=lambda some: some[0]["active_weights"])
    parts = np.array_split(np.arange(len(groups)), RANGES)
    return [[row for number in part for row in groups[number]] for part in parts]


_COLUMNS = ("hidden layers", "width", "density", "active weights", "test accuracy", "test loss")


def to_markdown(rows: Sequence[Row], dataset: str, deep: bool) -> str:
    """Markdown tables of the fits (all architectures and each range) and of all architectures."""
    what = "one more hidden layer" if deep else "half the density"
    n_seeds = 1 + max(row["seed"] for row in rows)
    question = (
        f"`{dataset}`, {n_seeds} seeds. How much of the variance of the logarithm of the test "
        f"error do the active weights explain, and what does {what} at equal weights multiply the "
        "error by (95 % bootstrap interval)?"
    )
    fits = []
    for some in [list(rows), *ranges(rows)]:
        fit, counts = Fit(some, deep), [row["active_weights"] for row in some]
        fits.append(
            [
                len(by_architecture(some)),
                f"{min(counts):,} to {max(counts):,}",
                f"{fit.weights_alone:.3f}",
                f"{fit.with_shape:.3f}",
                f"x {fit.factor:.3f}",
            ]
        )
    architectures = []
    for (depth, width, density), some in by_architecture(rows).items():
        counts = [row["active_weights"] for row in some]
        accuracy = trimmed_mean_interval([row["test_accuracy"] for row in some], trim=0)
        loss = np.mean([row["test_loss"] for row in some])
        architectures.append(
            [
                *(depth, width, f"{density:g}", f"{np.mean(counts):,.0f}"),
                *(f"{accuracy:.2%}", f"{loss:.4f}"),
            ]
        )
    tables = [
        markdown_table(
            ("architectures", "active weights", "R² of weights", "R² with shape", what), fits
        ),
        markdown_table(_COLUMNS, architectures),
    ]
    return "\n\n".join([question, *tables])


def plot(rows: Sequence[Row], dataset: str, deep: bool) -> Any:
    """Plot test accuracy against active weights: a line with intervals per density or depth."""
    drawn, axes = plots.figure(8, 5.5)
    shapes = sorted({_shape(row, deep) for row in rows})
    for shape in shapes:
        mine = [row for row in rows if _shape(row, deep) == shape]
        groups = sorted(by_architecture(mine).values(), key=lambda some: some[0]["active_weights"])
        places = [np.mean([row["active_weights"] for row in some]) for some in groups]
        found = [
            trimmed_mean_interval([row["test_accuracy"] for row in some], trim=0) for some in groups
        ]
        value, low, high = np.array(found).T
        ends = plots.whiskers(value, low, high)
        label = f"{shape:g} hidden layers" if deep else f"density {2**-shape:.3g}"
        axes.errorbar(places, value, yerr=ends, fmt="o-" if shape == shapes[0] else "o--",
                      ms=4, capsize=2, label=label)  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("active weights")
    axes.set_ylabel("test accuracy")
    axes.set_title(dataset, parse_math=False)
    axes.grid(alpha=0.3)
    axes.legend()
    return drawn


def _as_csv(rows: Sequence[Row]) -> bytes:
    stream = io.StringIO(newline="")
    table = csv.DictWriter(stream, rows[0], lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return stream.getvalue().encode()
