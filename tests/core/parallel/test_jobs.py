"""Stored results are used only for what they came from, and only if they are undamaged."""

from pathlib import Path
from typing import Any

import pytest

from rlnas.errors import InputError
from rlnas.files.json_files import read_json
from rlnas.files.json_schema import NUMBER, record
from rlnas.parallel.jobs import Call, in_order, own_folder, run_all

SCHEMA = record(value=NUMBER)


def call(label: str = "work", **key: Any) -> Call:
    return Call(label, key, (key.get("x", 0),), SCHEMA)


def double(x: float) -> dict[str, float]:
    return {"value": 2 * x}


def run(folder: Path, *calls: Call, function: Any = double) -> list[Any]:
    return run_all(function, folder, calls, "call", n_jobs=1, progress_bar=False)


def never(*arguments: Any) -> Any:
    raise AssertionError(f"called with {arguments}")


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.json")}


def test_results_are_in_call_order_and_not_computed_again(tmp_path):
    calls = [call(x=x) for x in (3, 1, 2)]
    assert run(tmp_path, *calls) == [{"value": 2 * x} for x in (3, 1, 2)]
    before = files_in(tmp_path)
    assert len(before) == 3
    assert run(tmp_path, *reversed(calls), function=never) == [{"value": 2 * x} for x in (2, 1, 3)]
    assert files_in(tmp_path) == before


def test_same_label_with_different_keys_gives_different_files(tmp_path):
    """Penalties that agree in six digits; a number and its text."""
    keys = [{"x": 0.1}, {"x": 0.1 + 1e-9}, {"x": 1.0, "y": "1"}, {"x": 1.0, "y": 1}]
    found = run(tmp_path, *(call(**key) for key in keys))
    assert found == [{"value": 2 * key["x"]} for key in keys]
    assert len(files_in(tmp_path)) == 4


def test_key_order_does_not_matter(tmp_path):
    found = run(tmp_path, Call("a", {"x": 1, "y": (2, 3)}, (1,), SCHEMA),
                Call("a", {"y": [2, 3], "x": 1}, (1,), SCHEMA))  # fmt: skip
    assert found == [{"value": 2}] * 2
    assert len(files_in(tmp_path)) == 1


@pytest.mark.parametrize("label", ["../../up", "a/b\\c:d", "x" * 500, "[/]\x1b\n", "ü", ""])
def test_any_label_becomes_file_name_inside_folder(label, tmp_path):
    run(tmp_path / "runs", call(label))
    (path,) = (tmp_path / "runs").glob("*.json")
    assert len(path.name) < 120
    assert path.name.isascii()


def test_result_of_other_key_under_same_name_is_recomputed(tmp_path):
    mine, other = call(x=1), call(x=5)
    run(tmp_path, other)
    there = tmp_path / f"{other.name}.json"
    there.rename(tmp_path / f"{mine.name}.json")
    assert run(tmp_path, mine) == [{"value": 2}]
    assert read_json(tmp_path / f"{mine.name}.json")["key"] == {"x": 1}


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "null", "[]", '{"key": {"x": 1}}', '{"result": {"value": 2}}', "[" * 9999),
        *(f'{{"key": {{"x": 1}}, "result": {text}}}' for text in (
            "null", "[]", "{}", '{"value": "2"}', '{"value": NaN}', '{"value": 1e999}',
            '{"value": 1' + "0" * 400 + "}", '{"value": true}', '{"value": 2, "more": 3}',
            '{"value": "\\ud800"}',
        )),
    ],
)  # fmt: skip
def test_damaged_result_is_reported_with_what_to_do(content, tmp_path):
    run(tmp_path, call(x=1))
    path = tmp_path / f"{call(x=1).name}.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"damaged.*delete it, and the same command") as caught:
        run(tmp_path, call(x=1), function=never)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    path.unlink()
    assert run(tmp_path, call(x=1)) == [{"value": 2}]


def test_damage_is_reported_before_any_work(tmp_path):
    run(tmp_path, call(x=1))
    (tmp_path / f"{call(x=1).name}.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        run(tmp_path, call(x=2), call(x=1), function=never)


def test_folder_of_another_task_is_refused_with_differences(tmp_path):
    own_folder(tmp_path, {"data": "a" * 64, "penalty": 0.1, "sizes": (1, 2)})
    own_folder(tmp_path, {"data": "a" * 64, "penalty": 0.1, "sizes": (1, 2)})
    with pytest.raises(InputError, match=r"another task, whose penalty is 0.1, not 0.2: give an"):
        own_folder(tmp_path, {"data": "a" * 64, "penalty": 0.2, "sizes": (1, 2)})
    with pytest.raises(InputError, match=r"data is 'aaa.*', not 'bbb"):
        own_folder(tmp_path, {"data": "b" * 64, "penalty": 0.1, "sizes": (1, 2)})
    (tmp_path / "task.json").write_text("[1]")
    with pytest.raises(InputError, match=r"task.json is damaged"):
        own_folder(tmp_path, {"penalty": 0.1})


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_calls(workers):
    assert [*in_order(pow, ((2, k) for k in range(5)), workers)] == [1, 2, 4, 8, 16]


def test_a_call_is_asked_for_when_the_one_before_is_done():
    asked = []

    def calls() -> Any:
        for k in range(3):
            asked.append(k)
            yield (2, k)

    results = in_order(pow, calls(), 1)
    assert asked == []
    assert next(results) == 1
    assert asked == [0]
