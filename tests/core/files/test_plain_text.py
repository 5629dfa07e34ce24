"""Names of strangers in the terminal: shown letter by letter, whatever rich or a terminal reads."""

from dataclasses import replace

import numpy as np
import pytest

from rlnas.agents.cli.commands.data.list import DataList
from rlnas.agents.cli.commands.design import print_design
from rlnas.agents.cli.commands.play import QUIT, Play
from rlnas.agents.cli.main import main
from rlnas.agents.designing.design import Designed, design
from rlnas.agents.policies.policy import save_edit_sequence
from rlnas.agents.policies.run_config import as_json
from rlnas.designs.database import FILE, DesignDatabase, DesignRecord
from rlnas.errors import InputError
from rlnas.files.json_files import write_json
from rlnas.files.plain_text import plain, plain_console
from tests.agents.helpers import tiny

EVIL = ["[/]", "[red]evil[bold]", ":smile:", "a\x1b[31mb", "\x1b]0;title\x07", "\u202etxt", "a\nb"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Größe 数 😀 [x]", "Größe 数 😀 [x]"),
        ("\x1b[31m", r"\x1b[31m"),
        ("a\r\nb\t\x07\x9b", r"a\r\nb\t\x07\x9b"),
        ("\u202e\u2028\udc80", r"\u202e\u2028\udc80"),
    ],
)
def test_unprintable_characters_are_escaped(text, shown):
    assert plain(text) == shown
    shown.encode()


def test_console_interprets_no_markup(capsys):
    plain_console().print("[red]a[/] :smile: [bold]")
    assert capsys.readouterr().out == "[red]a[/] :smile: [bold]\n"


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.parametrize("front", [False, True])
def test_designs_shows_names_as_they_are(name, front, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    design = DesignRecord(8, 0, name, 0.1, 0.8, 0.9, 0.2, 100, (13, 4, 3), "none")
    DesignDatabase(tmp_path / FILE).add([design, replace(design, timestep=9, dataset="x")])
    assert main(["designs", str(tmp_path), *(["--front"] if front else [])]) == 0
    shown = capsys.readouterr().out
    assert shown.count(plain(name)) == 1
    assert "\x1b" not in shown
    assert shown.replace("\n", "").isprintable()


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Designed:
    out = tmp_path_factory.mktemp("made") / "design"
    return design(dataset="wine", out=out, progress_bar=False)


@pytest.mark.parametrize("name", EVIL)
def test_design_is_shown_with_its_name_as_it_is(name, made, capsys):
    record = {**made.record, "dataset": name, "recalls": {name: 0.5}}
    print_design(record, made.folder)
    shown = capsys.readouterr().out
    assert plain(f"Design for {name}") in " ".join(shown.split())
    assert shown.replace("\n", "").isprintable()


def test_play_shows_the_name_of_a_file_as_it_is(tmp_path, capsys):
    path = tmp_path / "[red]evil\x1b[31m[bold].npz"
    rng = np.random.default_rng(0)
    np.savez(path, X=rng.normal(size=(80, 4)), y=rng.integers(2, size=80))
    save_edit_sequence(tmp_path / "run", [12])
    write_json(tmp_path / "run" / "config.json", as_json(tiny(tmp_path / "run")))
    Play(str(path), policy=tmp_path / "run").play(lambda prompt: QUIT)
    shown = capsys.readouterr().out
    assert r"Data set [red]evil\x1b[31m[bold], penalty" in shown
    assert "\x1b" not in shown


def test_error_is_one_line_that_can_be_printed(monkeypatch, capsys):
    def fail(command: object, shown: bool) -> None:
        raise InputError("no \x1b[31mfile\nhere \udc80")

    monkeypatch.setattr(DataList, "run", fail)
    assert main(["data", "list"]) == 2
    assert capsys.readouterr().err == "rlnas: no \\x1b[31mfile\\nhere \\udc80\n"
