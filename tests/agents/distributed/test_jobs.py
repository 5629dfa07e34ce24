"""Stored results: one is taken for nothing but what it came from, and only if it is whole."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlnas.agents.cli.experiment_config import FrontierConfig, TransferConfig, WidthConfig
from rlnas.agents.cli.main import main
from rlnas.agents.distributed.jobs import Call, own_folder, run_all
from rlnas.agents.experiments.capacity import capacity_study
from rlnas.agents.experiments.compare import SearchTask, compare
from rlnas.agents.experiments.frontier import frontier
from rlnas.agents.experiments.transfer import transfer
from rlnas.agents.policies.policy import save_edit_sequence
from rlnas.agents.policies.run_config import as_json
from rlnas.data.datasets import load_dataset, load_unchanged
from rlnas.errors import InputError
from rlnas.files.json_files import read_json, write_json
from rlnas.files.json_schema import NUMBER, record
from rlnas.tabular.builder import build_table
from tests.agents.helpers import files_in, tiny
from tests.rlnas.tables import random_table

FORM = record(value=NUMBER)


def call(label: str = "work", **key: Any) -> Call:
    return Call(label, key, (key.get("x", 0),), FORM)


def double(x: float) -> dict[str, float]:
    return {"value": 2 * x}


def run(folder: Path, *calls: Call, function: Any = double) -> list[Any]:
    return run_all(function, folder, calls, "call", n_jobs=1, progress_bar=False)


def never(*arguments: Any) -> Any:
    raise AssertionError(f"called with {arguments}")


def test_results_come_in_the_order_of_the_calls_and_are_not_computed_again(tmp_path):
    calls = [call(x=x) for x in (3, 1, 2)]
    assert run(tmp_path, *calls) == [{"value": 2 * x} for x in (3, 1, 2)]
    before = files_in(tmp_path)
    assert len(before) == 3
    assert run(tmp_path, *reversed(calls), function=never) == [{"value": 2 * x} for x in (2, 1, 3)]
    assert files_in(tmp_path) == before


def test_calls_of_one_label_and_different_keys_do_not_meet(tmp_path):
    """Penalties that agree in six digits; a number and its text."""
    keys = [{"x": 0.1}, {"x": 0.1 + 1e-9}, {"x": 1.0, "y": "1"}, {"x": 1.0, "y": 1}]
    found = run(tmp_path, *(call(**key) for key in keys))
    assert found == [{"value": 2 * key["x"]} for key in keys]
    assert len(files_in(tmp_path)) == 4


def test_one_key_is_computed_once_whatever_its_order(tmp_path):
    found = run(tmp_path, Call("a", {"x": 1, "y": (2, 3)}, (1,), FORM),
                Call("a", {"y": [2, 3], "x": 1}, (1,), FORM))  # fmt: skip
    assert found == [{"value": 2}] * 2
    assert len(files_in(tmp_path)) == 1


@pytest.mark.parametrize("label", ["../../up", "a/b\\c:d", "x" * 500, "[/]\x1b\n", "ü", ""])
def test_a_label_is_made_a_name_of_a_file_in_the_folder(label, tmp_path):
    run(tmp_path / "runs", call(label))
    (path,) = (tmp_path / "runs").glob("*.json")
    assert len(path.name) < 120
    assert path.name.isascii()


def test_a_result_of_something_else_under_the_same_name_is_computed_anew(tmp_path):
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
def test_a_damaged_result_is_told_with_what_to_do(content, tmp_path):
    run(tmp_path, call(x=1))
    path = tmp_path / f"{call(x=1).name}.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"damaged.*delete it, and the same command") as caught:
        run(tmp_path, call(x=1), function=never)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    path.unlink()
    assert run(tmp_path, call(x=1)) == [{"value": 2}]


def test_damage_is_told_before_hours_of_work(tmp_path):
    run(tmp_path, call(x=1))
    (tmp_path / f"{call(x=1).name}.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        run(tmp_path, call(x=2), call(x=1), function=never)


def test_a_folder_of_another_task_tells_what_is_different(tmp_path):
    own_folder(tmp_path, {"data": "a" * 64, "penalty": 0.1, "sizes": (1, 2)})
    own_folder(tmp_path, {"data": "a" * 64, "penalty": 0.1, "sizes": (1, 2)})
    with pytest.raises(InputError, match=r"another task, whose penalty is 0.1, not 0.2: give an"):
        own_folder(tmp_path, {"data": "a" * 64, "penalty": 0.2, "sizes": (1, 2)})
    with pytest.raises(InputError, match=r"data is 'aaa.*', not 'bbb"):
        own_folder(tmp_path, {"data": "b" * 64, "penalty": 0.1, "sizes": (1, 2)})
    (tmp_path / "task.json").write_text("[1]")
    with pytest.raises(InputError, match=r"task.json is damaged"):
        own_folder(tmp_path, {"penalty": 0.1})


# --- data of one name ---


def store(path: Path, seed: int) -> Path:
    """A data set of its own for every seed."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=120)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, X=rng.normal(size=(120, 5)) + labels[:, None], y=labels)
    return path


def test_a_fingerprint_is_of_the_content_alone(tmp_path):
    first = load_dataset(store(tmp_path / "A" / "data.npz", 0)).fingerprint
    assert load_dataset(store(tmp_path / "B" / "other.npz", 0)).fingerprint == first
    assert load_dataset(store(tmp_path / "B" / "data.npz", 1)).fingerprint != first
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(120, 5)), rng.integers(3, size=120)
    seen = {load_dataset((x, y)).fingerprint, load_dataset((x * 1, y * 1)).fingerprint}
    assert len(seen) == 1
    x[7, 2] += 1e-3
    seen.add(load_dataset((x, y)).fingerprint)
    y[7] = (y[7] + 1) % 3
    seen.add(load_dataset((x, y)).fingerprint)
    assert len(seen) == 3


def test_data_that_change_in_the_meantime_are_refused(tmp_path):
    path = store(tmp_path / "data.npz", 0)
    before = load_dataset(path).fingerprint
    assert load_unchanged(path, before).fingerprint == before
    store(path, 1)
    with pytest.raises(InputError, match="was changed in the meantime"):
        load_unchanged(path, before)


@pytest.fixture(scope="module")
def halving(tmp_path_factory) -> Path:
    """A run folder of a policy that always removes half of all connections."""
    folder = tmp_path_factory.mktemp("policies") / "halving"
    save_edit_sequence(folder, [12])
    write_json(folder / "config.json", as_json(tiny(folder)))
    return folder


@pytest.fixture
def few(halving, tmp_path) -> TransferConfig:
    return TransferConfig(
        out=tmp_path / "out",
        policies=(halving,),
        datasets=(str(store(tmp_path / "A" / "data.npz", 0)),),
        penalties=(0.1,),
        seeds=1,
        jobs=1,
    )


def test_transfer_tells_two_files_of_one_name_apart(few, tmp_path):
    a, b = few.datasets[0], str(store(tmp_path / "B" / "data.npz", 1))
    alone = {
        path: transfer(replace(few, out=Path(path).parent / "out", datasets=(path,)), False)[0]
        for path in (a, b)
    }
    assert alone[a]["designs"] != alone[b]["designs"]
    assert transfer(replace(few, datasets=(a, b)), False) == [alone[a], alone[b]]
    assert transfer(replace(few, datasets=(b,)), False) == [alone[b]]
    assert transfer(few, False) == [alone[a]]


def test_the_report_of_transfer_names_both(few, tmp_path, capsys):
    b = str(store(tmp_path / "B" / "data.npz", 1))
    arguments = ["--penalties", "0.1", "--seeds", "1", "--jobs", "1", "--out", str(few.out)]
    policies = ["--policies", str(few.policies[0])]
    assert main(["transfer", *policies, *arguments, "--datasets", few.datasets[0], b]) == 0
    text = capsys.readouterr().out
    for name in (few.datasets[0], b):
        assert f"### {name}, penalty 0.1 (1 designs of each method)" in text


def test_transfer_tells_penalties_that_agree_in_six_digits_apart(few):
    near = (0.1, 0.1 + 1e-8)
    found = transfer(replace(few, penalties=near), False)
    assert [each["penalty"] for each in found] == list(near)
    scores = {each["designs"]["no_edits"]["score"] for each in found}
    assert len(scores) == 2


def test_transfer_designs_anew_for_what_replaced_a_file(few, tmp_path):
    before = transfer(few, False)
    path = Path(few.datasets[0])
    store(path, 1)
    after = transfer(few, False)
    assert after != before
    assert after == transfer(replace(few, out=tmp_path / "new"), False)
    store(path, 0)
    assert transfer(few, False) == before


def test_transfer_designs_anew_in_episodes_of_another_length(few):
    before = transfer(few, False)
    config = few.policies[0] / "config.json"
    content = config.read_text()
    try:
        write_json(config, {**json.loads(content), "batches_per_step": 9})
        assert transfer(few, False) != before
    finally:
        config.write_text(content)
    assert transfer(few, False) == before


@pytest.mark.parametrize("tabular", [False, True])
def test_compare_says_that_a_file_was_replaced(tabular, tmp_path, capsys):
    path = tmp_path / "data.npz"

    def put(seed: int) -> None:
        if tabular:
            random_table(seed=seed).save(path)
        else:
            store(path, seed)

    put(0)
    arguments = ["--table" if tabular else "--dataset", str(path), "--methods", "random"]
    more = ["--seeds", "1", "--budget", "100", "--jobs", "1", "--out", str(tmp_path / "out")]
    assert main(["compare", *arguments, *more]) == 0
    first = capsys.readouterr().out
    before = files_in(tmp_path / "out")
    put(1)
    assert main(["compare", *arguments, *more]) == 2
    error = capsys.readouterr().err
    assert "holds results of another task, whose data_sha256 is" in error
    assert files_in(tmp_path / "out") == before
    put(0)
    assert main(["compare", *arguments, *more]) == 0
    assert capsys.readouterr().out == first


def test_a_search_of_data_that_changed_while_it_waited_is_refused(tmp_path):
    task = SearchTask(str(store(tmp_path / "data.npz", 0)), False, 0.1, 100)
    task = replace(task, fingerprint=task.load().fingerprint)
    store(tmp_path / "data.npz", 1)
    with pytest.raises(InputError, match="was changed in the meantime"):
        task.problem(0)


def test_other_commands_say_that_a_file_was_replaced(halving, tmp_path, monkeypatch):
    path = store(tmp_path / "data.npz", 0)
    monkeypatch.setattr("rlnas.agents.experiments.capacity.run_all", never)
    monkeypatch.setattr("rlnas.agents.experiments.frontier.run_all", never)
    monkeypatch.setattr("rlnas.tabular.builder._run", never)
    calls = [
        lambda: capacity_study(WidthConfig(tmp_path / "w", str(path), seeds=1, jobs=1), False),
        lambda: frontier(
            FrontierConfig(str(path), tmp_path / "f", halving, (0.1,), 1, jobs=1), False
        ),
        lambda: build_table(str(path), tmp_path / "t", epochs=(1,), n_seeds=1, progress_bar=False),
    ]
    for each in calls:
        with pytest.raises(AssertionError, match="called with"):
            each()
    store(path, 1)
    for each in calls:
        with pytest.raises(InputError, match=r"holds results of another task|of another table"):
            each()


def test_compare_keeps_what_is_there_for_more_seeds(tmp_path):
    task = SearchTask("wine", False, 0.1, 100)
    first = compare(task, tmp_path, ("random",), 1, 1, False)
    assert compare(task, tmp_path, ("random",), 2, 1, False)["random"][0] == first["random"][0]
