"""The command line `rlnas`: each command is a dataclass of `rlnas.agents.config` and one call."""

import json
import logging
import statistics
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from rlnas import datasets
from rlnas.agents.config import WORKERS, EvolveConfig, TrainConfig, check_of_ray
from rlnas.agents.data_config import DataConfig, FetchConfig, ListConfig
from rlnas.agents.design_config import (
    AssessConfig,
    DesignConfig,
    DesignsConfig,
    EvaluateConfig,
    ExportConfig,
    PlayConfig,
    ReportConfig,
)
from rlnas.agents.experiment_config import (
    BenchmarkConfig,
    BuildConfig,
    CapacityConfig,
    CardConfig,
    CompareConfig,
    EstimatorsConfig,
    FrontierConfig,
    JobsConfig,
    ScoresConfig,
    StudyConfig,
    TransferConfig,
)
from rlnas.agents.plain_text import plain, plain_console
from rlnas.errors import InputError

if TYPE_CHECKING:
    from rlnas.table import Table

_subcommand = tyro.conf.subcommand

Command = (
    Annotated[TrainConfig, _subcommand("train")]
    | Annotated[EvolveConfig, _subcommand("evolve")]
    | Annotated[DesignConfig, _subcommand("design")]
    | Annotated[EvaluateConfig, _subcommand("evaluate")]
    | Annotated[DesignsConfig, _subcommand("designs")]
    | Annotated[ReportConfig, _subcommand("report")]
    | Annotated[ExportConfig, _subcommand("export")]
    | Annotated[PlayConfig, _subcommand("play")]
    | Annotated[AssessConfig, _subcommand("assess")]
    | Annotated[DataConfig, _subcommand("data")]
    | Annotated[BenchmarkConfig, _subcommand("benchmark")]
    | Annotated[StudyConfig, _subcommand("study")]
    | Annotated[CompareConfig, _subcommand("compare")]
    | Annotated[TransferConfig, _subcommand("transfer")]
    | Annotated[FrontierConfig, _subcommand("frontier")]
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
        with _jobs(config):
            run(config)
    except InputError as error:
        print(f"rlnas: {plain(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print(f"rlnas: {str(error) or 'interrupted'}", file=sys.stderr)
        return 130
    return 0


def run(config: Any) -> None:
    """Carry out one command. Heavy modules are imported by the command that needs them."""
    match config:
        case TrainConfig():
            from rlnas.agents.ppo import resume, train

            where = {name: getattr(config, name) for name in WORKERS}
            if config.resume is None:
                folder = train(config)
            elif config != TrainConfig(resume=config.resume, **where):
                raise InputError("--resume takes all settings from the run: leave out the others")
            else:
                folder = resume(config.resume, **where)
            print(f"controller in {folder}")
            print(f"watch it with: tensorboard --logdir {folder / 'tensorboard'}")
        case EvolveConfig():
            from rlnas.agents.evolution import evolve

            print(f"schedule in {evolve(config)}")
        case DesignConfig():
            from rlnas.agents.design import design

            _print_design(design(config), config.folder)
        case EvaluateConfig():
            from rlnas.agents.design import evaluate_design

            result = evaluate_design(config)
            if config.json:
                print(json.dumps(result))
            else:
                print("\n".join(f"{key:<15} {value}" for key, value in result.items()))
        case DesignsConfig():
            _print_designs(config)
        case ReportConfig():
            from rlnas.agents.report import report

            print(f"report in {report(config)}")
        case ExportConfig():
            from rlnas.agents.design import export_design

            facts = export_design(config)
            print(f"{', '.join(facts['files'])} in {config.folder}")
            print(f"test accuracy {facts['test_accuracy']:.2%}")
            if "flash" in facts:
                print(f"{facts['flash']:,} bytes of constants, {facts['ram']:,} bytes of stack")
        case PlayConfig():
            from rlnas.agents.play import play

            play(config)
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
        case BenchmarkConfig(command=BuildConfig() as asked):
            _build(asked)
        case BenchmarkConfig(command=CardConfig(table, out)):
            from rlnas.table import Table

            _write_card(Table.load(table), out)
        case BenchmarkConfig(command=ScoresConfig() as asked):
            from rlnas.agents.reference_scores import TASKS, reference_scores

            tasks = asked.tasks or tuple(TASKS)
            print(reference_scores(asked.out, tasks, asked.seeds, asked.jobs))
        case StudyConfig(command=EstimatorsConfig() as asked):
            _study_estimators(asked)
        case StudyConfig(command=CapacityConfig() as asked):
            from rlnas.agents.capacity_study import capacity_study

            print(capacity_study(asked))
        case CompareConfig():
            _compare(config)
        case TransferConfig():
            from rlnas.agents.transfer import transfer
            from rlnas.agents.transfer_report import report as transfer_report

            print(transfer_report(transfer(config), config.out))
        case FrontierConfig():
            from rlnas.agents.frontier import frontier
            from rlnas.agents.frontier_report import report as frontier_report

            print(frontier_report(frontier(config), config.dataset, config.folder))
            print(f"plot and designs in {config.folder}")


def _jobs(config: Any) -> AbstractContextManager[None]:
    """Where the work of a command is done."""
    config = getattr(config, "command", config)
    if not isinstance(config, JobsConfig):
        return nullcontext()
    check_of_ray(config, ["address"])
    if config.workers != "ray":
        return nullcontext()
    from rlnas.agents.ray_cluster import ray_jobs

    return ray_jobs(config.address)


def _compare(config: CompareConfig) -> None:
    from rlnas.agents.compare import SearchTask, compare
    from rlnas.agents.comparison_report import report

    task = SearchTask(
        config.table or config.dataset,
        config.table is not None,
        config.penalty,
        config.budget,
        None if config.data_dir is None else str(config.data_dir),
    )
    methods = task.methods if config.methods == ("all",) else config.methods
    results = compare(task, config.out, methods, config.seeds, config.jobs)
    print(report(task, results, config.out))


def _study_estimators(config: EstimatorsConfig) -> None:
    from rlnas.estimator_study import plot, study, written
    from rlnas.files import replace_file
    from rlnas.table import Table

    table = Table.load(config.table)
    data = datasets.load(table.dataset, data_dir=config.data_dir)
    rows = study(table, data, config.sample, config.seed)
    text = written(rows)
    replace_file(config.out / "estimators.md", (text + "\n").encode())
    plot(rows, config.out / "estimators.png")
    print(text)


def _build(config: BuildConfig) -> None:
    from rlnas.grid import Grid
    from rlnas.table_builder import build

    table = build(
        config.dataset,
        config.out,
        grid=Grid(config.widths, config.densities, config.max_depth),
        epochs=config.epochs,
        n_seeds=config.seeds,
        n_jobs=config.jobs,
        data_dir=config.data_dir,
    )
    print(f"table in {config.out / 'table.npz'}")
    _write_card(table, config.out)


def _write_card(table: "Table", out: Path) -> None:
    from rlnas.files import replace_file
    from rlnas.table_card import data_card, picture

    replace_file(out / "card.md", data_card(table).encode())
    replace_file(out / "front.png", picture(table))
    print(f"data card in {out / 'card.md'}, plot in {out / 'front.png'}")


def _print_design(record: dict[str, Any], out: Path) -> None:
    from rich.table import Table

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
        side["architecture"] = "-".join(map(str, side["layer_sizes"]))
        side["densities"] = ", ".join(f"{density:.1%}" for density in side["layer_densities"])
    row("architecture", "architecture", "{}")
    row("density per layer", "densities", "{}")
    row("active weights", "active_weights", "{:,}")
    row("validation accuracy", "val_accuracy", "{:.2%}")
    row("score", "score", "{:.4f}")
    row("test accuracy", "test_accuracy", "{:.2%}")
    row("test loss", "test_loss", "{:.4f}")
    plain_console().print(table)
    print(f"design in {out}")


def _print_designs(config: DesignsConfig) -> None:
    from rich.table import Table

    from rlnas.archive import FILE, DesignArchive

    if config.limit < 1:
        raise InputError(f"--limit {config.limit}: expected at least 1")
    archive = DesignArchive(config.run_dir / FILE)
    if config.front:
        designs = archive.front(config.max_weights, config.dataset)[: config.limit]
    else:
        designs = archive.best(config.limit, config.max_weights, config.dataset)
    table = Table()
    names = ("step", "data set", "penalty", "score", "accuracy", "weights", "architecture", "edit")
    for name in names:
        table.add_column(name)
    for design in designs:
        table.add_row(
            f"{design.timestep:,}",
            plain(design.dataset),
            f"{design.penalty:.3g}",
            f"{design.score:.4f}",
            f"{design.val_accuracy:.2%}",
            f"{design.active_weights:,}",
            "-".join(map(str, design.layer_sizes)),
            plain(design.action),
        )
    plain_console().print(table)


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
