"""The README: its code runs, its commands exist, its folders are there."""

import re
import shlex

import pytest

from rlnas.agents.cli import arguments as cli
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


def test_no_code_of_a_document_writes_to_the_folder_of_another():
    folders = []
    for document in ("README.md", *(path.relative_to(ROOT) for path in ROOT.glob("docs/**/*.md"))):
        for code in fences(document, "python"):
            calls = re.findall(r"\bdesign\(([^)]*)\)", code)
            folders += [
                re.findall('out="(.*?)"', call) or re.findall('dataset="(.*?)"', call)
                for call in calls
            ]
    assert len(folders) >= 4
    assert all(folders)
    assert len({folder for (folder,) in folders}) == len(folders)


def test_the_readme_has_code_and_commands():
    assert len(FENCES) >= 2
    assert len(COMMANDS) >= 5
