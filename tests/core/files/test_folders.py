"""Folders for results: all or nothing, by one process, whatever a crash left."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rlnas.errors import InputError
from rlnas.files import folders
from rlnas.files.atomic import PARTIAL, replace_file
from rlnas.files.folders import LOCK, locked, new_folder, result_folder
from tests.core.tiny_idx import names_in

LEFT = [LOCK, f".design.json.abc{PARTIAL}", PARTIAL]
"""What crashes may leave in a folder."""


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"


def write(path: Path, **contents: str) -> None:
    """Results of one command."""
    with result_folder(path) as results:
        for name, content in contents.items():
            replace_file(results / name, content.encode())


def with_leftovers(folder: Path) -> Path:
    folder.mkdir()
    (folder / LOCK).touch()
    (folder / LEFT[1]).write_text("half")
    (folder / PARTIAL / "results").mkdir(parents=True)
    (folder / PARTIAL / "results" / "a").write_text("half")
    return folder


# --- locks ---


def test_lock_keeps_others_out_until_it_is_released(out):
    with locked(out), pytest.raises(InputError, match=f"another process is working on {out}"):
        locked(out).__enter__()
    with locked(out):
        pass


def test_lock_opened_before_its_holder_ended_still_excludes_others(out):
    with locked(out):
        early = (out / LOCK).open()
    with early:
        fcntl.flock(early, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(InputError, match="another process is working on"):
            locked(out).__enter__()


# --- results ---


def test_result_folder_appears_only_when_complete(out):
    with result_folder(out) as results:
        replace_file(results / "a", b"1")
        replace_file(results / "below" / "b", b"2")
        assert not out.exists()
    assert names_in(out) == ["a", "below"]
    assert (out / "below" / "b").read_bytes() == b"2"
    assert names_in(out.parent) == ["out"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("there", [False, True])
def test_error_leaves_nothing(out, error, there):
    if there:
        out.mkdir()

    def fail() -> None:
        with result_folder(out) as results:
            replace_file(results / "a", b"1")
            raise error

    with pytest.raises(error):
        fail()
    assert out.exists() == there
    assert not list(out.parent.rglob("?*") if not there else out.iterdir())


def test_second_concurrent_writer_is_refused_at_once(out):
    with result_folder(out) as results:
        replace_file(results / "a", b"first")
        with pytest.raises(InputError, match=f"another process is working on {out}: wait"):
            write(out, a="second")
    assert (out / "a").read_bytes() == b"first"
    assert names_in(out.parent) == ["out"]


def test_result_finished_before_lock_is_taken_is_not_overwritten(out, monkeypatch):
    make = folders.make_folder

    def late(folder: Path) -> None:
        monkeypatch.undo()
        write(out, a="first")
        make(folder)

    monkeypatch.setattr(folders, "make_folder", late)
    with pytest.raises(InputError, match="out exists and is not empty: choose another folder"):
        write(out, a="second")
    assert (out / "a").read_bytes() == b"first"
    assert names_in(out.parent) == ["out"]


@pytest.mark.parametrize("there", [False, True])
def test_killed_writer_publishes_nothing_and_next_run_cleans_up(out, there):
    if there:
        out.mkdir()
    script = (
        "import os, signal, sys\n"
        "from rlnas.files.atomic import replace_file\n"
        "from rlnas.files.folders import result_folder\n"
        "with result_folder(sys.argv[1]) as results:\n"
        "    replace_file(results / 'a', b'half')\n"
        "    replace_file(results / 'b', b'half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(out)]).returncode < 0
    assert out.exists() == there
    assert not there or folders.holds_nothing(out)
    assert list(out.parent.rglob("b")), "the crash did leave something"
    write(out, a="whole")
    assert [path for path in out.parent.rglob("*") if path.is_file()] == [out / "a"]
    assert (out / "a").read_bytes() == b"whole"
    assert names_in(out) == ["a"]


def test_empty_folder_stays_the_one_it_was(out, tmp_path, monkeypatch):
    """It may be a mounted disk, or the working directory, as here."""
    out.mkdir()
    (tmp_path / "link").symlink_to(out)
    before = out.stat().st_ino
    monkeypatch.chdir(tmp_path / "link")
    write(Path(), a="1")
    assert names_in(Path()) == ["a"]
    assert out.stat().st_ino == before
    assert names_in(tmp_path) == ["link", "out"]


def test_folder_with_only_leftovers_counts_as_empty(out):
    with_leftovers(out)
    assert sorted(LEFT) == names_in(out)
    write(out, b="1")
    assert names_in(out) == [LOCK, "b"]


@pytest.mark.parametrize("name", ["mine.txt", ".hidden", "design.json.partial"])
def test_nonempty_folder_is_refused_and_unchanged(out, name):
    (with_leftovers(out) / name).write_text("dear to somebody")
    before = names_in(out)
    for make in (write, new_folder):
        with pytest.raises(InputError, match="out exists and is not empty: choose another folder"):
            make(out)
    assert names_in(out) == before
    assert names_in(out.parent) == ["out"]


@pytest.mark.parametrize("below", ["", "a", "a/b"])
def test_place_that_cannot_be_a_folder_is_one_error(out, below):
    out.write_text("in the way")
    for make in (write, new_folder):
        with pytest.raises(InputError, match=r"cannot write to .*out.*choose another"):
            make(out / below)
    assert out.read_text() == "in the way"
    assert names_in(out.parent) == ["out"]


def test_dangling_link_is_refused_before_any_work(out, tmp_path):
    out.symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"cannot write to .*out: it is no folder"):
        write(out)


def test_results_are_synced_before_rename_and_names_afterwards(out, monkeypatch):
    with result_folder(out) as results:
        replace_file(results / "a", b"1")
        events: list[object] = []
        monkeypatch.setattr(os, "fsync", lambda handle: events.append(os.fstat(handle).st_ino))
        replace = Path.replace

        def renamed(source: Path, target: Path) -> Path:
            events.append("name")
            return replace(source, target)

        monkeypatch.setattr(Path, "replace", renamed)
    assert events == [out.stat().st_ino, "name", out.parent.stat().st_ino]


def test_new_folder_accepts_missing_folder_and_leftovers(out):
    assert new_folder(out) == out
    assert names_in(out) == []
    out.rmdir()
    with_leftovers(out)
    assert new_folder(out) == out
    assert names_in(out) == [LOCK, PARTIAL]
