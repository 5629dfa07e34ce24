"""The grammar of the command line: its commands, and the options that all of them take.

This module imports nothing heavy, so that `rlnas --help` answers at once.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import field, fields, make_dataclass
from difflib import get_close_matches
from functools import reduce
from itertools import takewhile
from operator import getitem, or_
from typing import Annotated, Any, get_type_hints

import tyro

from rlnas.agents.cli.commands.benchmark.build import BenchmarkBuild
from rlnas.agents.cli.commands.benchmark.build_family import BenchmarkBuildFamily
from rlnas.agents.cli.commands.benchmark.card import BenchmarkCard
from rlnas.agents.cli.commands.benchmark.check import BenchmarkCheck
from rlnas.agents.cli.commands.benchmark.compare import BenchmarkCompare
from rlnas.agents.cli.commands.benchmark.evaluate import BenchmarkEvaluate
from rlnas.agents.cli.commands.benchmark.first_score import BenchmarkFirstScore
from rlnas.agents.cli.commands.benchmark.fit_rivals import BenchmarkFitRivals
from rlnas.agents.cli.commands.benchmark.rivals import BenchmarkRivals
from rlnas.agents.cli.commands.benchmark.scoreboard import BenchmarkScoreboard
from rlnas.agents.cli.commands.benchmark.scores import BenchmarkScores
from rlnas.agents.cli.commands.benchmark.train_rival import BenchmarkTrainRival
from rlnas.agents.cli.commands.compare import Compare
from rlnas.agents.cli.commands.data.describe import DataDescribe
from rlnas.agents.cli.commands.data.fetch import DataFetch
from rlnas.agents.cli.commands.data.list import DataList
from rlnas.agents.cli.commands.design import Design
from rlnas.agents.cli.commands.designs import Designs
from rlnas.agents.cli.commands.evaluate import Evaluate
from rlnas.agents.cli.commands.evaluate_policy import EvaluatePolicy
from rlnas.agents.cli.commands.evolve import Evolve
from rlnas.agents.cli.commands.export import Export
from rlnas.agents.cli.commands.film import Film
from rlnas.agents.cli.commands.frontier import Frontier
from rlnas.agents.cli.commands.play import Play
from rlnas.agents.cli.commands.predict import Predict
from rlnas.agents.cli.commands.report import Report
from rlnas.agents.cli.commands.study.capacity import StudyDepth, StudyWidth
from rlnas.agents.cli.commands.study.decisions import StudyDecisions
from rlnas.agents.cli.commands.study.estimators import StudyEstimators
from rlnas.agents.cli.commands.study.learning import StudyLearning
from rlnas.agents.cli.commands.study.limits import StudyLimits
from rlnas.agents.cli.commands.study.tables import StudyTables
from rlnas.agents.cli.commands.train import Train
from rlnas.agents.cli.commands.transfer import Transfer
from rlnas.agents.cli.refusals import Grammar, refusals_in_a_line
from rlnas.agents.option_types import RULES
from rlnas.agents.table_settings import Names
from rlnas.errors import InputError

GROUPS = {
    "data": "Name data sets, download one, describe a table.",
    "benchmark": "Evaluate policies on many tasks, build tables, measure reference scores.",
    "study": "Studies with a table and a plot.",
}
"""Words that a further word makes a command, and what they are about."""

COMMANDS: dict[str, Any] = {
    "train": Train,
    "evolve": Evolve,
    "design": Design,
    "predict": Predict,
    "evaluate": Evaluate,
    "designs": Designs,
    "report": Report,
    "film": Film,
    "export": Export,
    "play": Play,
    "evaluate-policy": EvaluatePolicy,
    "data": {"describe": DataDescribe, "list": DataList, "fetch": DataFetch},
    "benchmark": {
        "build": BenchmarkBuild,
        "build-family": BenchmarkBuildFamily,
        "card": BenchmarkCard,
        "check": BenchmarkCheck,
        "compare": BenchmarkCompare,
        "evaluate": BenchmarkEvaluate,
        "first-score": BenchmarkFirstScore,
        "fit-rivals": BenchmarkFitRivals,
        "rivals": BenchmarkRivals,
        "scoreboard": BenchmarkScoreboard,
        "scores": BenchmarkScores,
        "train-rival": BenchmarkTrainRival,
    },
    "study": {
        "estimators": StudyEstimators,
        "width": StudyWidth,
        "depth": StudyDepth,
        "decisions": StudyDecisions,
        "learning": StudyLearning,
        "tables": StudyTables,
        "limits": StudyLimits,
    },
    "compare": Compare,
    "transfer": Transfer,
    "frontier": Frontier,
}
"""The class of each command; of a group, the commands in it."""

DESCRIPTION = """Compact neural networks designed by reinforcement learning.
A command with --help explains its options; `rlnas --version` prints the version."""

_QUIET = tyro.conf.arg(help="Print results and errors, but no progress.", help_behavior_hint="")


def parse(words: Sequence[str]) -> tuple[Any, bool] | None:
    """Parse a command line.

    Args:
        words: Words of the command line, without the name of the program.

    Returns:
        The command with its options, and whether it is to be quiet; None for the version.

    Raises:
        InputError: There is no command, no such command, or options cannot be used.
        SystemExit: After help.
    """
    if "--version" in takewhile(_is_option, words):
        return None
    if "--quiet" in words:  # which may stand before the command, too
        words = [*(word for word in words if word != "--quiet"), "--quiet"]
    command = _command(words, COMMANDS)
    with refusals_in_a_line(_grammar(command), words) if command else nullcontext():
        asked = tyro.cli(
            _choice(COMMANDS),
            prog="rlnas",
            description=DESCRIPTION,
            args=words,
            config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.FlagCreatePairsOff),
            registry=RULES,
        )
    kind: Any = type(asked).__base__
    values = {each.name: getattr(asked, each.name) for each in fields(kind)}
    if "typed" in values:
        values["typed"] = frozenset(words)
    return kind(**values), asked.quiet


def _choice(commands: dict[str, Any]) -> Any:
    """The union of classes that tyro chooses a command from."""
    kinds = (
        Annotated[_choice(kind), tyro.conf.subcommand(name, description=GROUPS[name])]
        if name in GROUPS
        else Annotated[_with_quiet(kind), tyro.conf.subcommand(name)]
        for name, kind in commands.items()
    )
    return reduce(or_, kinds)


def _with_quiet(kind: type) -> type:
    """A command with the option --quiet, which all commands share."""
    quiet = ("quiet", Annotated[bool, _QUIET], field(default=False, kw_only=True))
    doc = {"__doc__": kind.__doc__}
    return make_dataclass(kind.__name__, [quiet], bases=(kind,), namespace=doc, frozen=True)


def _is_option(word: str) -> bool:
    return word.startswith("-")


def _grammar(command: list[str]) -> Grammar:
    """What a command can be told."""
    kind: Any = reduce(getitem, command, COMMANDS)
    types = get_type_hints(kind, include_extras=True)
    options, repeated, arguments = ["--quiet", "--help"], [], {}
    for each in fields(kind):
        marks = getattr(types[each.name], "__metadata__", ())
        if tyro.conf.Suppress in marks:
            continue
        if tyro.conf.Positional in marks:
            shown = (getattr(mark, "metavar", None) for mark in marks)
            arguments[each.name] = next(filter(None, shown), each.name)
        else:
            options.append("--" + each.name.replace("_", "-"))
            repeated += options[-1:] if types[each.name] == Names else []
    return Grammar(" ".join(["rlnas", *command]), options, repeated, arguments)


def _command(words: Sequence[str], commands: dict[str, Any], group: str = "") -> list[str]:
    """The command of a command line; nothing if its help is asked for.

    Args:
        words: The command line, or what follows the group.
        commands: Those there are.
        group: With a space, such as "data ".

    Raises:
        InputError: There is no command that exists; the message names the one that is meant.
    """
    names = [word for word in words if not _is_option(word)]
    expected = f"expected {', '.join(commands)}"
    if not names:
        if {"-h", "--help"}.isdisjoint(words):
            raise InputError(f"no command after '{f'rlnas {group}'.strip()}': {expected}")
        return []
    if names[0] not in commands:
        close = get_close_matches(names[0], commands, n=1)
        hint = f"did you mean {close[0]}?" if close else expected
        raise InputError(f"unknown command '{group}{names[0]}': {hint}")
    after = words[words.index(names[0]) + 1 :]
    if names[0] in GROUPS:
        inner = _command(after, commands[names[0]], f"{group}{names[0]} ")
        return [names[0], *inner] if inner else []
    return [] if {"-h", "--help"} & {*after} else [names[0]]
