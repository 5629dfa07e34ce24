"""The grammar of the command line: mistyped commands, help, --quiet and --version."""

import inspect
import os
import re
import subprocess
import sys
from dataclasses import fields
from functools import reduce
from io import BytesIO, TextIOWrapper
from operator import getitem
from pathlib import Path
from typing import get_type_hints

import pytest
import tyro

import rlnas
from rlnas.agents.cli.arguments import COMMANDS, GROUPS, parse
from rlnas.agents.cli.commands.benchmark.build import BenchmarkBuild
from rlnas.agents.cli.commands.data.fetch import DataFetch
from rlnas.agents.cli.commands.data.list import DataList
from rlnas.agents.cli.commands.design import Design
from rlnas.agents.cli.commands.designs import Designs
from rlnas.agents.cli.commands.evaluate import Evaluate
from rlnas.agents.cli.commands.evaluate_policy import EvaluatePolicy
from rlnas.agents.cli.commands.export import Export
from rlnas.agents.cli.commands.frontier import Frontier
from rlnas.agents.cli.commands.report import Report
from rlnas.agents.cli.commands.study.capacity import StudyWidth
from rlnas.agents.cli.commands.study.estimators import StudyEstimators
from rlnas.agents.cli.commands.study.limits import StudyLimits
from rlnas.agents.cli.commands.study.tables import StudyTables
from rlnas.agents.cli.commands.train import Train
from rlnas.agents.cli.commands.transfer import Transfer
from rlnas.agents.cli.main import main
from rlnas.agents.config import SHIPPED
from rlnas.agents.designing.design import design, evaluate_policy
from rlnas.agents.designing.evaluation import evaluate_design, export_design
from rlnas.agents.experiments.capacity import capacity_study
from rlnas.agents.experiments.estimators import estimator_study
from rlnas.agents.experiments.frontier import frontier
from rlnas.agents.experiments.tables.limits import study_limits
from rlnas.agents.experiments.tables.study import study_tables
from rlnas.agents.experiments.transfer import transfer
from rlnas.agents.reports.report import write_report
from rlnas.agents.table_settings import Names
from rlnas.errors import InputError
from rlnas.tabular.builder import build_table
from tests.snippets import ROOT

WHOLE = [
    f"{name} {inner}" if inner else name
    for name, kind in COMMANDS.items()
    for inner in (kind if name in GROUPS else [""])
]
"""Every command, with its group."""

STUDIES = ", ".join(COMMANDS["study"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("trian", "unknown command 'trian': did you mean train?"),
        ("--quiet desing --seed 3", "unknown command 'desing': did you mean design?"),
        ("data fech mnist", "unknown command 'data fech': did you mean fetch?"),
        ("benchmark --quiet bild --help", "unknown command 'benchmark bild': did you mean build?"),
        ("study xyz", f"unknown command 'study xyz': expected {', '.join(COMMANDS['study'])}"),
        (
            "study --quiet",
            f"no command after 'rlnas study': expected {', '.join(COMMANDS['study'])}",
        ),
        ("data fetch x", "'x' is nothing to fetch: expected mnist, fashion_mnist, usps, keel, uci"),
    ],
)
def test_a_mistyped_command_is_told_the_one_that_is_meant(words, told, capsys):
    assert main(words.split()) == 2
    assert capsys.readouterr() == ("", f"rlnas: {told}\n")


@pytest.mark.parametrize("words", [[], ["xyz"]])
def test_without_a_command_all_are_told_in_one_line(words, capsys):
    assert main(words) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert all(name in told for name in COMMANDS)


@pytest.mark.parametrize("command", WHOLE)
def test_errors_and_help_speak_as_the_user_does(command, capsys):
    with pytest.raises(SystemExit):
        parse([*command.split(), "--help"])
    printed = capsys.readouterr().out
    with pytest.raises(InputError) as refusal:
        parse([*command.split(), "--nonsense"])
    told = str(refusal.value)
    assert told == f"unknown option --nonsense (see `rlnas {command} --help`)"
    assert f"usage: rlnas {command} [-h]" in printed
    assert "--quiet" in printed
    for leak in ("command.", "{None}", "None", str(Path(rlnas.__file__).parent), str(SHIPPED)):
        assert leak not in printed


REFUSED = {
    "design --max-bytes 2kb": "--max-bytes '2kb' cannot be used: expected a whole number",
    "design --max-weights 0.5": "--max-weights '0.5' cannot be used: expected a whole number",
    "design --min-accuracy best": "--min-accuracy 'best' cannot be used: expected a number",
    "design --format onnx": "--format 'onnx' cannot be used: expected 'c', 'c-int8', 'c-int'",
    "design --seed": "--seed has no value: give one",
    "design --maxweights 3": "unknown option --maxweights: did you mean --max-weights?",
    "design --max_weigths=3": "unknown option --max_weigths: did you mean --max-weights?",
    "design wine --weights w rent": "unexpected 'rent': expected options",
    "design wine --drop w rent": (
        "unexpected 'rent': expected options, and --drop again for each further value"
    ),
    "designs": "RUN_DIR is missing",
    "designs --json": "RUN_DIR is missing",
    "predict --nonsense": "unknown option --nonsense",
    "designs run --save 3": "--save has too few values: expected 2",
    "designs run --save a b": "--save 'a', 'b' cannot be used: expected INT PATH",
    "export": "DESIGN, --format {c,c-int,c-int8,npz,onnx,safetensors,torch} are missing",
    "export folder --fromat c": "unknown option --fromat: did you mean --format?",
    "data fetch": "NAME is missing",
    "train --width 8 wine": (
        "--width '8', 'wine' cannot be used: expected whole numbers, with other words before the "
        "option"
    ),
}


@pytest.mark.parametrize("words", REFUSED)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("columns", ["20", "200"])
def test_options_that_cannot_be_used_are_told_in_one_line(
    words, columns, encoding, capsys, monkeypatch
):
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(BytesIO(), encoding))
    monkeypatch.setenv("COLUMNS", columns)
    assert main(words.split()) == 2
    command = " ".join(words.split()[: 2 if words.startswith("data") else 1])
    told = f"rlnas: {REFUSED[words]} (see `rlnas {command} --help`)\n"
    assert capsys.readouterr() == ("", told)
    assert os.environ["COLUMNS"] == columns


@pytest.mark.parametrize("command", WHOLE)
def test_no_list_of_texts_takes_an_argument_that_follows_it(command):
    kind = reduce(getitem, command.split(), COMMANDS)
    types = get_type_hints(kind, include_extras=True)
    positional = [
        name for name, hint in types.items()
        if tyro.conf.Positional in getattr(hint, "__metadata__", ())
    ]  # fmt: skip
    lists = {
        name for name, hint in types.items() if re.search(r"tuple\[(str|.*Path), \.", str(hint))
    }
    repeated = {name for name, hint in types.items() if hint == Names}
    assert not positional or lists - {*positional} == repeated


OTHER_NAMES = {"source": "dataset", "sources": "datasets", "n_seeds": "seeds", "n_jobs": "jobs"}
"""Parameters of functions whose options have other names."""


def test_help_tells_that_a_higher_price_may_end_with_more_weights(capsys):
    with pytest.raises(SystemExit):
        parse(["design", "--help"])
    shown = re.sub(r"[\s│]+", " ", capsys.readouterr().out)
    told = "one episode is one noisy search and may still end with more (docs/price.md)"
    assert told in shown
    assert (ROOT / "docs" / "price.md").is_file()


def test_help_names_the_controller_in_words_and_python_has_its_folder(capsys):
    with pytest.raises(SystemExit):
        parse(["design", "--help"])
    shown = re.sub(r"[\s│]+", " ", capsys.readouterr().out)
    assert "--policy PATH Run folder of `rlnas train`; by default the policy that comes" in shown
    assert StudyTables(out=Path("out")).policy == SHIPPED


@pytest.mark.parametrize(
    "words",
    ["design --seed 3 --quiet", "--quiet design --seed 3", "design --quiet --seed 3"],
)
def test_quiet_may_stand_anywhere(words):
    assert parse(words.split()) == (Design(seed=3), True)


@pytest.mark.parametrize(
    ("words", "config"),
    [
        ("design", Design()),
        ("train --seed 5", Train(seed=5)),
        ("designs run --json", Designs(Path("run"), json=True)),
        ("data list", DataList()),
        ("data fetch mnist --data-dir d", DataFetch("mnist", Path("d"))),
    ],
)
def test_settings_are_those_of_the_command_alone(words, config):
    parsed, quiet = parse(words.split()) or (None, None)
    assert (parsed, quiet) == (config, False)
    assert type(parsed) is type(config)


@pytest.mark.parametrize("words", [["--version"], ["--quiet", "--version"]])
def test_version_is_one_line(words, capsys):
    assert main(words) == 0
    assert capsys.readouterr().out == f"rlnas {rlnas.__version__}\n"


def test_version_imports_nothing_heavy():
    code = (
        "import sys; from rlnas.agents.cli.main import main; main(['--version'])\n"
        "print(*(set(sys.modules) & {'torch', 'numba', 'sklearn', 'matplotlib', 'rich', 'tqdm'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"rlnas {rlnas.__version__}\n\n"


@pytest.mark.parametrize(
    ("command", "function"),
    [
        (Design, design),
        (Evaluate, evaluate_design),
        (EvaluatePolicy, evaluate_policy),
        (Export, export_design),
        (Report, write_report),
        (Transfer, transfer),
        (Frontier, frontier),
        (StudyEstimators, estimator_study),
        (StudyWidth, capacity_study),
        (StudyTables, study_tables),
        (StudyLimits, study_limits),
        (BenchmarkBuild, build_table),
    ],
)
def test_defaults_of_a_command_equal_those_of_its_function(command, function):
    options = {each.name: each.default for each in fields(command)}
    defaults = {
        OTHER_NAMES.get(name, name): parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    shared = defaults.keys() & options.keys()
    assert len(shared) >= 2
    assert {name: defaults[name] for name in shared} == {name: options[name] for name in shared}
