"""The command line `rlnas`: each command is a dataclass of `rlnas.agents.config` and one call."""

import json
import logging
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import tyro

from rlnas import datasets
from rlnas.agents.config import (
    AssessConfig,
    DataConfig,
    DesignConfig,
    EvaluateConfig,
    FetchConfig,
    ListConfig,
    TrainConfig,
)
from rlnas.errors import InputError

_subcommand = tyro.conf.subcommand

Command = (
    Annotated[TrainConfig, _subcommand("train")]
    | Annotated[DesignConfig, _subcommand("design")]
    | Annotated[EvaluateConfig, _subcommand("evaluate")]
    | Annotated[AssessConfig, _subcommand("assess")]
    | Annotated[DataConfig, _subcommand("data")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; bad input is one line on standard error and exit code 2."""
    config = tyro.cli(
        Command,
        prog="rlnas",
        description="Compact neural networks designed by reinforcement learning.",
        args=arguments,
        config=(tyro.conf.OmitSubcommandPrefixes,),
    )
    try:
        run(config)
    except InputError as error:
        print(f"rlnas: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("rlnas: interrupted", file=sys.stderr)
        return 130
    return 0


def run(config: Any) -> None:
    """Carry out one command. Heavy modules are imported by the command that needs them."""
    match config:
        case TrainConfig():
            from rlnas.agents.ppo import train

            folder = train(config)
            print(f"controller in {folder}")
            print(f"watch it with: tensorboard --logdir {folder / 'tensorboard'}")
        case DesignConfig():
            from rlnas.agents.design import design

            _print_design(design(config), config.out)
        case EvaluateConfig():
            from rlnas.agents.design import evaluate_design

            result = evaluate_design(config)
            if config.json:
                print(json.dumps(result))
            else:
                print("\n".join(f"{key:<15} {value}" for key, value in result.items()))
        case AssessConfig():
            from rlnas.agents.design import assess

            _print_scores(assess(config))
        case DataConfig(command=ListConfig(data_dir)):
            for known, place in datasets.places(data_dir).items():
                print(f"{known:<15} {place}")
        case DataConfig(command=FetchConfig(name, data_dir)):
            from rlnas.fetch import fetch

            logging.basicConfig(format="%(message)s", level=logging.INFO)
            print(f"in {fetch(name, data_dir)}")


def _print_design(record: dict[str, Any], out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    initial = record["initial"]
    table = Table(title=f"Design for {record['dataset']}")
    for name in ("", "initial", "final"):
        table.add_column(name)

    def row(name: str, key: str, form: str) -> None:
        before, after = (
            form.format(side[key]) if key in side else "" for side in (initial, record)
        )
        table.add_row(name, before, after)

    for side in (initial, record):
        side["architecture"] = "-".join(map(str, side["layer_sizes"]))
        side["densities"] = ", ".join(f"{density:.1%}" for density in side["layer_densities"])
    row("architecture", "architecture", "{}")
    row("density per layer", "densities", "{}")
    row("active weights", "active_weights", "{:,}")
    row("validation accuracy", "val_accuracy", "{:.2%}")
    row("score", "score", "{:.4f}")
    row("test accuracy", "test_accuracy", "{:.2%}")
    row("test loss", "test_loss", "{:.4f}")
    Console().print(table)
    print(f"design in {out}")


def _print_scores(scores: dict[str, list[float]]) -> None:
    """Means with standard errors, and how far apart they are."""
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


if __name__ == "__main__":
    sys.exit(main())
