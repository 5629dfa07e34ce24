"""Files: a failure leaves the old content, and nothing else, behind."""

import io
import json
import os
from pathlib import Path

import pytest

from rlnas.errors import InputError
from rlnas.files import (
    MAX_DEPTH,
    open_regular,
    parse_json,
    read_bytes,
    read_json,
    replace_file,
    write_json,
)
from tests.core.tiny_idx import names_in


def test_content_is_written_and_replaced(tmp_path):
    path = tmp_path / "file.bin"
    for content in (b"first", b"", bytes(range(256)) * 1000):
        replace_file(path, content)
        assert path.read_bytes() == content
        assert names_in(tmp_path) == ["file.bin"]


def test_missing_folders_are_made_and_a_text_path_will_do(tmp_path):
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
def test_a_failing_write_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch, old, step):
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


def test_an_interrupted_write_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"old")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        replace_file(tmp_path / "file", b"new")
    assert names_in(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_the_old_file_is_whole_until_the_new_one_is(tmp_path, monkeypatch):
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
def test_a_folder_that_cannot_be_written_to_is_reported(tmp_path, below):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match=r"cannot write .*choose another folder"):
        replace_file(tmp_path / below, b"x")


def test_a_folder_in_place_of_the_file_is_reported_and_kept(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        replace_file(tmp_path / "folder", b"x")
    assert names_in(tmp_path) == ["folder"]


def test_json_comes_back_as_it_was(tmp_path):
    value = {"a": [1, 2.5, None, True], "ü": {"b": "text"}}
    write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == value
    assert json.loads((tmp_path / "x.json").read_text()) == value


def test_a_value_that_is_not_json_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "x.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"a": object()})
    assert names_in(tmp_path) == ["x.json"]
    assert read_json(tmp_path / "x.json") == 1


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe\x00", b'{"a": 1} x', b"[" * 100_000, b"9" * 5000]
)
def test_a_damaged_json_file_is_reported(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.json is damaged"):
        read_json(tmp_path / "x.json")


def test_a_missing_json_file_is_reported(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*x\.json: No such file"):
        read_json(tmp_path / "x.json")
    with pytest.raises(InputError, match="cannot read"):
        read_json(tmp_path)


# --- files of strangers ---


def test_a_pipe_a_device_or_a_folder_is_refused_at_once(tmp_path):
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
def test_json_that_nobody_could_use_is_refused(text, told, tmp_path):
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
def test_what_could_not_be_read_again_is_not_written(value, tmp_path):
    write_json(tmp_path / "x.json", 1)
    with pytest.raises(InputError, match=r"cannot write .*x\.json"):
        write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == 1
