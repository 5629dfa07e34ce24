"""What commands print: a design, a list of designs, the scores of an assessment."""

import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.table import Table

from rlnas.agents.designing.evaluation import warning_of
from rlnas.designs.database import DesignRecord
from rlnas.files.plain_text import plain, plain_console


def print_design(record: dict[str, Any], out: Path) -> None:
    """Print a table of a design beside the network that its episode began with.

    Args:
        record: what `design.json` holds.
        out: folder of the design.
    """
    initial = record["initial"]
    table = Table(title=plain(f"Design for {record['dataset']}"))
    for name in ("", "initial", "final"):
        table.add_column(name)

    def row(name: str, key: str, form: str) -> None:
        before, after = (
            form.format(side[key]) if key in side else "" for side in (initial, record)
        )
        table.add_row(name, before, after)

    for side in (initial, record):
        side["architecture"] = _architecture(side["layer_sizes"])
        side["densities"] = ", ".join(f"{density:.1%}" for density in side["layer_densities"])
    row("architecture", "architecture", "{}")
    row("density per layer", "densities", "{}")
    row("active weights", "active_weights", "{:,}")
    row("validation accuracy", "val_accuracy", "{:.2%}")
    row("score", "score", "{:.4f}")
    row("test accuracy", "test_accuracy", "{:.2%}")
    row("test loss", "test_loss", "{:.4f}")
    row("balanced accuracy (test)", "balanced_accuracy", "{:.2%}")
    plain_console().print(table)
    _print_classes(record)
    print(f"design in {out}")


def print_evaluation(result: dict[str, Any]) -> None:
    """Print what `rlnas.agents.designing.evaluation.evaluate_design` gives."""
    print(f"{result['samples']:,} samples ({plain(result['data'])})")
    print(f"test accuracy      {result['test_accuracy']:.2%}")
    print(f"test loss          {result['test_loss']:.4f}")
    print(f"balanced accuracy  {result['balanced_accuracy']:.2%}")
    print(f"active weights     {result['active_weights']:,}")
    _print_classes(result)


def _print_classes(result: dict[str, Any]) -> None:
    """Print the recall of each class, and one line if the result is worth nothing."""
    shares = result["recalls"].items()
    shown = (f"{plain(name)} {'-' if share is None else f'{share:.1%}'}" for name, share in shares)
    print(f"recall of each class: {', '.join(shown)}")
    if (warning := warning_of(result)) is not None:
        print(f"this design is {warning}")


def print_designs(designs: Iterable[DesignRecord], looks: int) -> None:
    """Print a table with a row for each design, which fits into 80 columns.

    Args:
        designs: of an archive.
        looks: how many designs there are in all.
    """
    table = Table(box=None, pad_edge=False)
    for name in ("step", "penalty", "score", "accuracy", "weights"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("architecture", "data set"):
        table.add_column(name, overflow="fold")
    for design in designs:
        table.add_row(
            f"{design.timestep:,}",
            f"{design.penalty:.3g}",
            f"{design.score:.4f}",
            f"{design.val_accuracy:.2%}",
            f"{design.active_weights:,}",
            _architecture(design.layer_sizes),
            plain(design.dataset),
        )
    plain_console().print(table)
    print(f"Accuracies on validation samples, the best of {looks:,} looks at them:")
    print("on other samples they are lower.")


def print_scores(scores: dict[str, list[float]]) -> None:
    """Print means with standard errors, and how far apart they are."""
    means, errors = {}, {}
    for name, values in scores.items():
        means[name] = statistics.mean(values)
        errors[name] = statistics.stdev(values) / len(values) ** 0.5
        print(
            f"{name:<8} mean score {means[name]:.4f} +/- {errors[name]:.4f} (standard error), "
            f"{len(values)} episodes, {min(values):.4f} to {max(values):.4f}"
        )
    difference = means["trained"] - means["random"]
    error = (errors["trained"] ** 2 + errors["random"] ** 2) ** 0.5
    apart = f", {difference / error:.1f} standard errors" if error > 0 else ""
    print(f"difference {difference:+.4f}{apart}")


def _architecture(layer_sizes: Iterable[int]) -> str:
    return "-".join(map(str, layer_sizes))
