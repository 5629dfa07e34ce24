"""The README: its code runs, its commands exist, its folders are there."""

import re
import shlex

import pytest

from rlnas.agents.cli.main import main
from tests.snippets import ROOT, fences, run

README = (ROOT / "README.md").read_text()
FENCES = fences("README.md", "python")
COMMANDS = sorted(set(re.findall(r"^    (rlnas [^#\n]*)", README, re.MULTILINE)))


@pytest.mark.parametrize("number", range(len(FENCES)))
def test_the_code_runs(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(FENCES[number], "README.md")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_parse(command, monkeypatch):
    ran = []
    monkeypatch.setattr(main, "run", lambda config, quiet: ran.append(config))
    assert main.main(shlex.split(command)[1:]) == 0
    assert len(ran) == 1


def test_the_readme_has_code_and_commands():
    assert len(FENCES) >= 2
    assert len(COMMANDS) >= 5
