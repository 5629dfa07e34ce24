"""The data card of a table: how it was made, how noisy it is, and its best architectures."""

from itertools import pairwise

import numpy as np
from scipy.stats import spearmanr

from rlnas import plots
from rlnas.markdown import markdown_table
from rlnas.nn.architecture import Architecture
from rlnas.tabular.builder import TABLE_HYPERPARAMETERS
from rlnas.tabular.table import Table

PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Penalties for which the card lists the optimum."""


def data_card(table: Table) -> str:
    """The data card of a table as Markdown."""
    h = TABLE_HYPERPARAMETERS
    grid = table.grid
    widths = ", ".join(map(str, grid.widths))
    densities = ", ".join(f"{density:g}" for density in grid.densities)
    epochs = ", ".join(map(str, table.epochs))
    versions = ", ".join(f"{name} {version}" for name, version in table.versions.items())
    sections = [
        f"# Data card: the table of {table.dataset}",
        f"{len(table):,} architectures, each trained from scratch with {table.n_seeds} seeds and "
        f"measured after {epochs} epochs, on {table.n_validation:,} validation and "
        f"{table.n_test:,} test samples of data set `{table.dataset}`. Made by `rlnas benchmark "
        "build`; this card by `rlnas benchmark card`.",
        "## Architectures",
        f"Up to {grid.max_depth} hidden layers, each with {widths} neurons and a density of "
        f"{densities} (share of active weights between it and the layer before; every neuron reads "
        "at least one source and has at least one reader). The output layer is dense. Which "
        "connections exist is drawn at random once and never changes.",
        "## Training",
        "The same for every architecture: AdamW, "
        f"learning rate {h.learning_rate:g} throughout, batches of {h.batch_size}, weight decay "
        f"{h.weight_decay:g}. Validation and test results are those of exponentially averaged "
        f"weights (factor {h.ema_decay:g} a batch); the training loss is that of the weights "
        "themselves, over the batches since the epoch count before. A seed decides which "
        "connections exist, the first weights and the order of samples: "
        "`numpy.random.default_rng((seed, number))`. Losses are kept in float16, predictions as "
        "exact counts.",
        f"Software: {versions}.",
        "## Noise between seeds",
        "After the most epochs, by active weights:",
        _noise(table),
        _agreement(table),
        "## Best architectures",
        "Highest mean score, validation accuracy less penalty x weights / "
        f"{table.reference:,}, written as width@density:",
        _optima(table),
        "## Pareto front",
        "Architectures that none beats in both mean validation accuracy and weights. The winners "
        "of so many are partly lucky: the test column is the fairer one.",
        _front(table),
    ]
    return "\n\n".join(sections) + "\n"


def plot_table(table: Table) -> bytes:
    """Plot of mean validation accuracy against weights, coloured by depth, as a PNG file."""
    columns = table.columns()
    depths = np.array([len(stack) for stack in table.grid.architectures])
    drawn, axes = plots.figure()
    shown = np.random.default_rng(0).permutation(len(table))  # so that no depth hides another
    points = axes.scatter(
        columns.active_weights[shown],
        columns.val_accuracy[shown],
        c=depths[shown],
        s=3,
        linewidths=0,
        cmap="viridis",
    )
    drawn.colorbar(points, ax=axes, label="hidden layers", ticks=range(table.grid.max_depth + 1))
    front = table.pareto_front()
    axes.plot(
        columns.active_weights[front],
        columns.val_accuracy[front],
        color="crimson",
        label="Pareto front",
        linewidth=1,
    )
    axes.set_xscale("log")
    axes.set_xlabel("active weights")
    axes.set_ylabel(f"validation accuracy after {table.epochs[-1]} epochs")
    axes.set_title(table.dataset, parse_math=False)
    axes.legend(loc="lower right")
    axes.grid(alpha=0.3)
    return plots.png(drawn)


def format_architecture(architecture: Architecture) -> str:
    """An architecture as text, such as ``32@0.125 16@0.5``."""
    return " ".join(f"{width}@{density:g}" for width, density in architecture) or "linear"


def _noise(table: Table) -> str:
    """Markdown table of standard deviations between seeds in ranges of weights."""
    weights = table.active_weights.mean(axis=1)
    accuracies = table.val_correct[..., -1] / table.n_validation
    tests = table.test_correct[..., -1] / table.n_test
    edges = np.geomspace(weights.min(), weights.max() + 1, 7)
    rows = []
    for low, high in pairwise(edges):
        inside = (weights >= low) & (weights < high)
        if inside.any():
            spread = [np.sqrt(a[inside].var(axis=1, ddof=1).mean()) for a in (accuracies, tests)]
            rows.append(
                [
                    *(f"{low:,.0f} to {high:,.0f}", f"{inside.sum():,}"),
                    *(f"{value:.2%}" for value in (np.median(accuracies[inside]), *spread)),
                ]
            )
    columns = ("weights", "architectures", "median accuracy", "deviation, validation", "test")
    return markdown_table(columns, rows)


def _agreement(table: Table) -> str:
    first, second = (table.columns(seed=seed).val_accuracy for seed in (0, 1))
    between = spearmanr(first, second).statistic
    mean = table.columns()
    tested = spearmanr(mean.val_accuracy, mean.test_accuracy).statistic
    return (
        f"Rank correlation (Spearman) of validation accuracy between two seeds {between:.3f}, "
        f"between mean validation and mean test accuracy {tested:.3f}."
    )


def _optima(table: Table) -> str:
    rows = []
    for penalty in PENALTIES:
        best, score = table.optimum(penalty)
        record = table.query(best)
        accuracies = (f"{value:.2%}" for value in (record.val_accuracy, record.test_accuracy))
        weights = f"{record.active_weights:,.0f}"
        rows.append(
            [f"{penalty:g}", format_architecture(best), f"{score:.4f}", *accuracies, weights]
        )
    columns = ("penalty", "architecture", "score", "validation accuracy", "test accuracy")
    return markdown_table((*columns, "weights"), rows)


def _front(table: Table) -> str:
    rows = []
    for number in table.pareto_front():
        record = table.records()[number]
        architecture = format_architecture(table.grid.architectures[number])
        accuracies = (f"{value:.2%}" for value in (record.val_accuracy, record.test_accuracy))
        rows.append([f"{record.active_weights:,.0f}", architecture, *accuracies])
    return markdown_table(("weights", "architecture", "validation accuracy", "test accuracy"), rows)
