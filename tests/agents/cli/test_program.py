"""The program `rlnas` as a process: Ctrl-C at any time is one line and exit code 130."""

import signal
import subprocess
import sys
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest

from rlnas.agents.cli.commands import design as module
from rlnas.agents.cli.main import main
from rlnas.designs.saved import load_design
from tests.snippets import ROOT

INTERRUPTED = """
import os, signal, sys
from rlnas.agents.cli import program
module, ignored, *sys.argv[1:] = sys.argv[1:]
class Finder:
    def find_spec(self, name, *_):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
if ignored:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.exit(program.main())
"""


def interrupted(module: str, *words: str) -> tuple[int, str, str]:
    """What the program does if it is interrupted where a module is imported."""
    command = [sys.executable, "-c", INTERRUPTED, module, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("where", ["tyro", "rlnas.agents.designing.design"])
def test_an_interrupt_while_modules_are_loaded_is_one_line_and_130(where, tmp_path):
    words = ["design", "wine", "--out", str(tmp_path / "out")]
    assert interrupted(where, "", *words) == (130, "", "rlnas: interrupted\n")


def test_a_program_that_ignores_interrupts_goes_on():
    code, printed, told = interrupted("tyro", "ignored", "--version")
    assert (code, told) == (0, "")
    assert printed.startswith("rlnas ")


def test_the_program_that_is_installed_is_the_one_that_is_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"rlnas": "rlnas.agents.cli.program:main"}


def test_an_interrupt_that_a_library_loses_is_one_line_and_130(monkeypatch, capsys):
    def lose(*_: object, **__: object) -> None:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        raise RuntimeError("no compiled object yet")

    monkeypatch.setattr(module.Design, "run", lose)
    assert main(["design", "wine"]) == 130
    assert capsys.readouterr() == ("", "rlnas: interrupted\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_after_a_design_is_complete_says_where_it_is(
    run, tmp_path: Path, monkeypatch, capsys
):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "print_design", interrupt)
    out = tmp_path / "design"
    assert main(["design", "--policy", str(run), "--out", str(out), "--quiet"]) == 130
    assert capsys.readouterr() == ("", f"rlnas: interrupted, but the design in {out} is complete\n")
    load_design(out)
