"""The README: its code runs, its commands exist, its folders are there."""

import re
import shlex

import pytest

from rlnas.agents.cli import main as cli
from tests.snippets import ROOT, fences, run

README = (ROOT / "README.md").read_text()
FENCES = fences("README.md", "python")
COMMANDS = sorted(set(re.findall(r"^    (rlnas [^#\n]*)", README, re.MULTILINE)))


@pytest.mark.parametrize("number", range(len(FENCES)))
def test_the_code_runs(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(FENCES[number], "README.md")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_parse(command):
    found = cli.parse(shlex.split(command)[1:])
    assert found is not None
    assert hasattr(found[0], "run")


def test_the_readme_has_code_and_commands():
    assert len(FENCES) >= 2
    assert len(COMMANDS) >= 5
