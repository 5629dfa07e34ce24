"""The grammar of the command line: mistyped commands, help, --quiet and --version."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import rlnas
from rlnas.agents.cli.arguments import COMMANDS, GROUPS, parse
from rlnas.agents.cli.data_config import FetchConfig, ListConfig
from rlnas.agents.cli.design_config import DesignConfig, DesignsConfig
from rlnas.agents.cli.experiment_config import TransferConfig
from rlnas.agents.cli.main import main
from rlnas.agents.config import SHIPPED, SHIPPED_EDIT_SEQUENCE, TrainConfig
from tests.snippets import ROOT

WHOLE = [
    f"{name} {inner}" if inner else name
    for name, kind in COMMANDS.items()
    for inner in (kind if name in GROUPS else [""])
]
"""Every command, with its group."""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("trian", "unknown command 'trian': did you mean train?"),
        ("--quiet desing --seed 3", "unknown command 'desing': did you mean design?"),
        ("data fech mnist", "unknown command 'data fech': did you mean fetch?"),
        ("benchmark --quiet bild --help", "unknown command 'benchmark bild': did you mean build?"),
        ("study xyz", "unknown command 'study xyz': expected estimators, width, depth"),
        ("study --quiet", "no command after 'rlnas study': expected estimators, width, depth"),
        ("data fetch x", "'x' is not an IDX data set: expected mnist or fashion_mnist"),
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
    for words in (["--nonsense", "3"], ["--help"]):
        with pytest.raises(SystemExit):
            parse([*command.split(), *words])
    printed = "".join(capsys.readouterr())
    assert f"usage: rlnas {command} [-h]" in printed
    assert "--quiet" in printed
    for leak in ("command.", "{None}", "None", str(Path(rlnas.__file__).parent), str(SHIPPED)):
        assert leak not in printed


def test_help_tells_that_a_higher_price_may_end_with_more_weights(capsys):
    with pytest.raises(SystemExit):
        parse(["design", "--help"])
    shown = re.sub(r"[\s│]+", " ", capsys.readouterr().out)
    told = "one episode is one noisy search, and may end with more all the same (docs/price.md)"
    assert told in shown
    assert (ROOT / "docs" / "price.md").is_file()


def test_help_names_the_controller_in_words_and_python_has_its_folder(capsys):
    with pytest.raises(SystemExit):
        parse(["design", "--help"])
    shown = re.sub(r"[\s│]+", " ", capsys.readouterr().out)
    assert (
        "--policy PATH Run folder of `rlnas train`; by default the controller that comes" in shown
    )
    assert DesignConfig().policy == SHIPPED
    assert TransferConfig(out=Path("out")).policies == (SHIPPED, SHIPPED_EDIT_SEQUENCE)


@pytest.mark.parametrize(
    "words",
    ["design --seed 3 --quiet", "--quiet design --seed 3", "design --quiet --seed 3"],
)
def test_quiet_may_stand_anywhere(words):
    assert parse(words.split()) == (DesignConfig(seed=3), True)


@pytest.mark.parametrize(
    ("words", "config"),
    [
        ("design", DesignConfig()),
        ("train --seed 5", TrainConfig(seed=5)),
        ("designs run --json", DesignsConfig(Path("run"), json=True)),
        ("data list", ListConfig()),
        ("data fetch mnist --data-dir d", FetchConfig("mnist", Path("d"))),
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
