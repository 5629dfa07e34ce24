"""Progress bars: on a terminal, in a log, where nobody wants them."""

import io
import re

import pytest

from rlnas.progress import SECONDS, progress


class Terminal(io.StringIO):
    """Standard error that somebody watches."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Time that passes only when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("tqdm.std.time", clock)
    return clock


def work(clock: Clock, updates: int, seconds: float, shown: bool = True) -> None:
    """Update a bar many times within a number of seconds."""
    with progress(shown, total=updates, unit="step", desc="training") as bar:
        for _ in range(updates):
            clock.now += seconds / updates
            bar.set_postfix_str("best 0.9", refresh=False)
            bar.update()


def test_log_gets_a_whole_line_every_few_seconds(clock, capsys):
    work(clock, updates=256, seconds=50.5)
    shown = capsys.readouterr().err
    assert "\r" not in shown
    assert shown.endswith("\n")
    lines = shown.splitlines()
    assert len(lines) == 50 // SECONDS + 1
    assert all(
        re.match(r"training: \d+% \d+/256 \[00:\d\d<00:\d\d, .*best 0.9\]$", x) for x in lines
    )
    assert "100% 256/256" in lines[-1]
    assert "00:10<00:40" in lines[0], "the time left"


def test_log_has_no_line_for_short_work(clock, capsys):
    work(clock, updates=256, seconds=SECONDS / 2)
    assert capsys.readouterr().err == ""


def test_terminal_has_a_bar_with_the_time_left(clock, monkeypatch):
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    work(clock, updates=256, seconds=50)
    shown = terminal.getvalue()
    assert shown.count("\r") > 200
    assert re.search(r"training:  50%\|.*128/256 \[00:25<00:25", shown)


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_bar_that_is_not_to_be_shown_prints_nothing(clock, monkeypatch, stream):
    monkeypatch.setattr("sys.stderr", stream := stream())
    work(clock, updates=256, seconds=50, shown=False)
    assert stream.getvalue() == ""


def test_bar_works_without_standard_error(clock, monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    work(clock, updates=256, seconds=50)
