"""Study of how well cheap estimates rank the architectures of a `Table`, and what they cost.

An estimate is made from one training or one initial network of each architecture, with the table's
seed 0. It is judged by its rank correlation with the mean final test accuracy of all other seeds.
Most estimates grow with the network, and larger networks are better; estimates are therefore also
judged among architectures with about equally many active weights. The baseline is the number of
weights itself. Costs are in training batches, by the rules of `rlnas.nn.proxies`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from rlnas.agents.experiments.estimators_report import plot, to_markdown
from rlnas.data.dataset import Dataset
from rlnas.data.loading import load_dataset
from rlnas.errors import InputError
from rlnas.files.atomic import replace_file
from rlnas.nn import proxies
from rlnas.nn.initialization import new_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import Batches, train
from rlnas.progress import progress
from rlnas.tabular.builder import TABLE_HYPERPARAMETERS
from rlnas.tabular.grid import Grid
from rlnas.tabular.table import Table
from rlnas.validation import whole

OBSERVED_SEED = 0
"""The seed of the table from which estimates are made; the other seeds are the ground truth."""

WEIGHT_BINS = 8
RESAMPLES = 500
FORWARD = 1 / 3
"""Cost of a forward pass, as a fraction of a forward and backward pass."""

Statistic = Callable[[np.ndarray, np.ndarray], float]


class Estimate(NamedTuple):
    """Values of one estimator for some architectures; a higher value predicts a better one."""

    name: str  # the estimator, then after a comma its length of training
    cost: float  # training batches per architecture
    numbers: np.ndarray  # int [n], numbers of the architectures
    values: np.ndarray  # float64 [n]


def estimator_study(
    out: Path,
    source: str = "digits",
    *,
    sample: int = 500,
    seed: int = 0,
    data_dir: Path | None = None,
    progress_bar: bool = True,
) -> str:
    """Study the estimators on a table; write a Markdown table and a plot.

    Args:
        out: Folder for `estimators.md` and `estimators.png`.
        source: A table of the package (digits, mnist), or the path of another.
        sample: Number of architectures for estimates that are not in the table.
        seed: Seed of the sample.
        data_dir: Folder with IDX files, searched first.
        progress_bar: Show progress.

    Returns:
        The Markdown table.

    Raises:
        InputError: The table or its data cannot be used.
    """
    table = Table.load(source)
    rows = study(table, load_dataset(table.dataset, data_dir=data_dir), sample, seed, progress_bar)
    text = to_markdown(rows)
    replace_file(out / "estimators.md", (text + "\n").encode())
    plot(rows, out / "estimators.png")
    return text


def study(
    table: Table, dataset: Dataset, sample: int = 500, seed: int = 0, progress_bar: bool = True
) -> list[dict[str, Any]]:
    """Compute the rank correlation of every estimator with final accuracy.

    Estimates that the table contains are read for all architectures. Zero-cost scores and weight
    inheritance are computed for a random sample. The training of a parent counts as free, since a
    search has already trained it.

    Args:
        table: A table with at least two seeds and two architectures.
        dataset: The data set that the table was made on.
        sample: Number of architectures to draw; all if there are fewer.
        seed: Seed of the sample, of the choice of parents and of the bootstrap.
        progress_bar: Show progress.

    Returns:
        A row for each estimator with its name `estimator`, its `cost` (training batches), the
        number of `architectures`, and the correlations `spearman`, `kendall`,
        `spearman_at_fixed_weights` and `kendall_at_fixed_weights`. Both Spearman correlations also
        have the suffixes `_low` and `_high`: the ends of the 95 % bootstrap interval over
        architectures.

    Raises:
        InputError: The table or the sample is too small, or the table was made on another data
            set.
    """
    _check(table, dataset)
    sample, seed = whole("sample", sample, 2), whole("seed", seed)
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(table), size=min(sample, len(table)), replace=False))
    estimates = tabulated(table, dataset) + measured(table, dataset, chosen, rng, progress_bar)
    accuracy = final_accuracy(table)
    bins = weight_bins(table.active_weights[:, OBSERVED_SEED])
    bar = progress(progress_bar, iterable=estimates, desc="correlating", unit="estimator")
    return [
        {
            "estimator": estimate.name,
            "cost": estimate.cost,
            "architectures": estimate.numbers.size,
            **agreement(
                estimate.values,
                accuracy[estimate.numbers],
                bins[estimate.numbers],
                np.random.default_rng(seed),
            ),
        }
        for estimate in bar
    ]


def final_accuracy(table: Table) -> np.ndarray:
    """Mean final test accuracy over the seeds that are not observed, float64 `[architectures]`."""
    others = np.delete(table.test_correct[..., -1], OBSERVED_SEED, axis=1)
    accuracy: np.ndarray = others.mean(axis=1) / table.n_test
    return accuracy


def weight_bins(active_weights: np.ndarray, bins: int = WEIGHT_BINS) -> np.ndarray:
    """Number of the range that contains the active weights, int `[architectures]`.

    Args:
        active_weights: Active weights of each architecture, `[architectures]`.
        bins: Number of ranges, spaced logarithmically.
    """
    logs = np.log(active_weights)
    edges = np.linspace(logs.min(), logs.max(), bins + 1)
    numbers: np.ndarray = np.digitize(logs, edges[1:-1])
    return numbers


# --- the estimates ---


def tabulated(table: Table, dataset: Dataset) -> list[Estimate]:
    """Read from the table all estimates that it contains, for all architectures.

    The number of weights costs nothing. After each epoch count, the estimates are the validation
    accuracy, the negative sum of training losses from the start and from the previous epoch count,
    and the final accuracy that `rlnas.nn.proxies.extrapolate` predicts.
    """
    every = np.arange(len(table))
    per_epoch, validation = _costs(dataset)
    accuracies = table.val_correct[:, OBSERVED_SEED] / table.n_validation
    parts = table.train_loss[:, OBSERVED_SEED] * (np.diff(table.epochs, prepend=0.0) * per_epoch)
    weights = table.active_weights[:, OBSERVED_SEED].astype(np.float64)
    found = [Estimate("active weights", 0.0, every, weights)]
    for k, epochs in enumerate(table.epochs, start=1):
        until, training = _counted(epochs), epochs * per_epoch
        losses = proxies.sum_of_losses(parts[:, :k])
        found += [
            Estimate(
                f"validation accuracy, {until}", training + validation, every, accuracies[:, k - 1]
            ),
            Estimate(f"sum of losses, {until}", training, every, -losses),
        ]
        if k > 1:
            late = proxies.sum_of_losses(parts[:, :k], last=1)
            found.append(Estimate(f"sum of late losses, {until}", training, every, -late))
        if 1 < k < len(table.epochs):
            ahead = proxies.extrapolate(table.epochs[:k], accuracies[:, :k], table.epochs[-1])
            cost = training + 2 * validation
            found.append(Estimate(f"extrapolated accuracy, {until}", cost, every, ahead))
    return found


def measured(
    table: Table,
    dataset: Dataset,
    numbers: np.ndarray,
    rng: np.random.Generator,
    progress_bar: bool = True,
) -> list[Estimate]:
    """Compute the estimates that need the networks, and their weights as the baseline.

    Zero-cost scores are computed at initialisation on the first training batch. Validation accuracy
    is measured after one epoch and after the table's first epoch count, both from scratch and from
    weights inherited from a neighbour on the grid. The neighbour is drawn from `neighbours` and
    trained to the end.

    Args:
        table: Table with the grid and the training length of parents.
        dataset: The data set that the table was made on.
        numbers: Numbers of the architectures, int `[n]`.
        rng: Source of randomness.
        progress_bar: Show progress.
    """
    per_epoch, validation = _costs(dataset)
    lengths = sorted({1, table.epochs[0]})
    names_and_costs = [
        ("synflow", 1 / Batches(dataset.train, rng).batch_size),
        ("gradient norm", 1.0),
        ("snip", 1.0),
        ("jacobian covariance", 1.0),
    ]
    for start in ("weights from scratch", "inherited weights"):
        for epochs in lengths:
            name = f"{start}, {_counted(epochs)}"
            names_and_costs.append((name, epochs * per_epoch + validation))
    rows = []
    for number in progress(progress_bar, iterable=numbers, desc="estimating", unit="net"):
        network, batches = rebuilt(table, dataset, number)
        order = batches.take(lengths[-1] * per_epoch)
        parent = trained(table, dataset, rng.choice(neighbours(table.grid, number)))
        row = [
            proxies.synflow(network),
            proxies.gradient_norm(network, dataset, order[0]),
            proxies.snip(network, dataset, order[0]),
            proxies.jacobian_covariance(network, dataset, order[0]),
        ]
        for origin in (network, proxies.inherit(network, parent)):
            for epochs in lengths:
                few = order[: epochs * per_epoch]
                row.append(proxies.metric_after(origin, dataset, few, TABLE_HYPERPARAMETERS))
        rows.append(row)
    columns = np.array(rows).T
    weights = table.active_weights[numbers, OBSERVED_SEED].astype(np.float64)
    return [
        Estimate("active weights, of the sample", 0.0, numbers, weights),
        *(
            Estimate(name, cost, numbers, values)
            for (name, cost), values in zip(names_and_costs, columns, strict=True)
        ),
    ]


def rebuilt(table: Table, dataset: Dataset, number: int) -> tuple[SparseNetwork, Batches]:
    """The initial network and the batches of the observed seed, exactly as in the table."""
    rng = np.random.default_rng((OBSERVED_SEED, number))
    network = new_network(
        table.grid.architectures[number], dataset.n_features, dataset.n_classes, rng
    )
    return network, Batches(dataset.train, rng)


def trained(table: Table, dataset: Dataset, number: int) -> SparseNetwork:
    """The network of the observed seed at the end of its training."""
    network, batches = rebuilt(table, dataset, number)
    order = batches.take(table.epochs[-1] * _costs(dataset)[0])
    train(network, dataset, order, TABLE_HYPERPARAMETERS)
    return network


def neighbours(grid: Grid, number: int) -> np.ndarray:
    """Numbers of the nearest other architectures on the grid, int `[n]`.

    They differ by one notch in one layer. A linear classifier has no notch: its only neighbour is
    the smallest network with one hidden layer.
    """
    places = grid.indices.astype(np.int64)
    distances = np.abs(places - places[number]).sum(axis=(1, 2))
    return np.flatnonzero(distances == distances[distances > 0].min())


def _costs(dataset: Dataset) -> tuple[int, float]:
    """Number of batches in an epoch, and cost of one evaluation on the validation samples."""
    size = Batches(dataset.train, np.random.default_rng(0)).batch_size
    return max(1, dataset.train.size // size), FORWARD * dataset.validation.size / size


# --- the judgement ---


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of two arrays, float `[n]`; 0 if either is constant."""
    return _or_zero(stats.spearmanr, a, b)


def kendall(a: np.ndarray, b: np.ndarray) -> float:
    """Kendall's tau-b of two arrays, float `[n]`; 0 if either is constant."""
    return _or_zero(stats.kendalltau, a, b)


def _or_zero(correlation: Callable[..., Any], a: np.ndarray, b: np.ndarray) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(correlation(a, b).statistic)


def within_bins(statistic: Statistic, a: np.ndarray, b: np.ndarray, bins: np.ndarray) -> float:
    """Mean of a statistic over bins, weighted by their sizes; 0 if no bin has two members.

    Args:
        statistic: Statistic of the members of a bin in both arrays.
        a: First array, float `[n]`.
        b: Second array, float `[n]`.
        bins: Bin of each element, int `[n]`; bins with a single member are ignored.
    """
    groups = [np.flatnonzero(bins == bin) for bin in np.unique(bins)]
    groups = [group for group in groups if group.size > 1]
    if not groups:
        return 0.0
    values = [statistic(a[group], b[group]) for group in groups]
    return float(np.average(values, weights=[group.size for group in groups]))


def agreement(
    values: np.ndarray, accuracy: np.ndarray, bins: np.ndarray, rng: np.random.Generator
) -> dict[str, float]:
    """Compute the correlations in a row of `study`.

    Args:
        values: Estimate of each architecture, float64 `[n]`.
        accuracy: Final accuracy of each architecture, float64 `[n]`.
        bins: Bin of the active weights of each architecture, int `[n]`.
        rng: Source of the bootstrap samples.
    """

    def both(chosen: np.ndarray | slice) -> tuple[float, float]:
        a, b, groups = values[chosen], accuracy[chosen], bins[chosen]
        return spearman(a, b), within_bins(spearman, a, b, groups)

    overall, fixed = both(slice(None))
    resampled = [both(rng.integers(values.size, size=values.size)) for _ in range(RESAMPLES)]
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0).tolist()
    return {
        "spearman": overall,
        "spearman_low": low[0],
        "spearman_high": high[0],
        "kendall": kendall(values, accuracy),
        "spearman_at_fixed_weights": fixed,
        "spearman_at_fixed_weights_low": low[1],
        "spearman_at_fixed_weights_high": high[1],
        "kendall_at_fixed_weights": within_bins(kendall, values, accuracy, bins),
    }


def _counted(epochs: int) -> str:
    return "1 epoch" if epochs == 1 else f"{epochs} epochs"


def _check(table: Table, dataset: Dataset) -> None:
    """Raise `InputError` if the table is too small or was made on another data set."""
    if table.n_seeds < 2 or len(table) < 2:
        raise InputError(
            f"a table of {len(table)} architectures and {table.n_seeds} seeds cannot be studied: "
            "expected at least 2 of each"
        )
    sizes = (table.n_inputs, table.n_outputs, table.n_validation, table.n_test)
    given = (dataset.n_features, dataset.n_classes, dataset.validation.size, dataset.test.size)
    if sizes != given or table.dataset != dataset.name:
        raise InputError(
            f"the table was made on data set '{table.dataset}', not on '{dataset.name}' as given: "
            "expected the same inputs, outputs and samples"
        )


# --- the table and the picture ---
