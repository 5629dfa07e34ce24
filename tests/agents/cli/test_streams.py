"""Closed, full and broken standard streams: the work is done, and lost output is an error."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import pytest

from rlnas import progress
from rlnas.agents.cli.main import main
from rlnas.designs.saved import load_design

NO_SPACE = "rlnas: cannot write to standard output: No space left on device\n"

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")


@pytest.fixture
def streams() -> Iterator[dict[str, IO[str]]]:
    """A stream of a full device, and a pipe nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    with ExitStack() as stack:
        opened = {"full": stack.enter_context(open("/dev/full", "w"))}
        opened["unread"] = stack.enter_context(os.fdopen(writer, "w"))
        yield opened


def test_a_command_that_could_print_is_no_failure(capsys):
    assert main(["data", "list"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("stream", "told"), [("full", NO_SPACE), ("unread", "")])
@pytest.mark.parametrize("words", [["data", "list"], ["--help"], ["--version"]], ids=" ".join)
def test_lost_output_is_exit_code_1_and_at_most_one_line(
    words, stream, told, streams, capsys, monkeypatch
):
    monkeypatch.setattr("sys.stdout", streams[stream])
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 1
    assert sys.stdout is streams[stream], "what was there before is there again"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("stream", ["full", "unread"])
def test_a_design_is_saved_though_its_table_is_lost(run, tmp_path, streams, stream, monkeypatch):
    monkeypatch.setattr("sys.stdout", streams[stream])
    with pytest.raises(SystemExit) as stopped:
        main(["design", "--policy", str(run), "--out", str(tmp_path / "design")])
    assert stopped.value.code == 1
    load_design(tmp_path / "design")


@pytest.mark.parametrize("stream", ["full", "unread"])
def test_a_design_is_saved_and_printed_though_its_progress_is_lost(
    run, tmp_path, streams, stream, capsys, monkeypatch
):
    monkeypatch.setattr("sys.stderr", streams[stream])
    monkeypatch.setattr(progress, "SECONDS", 0.0)
    assert main(["design", "--policy", str(run), "--out", str(tmp_path / "design")]) == 0
    load_design(tmp_path / "design")
    assert "test accuracy" in capsys.readouterr().out


@pytest.mark.parametrize("stream", ["full", "unread"])
def test_bad_input_has_its_exit_code_though_its_message_is_lost(streams, stream, monkeypatch):
    monkeypatch.setattr("sys.stderr", streams[stream])
    assert main(["data", "fetch", "nothing"]) == 2


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """A command of rlnas with redirections, in a process of its own."""
    whole = f'"{sys.executable}" -m rlnas.agents.cli.main {command}'
    return subprocess.run(["sh", "-c", whole], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("data list > /dev/full", 1, NO_SPACE),
        ("data list >&-", 1, "rlnas: cannot write to standard output: Bad file descriptor\n"),
        ("data list <&- >&- 2>&-", 1, ""),
        ("data fetch nothing 2>&-", 2, ""),
        ("data fetch nothing 2> /dev/full", 2, ""),
    ],
)
def test_a_process_ends_without_a_traceback(command, code, told):
    done = shell(command)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", told)


def test_a_file_never_takes_the_place_of_a_closed_stream(tmp_path):
    code = (
        "import sys; from rlnas.agents.cli.streams import LastingStreams\n"
        "with LastingStreams(): file = open(sys.argv[1], 'w'); print(file.fileno())"
    )
    command = f'"{sys.executable}" -c "{code}" {tmp_path / "file"} 2>&-'
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert int(done.stdout) > 2
