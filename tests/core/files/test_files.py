"""Files: a failure leaves the old content, and nothing else, behind."""

import errno
import io
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from rlnas.errors import InputError
from rlnas.files import atomic
from rlnas.files.atomic import PARTIAL, replace_file
from rlnas.files.json_files import MAX_DEPTH, parse_json, read_json, write_json
from rlnas.files.reading import open_regular, read_bytes
from tests.core.tiny_idx import names_in


def test_content_is_written_and_replaced(tmp_path):
    path = tmp_path / "file.bin"
    for content in (b"first", b"", bytes(range(256)) * 1000):
        replace_file(path, content)
        assert path.read_bytes() == content
        assert names_in(tmp_path) == ["file.bin"]


def test_save_creates_folders_and_accepts_text_path(tmp_path):
    replace_file(f"{tmp_path}/a/b/file", b"x")
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"x"


def test_others_may_read_the_file(tmp_path):
    replace_file(tmp_path / "file", b"x")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


class FullDisk(io.FileIO):
    """A file whose disk is full after two bytes."""

    def write(self, data) -> int:
        super().write(data[:2])
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("step", ["write", "chmod", "replace"])
@pytest.mark.parametrize("old", [None, b"old"])
def test_failed_write_keeps_old_file_and_leaves_no_temporary_file(tmp_path, monkeypatch, old, step):
    path = tmp_path / "file"
    if old is not None:
        path.write_bytes(old)

    def fail(*_):
        raise OSError(28, "No space left on device")

    if step == "write":
        monkeypatch.setattr(os, "fdopen", FullDisk)
    else:
        monkeypatch.setattr(os, step, fail)
    with pytest.raises(InputError, match=r"cannot write .*file: No space left on device"):
        replace_file(path, b"new")
    monkeypatch.undo()
    assert names_in(tmp_path) == ([] if old is None else ["file"])
    assert old is None or path.read_bytes() == old


def test_interrupted_write_keeps_old_file_and_leaves_no_temporary_file(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"old")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        replace_file(tmp_path / "file", b"new")
    assert names_in(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_old_file_is_whole_until_the_new_one_is(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    seen, replace = [], os.replace

    def look(source, target):
        seen.extend([path.read_bytes(), Path(source).read_bytes()])
        replace(source, target)

    monkeypatch.setattr(os, "replace", look)
    replace_file(path, b"new")
    assert seen == [b"old", b"new"]


@pytest.mark.parametrize("below", ["file/x", "file/folder/x"])
def test_folder_that_cannot_be_written_to_is_reported(tmp_path, below):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot write .*choose another folder"):
        replace_file(tmp_path / below, b"x")


def test_folder_in_place_of_file_is_reported_and_kept(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        replace_file(tmp_path / "folder", b"x")
    assert names_in(tmp_path) == ["folder"]


# --- what a crash leaves ---


def test_file_left_by_killed_writer_is_removed_by_next_writer(tmp_path):
    script = (
        "import os, signal, sys\n"
        "from rlnas.files.atomic import replace_file\n"
        "os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)\n"
        "replace_file(sys.argv[1], b'new')\n"
    )
    path = tmp_path / "file"
    path.write_bytes(b"old")
    for other in (".file.x", ".other.abc.partial", "file.partial"):
        (tmp_path / other).write_bytes(b"of somebody else")
    process = subprocess.run([sys.executable, "-c", script, str(path)])
    assert process.returncode < 0
    assert path.read_bytes() == b"old"
    assert len(names_in(tmp_path)) == 5
    replace_file(path, b"new")
    assert names_in(tmp_path) == [".file.x", ".other.abc.partial", "file", "file.partial"]


def test_file_of_active_writer_is_not_removed(tmp_path):
    handle, temporary = atomic._temporary(tmp_path / "file")
    replace_file(tmp_path / "file", b"x")
    assert names_in(tmp_path) == sorted([temporary.name, "file"])
    os.close(handle)
    replace_file(tmp_path / "file", b"x")
    assert names_in(tmp_path) == ["file"]


def test_temporary_file_removed_before_it_is_locked_is_created_again(tmp_path, monkeypatch):
    make, made = atomic.tempfile.mkstemp, []

    def removed(*arguments: Any) -> tuple[int, str]:
        handle, name = make(*arguments)
        made.append(name)
        if len(made) == 1:
            os.unlink(name)
        return handle, name

    monkeypatch.setattr(atomic.tempfile, "mkstemp", removed)
    replace_file(tmp_path / "file", b"x")
    assert len(made) == 2
    assert names_in(tmp_path) == ["file"]


def test_concurrent_writers_all_finish_and_file_is_always_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # 4 milliseconds each
    path, contents = tmp_path / "file", [bytes([k]) * 10_000 for k in range(4)]
    replace_file(path, contents[0])

    def write(content: bytes) -> None:
        for _ in range(50):
            replace_file(path, content)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert path.read_bytes() in contents
    assert names_in(tmp_path) == ["file"]  # and pytest would tell of an error in a thread


# --- power cuts ---


def test_file_is_synced_before_rename_and_folder_afterwards(tmp_path, monkeypatch):
    events, sync, replace = [], os.fsync, os.replace

    def synced(handle: int) -> None:
        status = os.fstat(handle)
        events.append(("folder", status.st_ino) if stat.S_ISDIR(status.st_mode) else "file")
        sync(handle)

    def renamed(source: str, target: str) -> None:
        events.append("name")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    folder = tmp_path / "new" / "folder"
    replace_file(folder / "file", b"x")
    above = [("folder", each.stat().st_ino) for each in (folder.parent, tmp_path)]
    assert events == [*above, "file", "name", ("folder", folder.stat().st_ino)]


@pytest.mark.parametrize("reason", ["EINVAL", "EIO"])
def test_unsupported_folder_sync_is_ignored_and_disk_failure_is_reported(
    tmp_path, monkeypatch, reason
):
    sync = os.fsync

    def fail(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(getattr(errno, reason), "no")
        sync(handle)

    monkeypatch.setattr(os, "fsync", fail)
    if reason == "EIO":
        with pytest.raises(InputError, match=r"cannot write .*file: no"):
            replace_file(tmp_path / "file", b"x")
    else:
        replace_file(tmp_path / "file", b"x")
    assert (tmp_path / "file").read_bytes() == b"x"
    assert not list(tmp_path.glob(f".*{PARTIAL}"))


# --- JSON ---


def test_json_round_trip_is_exact(tmp_path):
    value = {"a": [1, 2.5, None, True], "ü": {"b": "text"}}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value
    assert json.loads((tmp_path / "x.json").read_text()) == value


def test_value_that_is_not_json_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "x.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"a": object()})
    assert names_in(tmp_path) == ["x.json"]
    assert read_json(tmp_path / "x.json") == 1


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe\x00", b'{"a": 1} x', b"[" * 100_000, b"9" * 5000]
)
def test_damaged_json_file_is_reported(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.json is damaged"):
        read_json(tmp_path / "x.json")


def test_missing_json_file_is_reported(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*x\.json: No such file"):
        read_json(tmp_path / "x.json")
    with pytest.raises(InputError, match="cannot read"):
        read_json(tmp_path)


# --- files of strangers ---


def test_pipe_a_device_or_a_folder_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        for read in (open_regular, read_bytes, read_json):
            with pytest.raises(InputError, match="is a pipe or a device: expected a file"):
                read(path)
    with pytest.raises(InputError, match=r"cannot read .*: Is a directory"):
        open_regular(tmp_path)
    for name in ("absent", "x" * 5000, "a\0b"):
        with pytest.raises(InputError, match="cannot read"):
            open_regular(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        *((text, "not finite, or too large") for text in ("NaN", "-Infinity", "1e999", "9" * 400)),
        *((text, "is not Unicode") for text in ('"\\ud800"', '{"\\udfff": 1}', '["a\\udc80b"]')),
        ('"a\\u0000b"', "null character"),
        ("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2), "nested too deeply"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "nested too deeply"),
        ("[" * 200_000, "nested too deeply"),
        ("9" * 5000, "4300 digits"),
    ],
    ids=lambda text: text[:20],
)
def test_unusable_json_is_refused(text, told, tmp_path):
    with pytest.raises(ValueError, match=told):
        parse_json(text)
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match=rf"x\.json is damaged: .*{told}"):
        read_json(tmp_path / "x.json")


def test_unusual_json_is_read():
    assert parse_json('["\\ud83d\\ude00", 1e308, -0.0, true, null, "\\u001b[31m"]') == [
        "\U0001f600", 1e308, 0.0, True, None, "\x1b[31m",
    ]  # fmt: skip
    assert parse_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": "\udc80"}, 10**400])
def test_unreadable_json_value_is_not_written(value, tmp_path):
    write_json(tmp_path / "x.json", 1)
    with pytest.raises(InputError, match=r"cannot write .*x\.json"):
        write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == 1
