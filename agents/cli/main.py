"""The command line `rlnas`: each command of `rlnas.agents.cli.arguments` is one call."""

import json
import logging
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlnas import __version__
from rlnas.agents.cli.arguments import parse
from rlnas.agents.cli.data_config import FetchConfig, ListConfig
from rlnas.agents.cli.design_config import (
    AssessConfig,
    DesignConfig,
    DesignsConfig,
    EvaluateConfig,
    ExportConfig,
    PlayConfig,
    ReportConfig,
)
from rlnas.agents.cli.experiment_config import (
    BuildConfig,
    CapacityConfig,
    CardConfig,
    CompareConfig,
    EstimatorsConfig,
    FrontierConfig,
    JobsConfig,
    ScoresConfig,
    TransferConfig,
)
from rlnas.agents.cli.streams import LastingStreams
from rlnas.agents.config import WORKERS, EvolveConfig, TrainConfig, check_of_ray
from rlnas.data import datasets
from rlnas.errors import InputError
from rlnas.files.plain_text import plain

if TYPE_CHECKING:
    from rlnas.tabular.table import Table


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; bad input is one line on standard error and exit code 2."""
    with LastingStreams():
        return _obey(sys.argv[1:] if arguments is None else arguments)


def _obey(words: Sequence[str]) -> int:
    try:
        asked = parse(words)
        if asked is None:
            print(f"rlnas {__version__}")
            return 0
        config, quiet = asked
        with _jobs(config):
            run(config, quiet)
    except InputError as error:
        print(f"rlnas: {plain(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as error:
        print(f"rlnas: {str(error) or 'interrupted'}", file=sys.stderr)
        return 130
    return 0


def run(config: Any, quiet: bool = False) -> None:
    """Carry out one command. Heavy modules are imported by the command that needs them.

    Args:
        config: of the command.
        quiet: print results, but no progress.
    """
    shown = not quiet
    match config:
        case TrainConfig():
            from rlnas.agents.training.ppo import resume, train

            where = {name: getattr(config, name) for name in WORKERS}
            if config.resume is None:
                folder = train(config, shown)
            elif config != TrainConfig(resume=config.resume, **where):
                raise InputError("--resume takes all settings from the run: leave out the others")
            else:
                folder = resume(config.resume, shown, **where)
            from rlnas.agents.designing.evaluation import best_of_run

            print(f"controller in {folder}")
            print(best_of_run(folder))
            if shown:
                print(f"watch it with: tensorboard --logdir {folder / 'tensorboard'}")
        case EvolveConfig():
            from rlnas.agents.search.evolution import evolve

            print(f"edit sequence in {evolve(config, shown)}")
        case DesignConfig():
            from rlnas.agents.cli.printing import print_design
            from rlnas.agents.designing.design import design

            record = design(config, shown)
            print_design(record, config.folder_for(record["dataset"]))
        case EvaluateConfig():
            from rlnas.agents.cli.printing import print_evaluation
            from rlnas.agents.designing.evaluation import evaluate_design

            result = evaluate_design(config)
            if config.json:
                print(json.dumps(result))
            else:
                print_evaluation(result)
        case DesignsConfig():
            _print_designs(config)
        case ReportConfig():
            from rlnas.agents.designing.report import write_report

            print(f"report in {write_report(config)}")
        case ExportConfig():
            from rlnas.agents.designing.evaluation import export_design

            facts = export_design(config)
            print(f"{', '.join(facts['files'])} in {config.folder}")
            if "test_accuracy" in facts:
                print(f"test accuracy {facts['test_accuracy']:.2%}")
            if "flash" in facts:
                print(f"{facts['flash']:,} bytes of constants, {facts['ram']:,} bytes of stack")
        case PlayConfig():
            from rlnas.agents.cli.play import play

            play(config)
        case AssessConfig():
            from rlnas.agents.cli.printing import print_scores
            from rlnas.agents.designing.design import evaluate_policy

            print_scores(evaluate_policy(config, shown))
        case ListConfig(data_dir):
            for known, place in datasets.places(data_dir).items():
                print(f"{known:<15} {place}")
        case FetchConfig(name, data_dir):
            from rlnas.data.download import fetch

            if shown:
                logging.basicConfig(format="%(message)s", level=logging.INFO)
            print(f"in {fetch(name, data_dir, shown)}")
        case BuildConfig():
            _build(config, shown)
        case CardConfig(table, out):
            from rlnas.tabular.table import Table

            _write_card(Table.load(table), out)
        case ScoresConfig():
            from rlnas.agents.experiments.reference_scores import TASKS, reference_scores

            tasks = config.tasks or tuple(TASKS)
            print(reference_scores(config.out, tasks, config.seeds, config.jobs, shown))
        case EstimatorsConfig():
            _study_estimators(config, shown)
        case CapacityConfig():
            from rlnas.agents.experiments.capacity import capacity_study

            print(capacity_study(config, shown))
        case CompareConfig():
            _compare(config, shown)
        case TransferConfig():
            from rlnas.agents.experiments.transfer import transfer
            from rlnas.agents.experiments.transfer_report import write_report as transfer_report

            print(transfer_report(transfer(config, shown), config.out))
        case FrontierConfig():
            from rlnas.agents.experiments.frontier import frontier
            from rlnas.agents.experiments.frontier_report import write_report as frontier_report

            print(frontier_report(frontier(config, shown), config.dataset, config.folder))
            print(f"plot and designs in {config.folder}")


def _jobs(config: Any) -> AbstractContextManager[None]:
    """Where the work of a command is done."""
    if not isinstance(config, JobsConfig):
        return nullcontext()
    check_of_ray(config, ["address"])
    if config.workers != "ray":
        return nullcontext()
    from rlnas.agents.distributed.ray_cluster import ray_jobs

    return ray_jobs(config.address)


def _compare(config: CompareConfig, shown: bool) -> None:
    from rlnas.agents.experiments.compare import SearchTask, compare
    from rlnas.agents.experiments.compare_report import write_report

    task = SearchTask(
        config.table or config.dataset,
        config.table is not None,
        config.penalty,
        config.budget,
        None if config.data_dir is None else str(config.data_dir),
    )
    methods = task.methods if config.methods == ("all",) else config.methods
    results = compare(task, config.out, methods, config.seeds, config.jobs, shown)
    print(write_report(task, results, config.out))


def _study_estimators(config: EstimatorsConfig, shown: bool) -> None:
    from rlnas.agents.experiments.estimators import plot, study, written
    from rlnas.files.atomic import replace_file
    from rlnas.tabular.table import Table

    table = Table.load(config.table)
    data = datasets.load_dataset(table.dataset, data_dir=config.data_dir)
    rows = study(table, data, config.sample, config.seed, shown)
    text = written(rows)
    replace_file(config.out / "estimators.md", (text + "\n").encode())
    plot(rows, config.out / "estimators.png")
    print(text)


def _build(config: BuildConfig, shown: bool) -> None:
    from rlnas.tabular.builder import build_table
    from rlnas.tabular.grid import Grid

    table = build_table(
        config.dataset,
        config.out,
        grid=Grid(config.widths, config.densities, config.max_depth),
        epochs=config.epochs,
        n_seeds=config.seeds,
        n_jobs=config.jobs,
        data_dir=config.data_dir,
        progress_bar=shown,
    )
    print(f"table in {config.out / 'table.npz'}")
    _write_card(table, config.out)


def _write_card(table: "Table", out: Path) -> None:
    from rlnas.files.atomic import replace_file
    from rlnas.tabular.card import data_card, picture

    replace_file(out / "card.md", data_card(table).encode())
    replace_file(out / "front.png", picture(table))
    print(f"data card in {out / 'card.md'}, plot in {out / 'front.png'}")


def _print_designs(config: DesignsConfig) -> None:
    from rlnas.agents.cli.printing import print_designs
    from rlnas.designs.database import FILE, DesignDatabase

    if config.limit < 1:
        raise InputError(f"--limit {config.limit}: expected at least 1")
    archive = DesignDatabase(config.run_dir / FILE)
    if config.front:
        designs = archive.front(config.max_weights, config.dataset)[: config.limit]
    else:
        designs = archive.best(config.limit, config.max_weights, config.dataset)
    if config.save is not None:
        from rlnas.agents.designing.archived_design import save_archived

        row, folder = config.save
        if not 1 <= row <= len(designs):
            raise InputError(f"--save {row}: expected a row from 1 to {len(designs)}")
        save_archived(config.run_dir, designs[row - 1], folder)
        print(f"design in {folder}")
    elif config.json:
        facts = [asdict(design) for design in designs]
        for each in facts:
            del each["start"]  # which is of use to `save_archived` alone
        print(json.dumps(facts))
    else:
        print_designs(designs, archive.extent()[0])


if __name__ == "__main__":
    sys.exit(main())
