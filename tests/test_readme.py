"""The README: its code runs, its commands exist, its folders are there."""

import re
import shlex
from pathlib import Path

import pytest

from rlnas.agents import cli

README = (Path(__file__).parent.parent / "README.md").read_text()
FENCES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = sorted(set(re.findall(r"^    (rlnas [^#\n]*)", README, re.MULTILINE)))


@pytest.mark.parametrize("number", range(len(FENCES)))
def test_the_code_runs(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    short = re.sub(r"\b\d+_000\b", "64", FENCES[number])  # training steps
    exec(compile(short, "README.md", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_parse(command, monkeypatch):
    ran = []
    monkeypatch.setattr(cli, "run", ran.append)
    assert cli.main(shlex.split(command)[1:]) == 0
    assert len(ran) == 1


def test_the_readme_has_code_and_commands():
    assert len(FENCES) >= 2
    assert len(COMMANDS) >= 5
