"""Results of data that changed, or of other data of the same name, are never reused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlnas.agents.cli.main import main
from rlnas.agents.experiments.capacity import capacity_study
from rlnas.agents.experiments.compare import compare
from rlnas.agents.experiments.frontier import frontier
from rlnas.agents.experiments.search_task import SearchTask
from rlnas.agents.experiments.transfer import transfer
from rlnas.agents.policies.policy import save_edit_sequence
from rlnas.agents.policies.run_config import as_json
from rlnas.data.loading import load_dataset, load_unchanged
from rlnas.errors import InputError
from rlnas.files.json_files import write_json
from rlnas.tabular.builder import build_table
from tests.agents.helpers import files_in, tiny
from tests.core.tables import random_table


def never(*arguments: Any) -> Any:
    raise AssertionError(f"called with {arguments}")


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
def few(halving, tmp_path) -> dict[str, Any]:
    """Arguments of a small transfer experiment."""
    return {
        "out": tmp_path / "out",
        "policies": (halving,),
        "sources": (str(store(tmp_path / "A" / "data.npz", 0)),),
        "penalties": (0.1,),
        "seeds": 1,
        "jobs": 1,
        "progress_bar": False,
    }


def test_transfer_tells_two_files_of_one_name_apart(few, tmp_path):
    a, b = few["sources"][0], str(store(tmp_path / "B" / "data.npz", 1))
    alone = {
        path: transfer(**{**few, "out": Path(path).parent / "out", "sources": (path,)})[0]
        for path in (a, b)
    }
    assert alone[a]["designs"] != alone[b]["designs"]
    assert transfer(**{**few, "sources": (a, b)}) == [alone[a], alone[b]]
    assert transfer(**{**few, "sources": (b,)}) == [alone[b]]
    assert transfer(**few) == [alone[a]]


def test_the_report_of_transfer_names_both(few, tmp_path, capsys):
    b = str(store(tmp_path / "B" / "data.npz", 1))
    arguments = ["--penalties", "0.1", "--seeds", "1", "--jobs", "1", "--out", str(few["out"])]
    policies = ["--policies", str(few["policies"][0])]
    assert main(["transfer", *policies, *arguments, "--datasets", few["sources"][0], b]) == 0
    text = capsys.readouterr().out
    for name in (few["sources"][0], b):
        assert f"### {name}, penalty 0.1 (1 designs of each method)" in text


def test_transfer_tells_penalties_that_agree_in_six_digits_apart(few):
    near = (0.1, 0.1 + 1e-8)
    found = transfer(**{**few, "penalties": near})
    assert [each["penalty"] for each in found] == list(near)
    scores = {each["designs"]["no_edits"]["score"] for each in found}
    assert len(scores) == 2


def test_transfer_designs_anew_for_what_replaced_a_file(few, tmp_path):
    before = transfer(**few)
    path = Path(few["sources"][0])
    store(path, 1)
    after = transfer(**few)
    assert after != before
    assert after == transfer(**{**few, "out": tmp_path / "new"})
    store(path, 0)
    assert transfer(**few) == before


def test_transfer_designs_anew_in_episodes_of_another_length(few):
    before = transfer(**few)
    config = few["policies"][0] / "config.json"
    content = config.read_text()
    try:
        write_json(config, {**json.loads(content), "batches_per_step": 9})
        assert transfer(**few) != before
    finally:
        config.write_text(content)
    assert transfer(**few) == before


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
    monkeypatch.setattr("rlnas.tabular.builder.run_all", never)
    calls = [
        lambda: capacity_study(
            "width", tmp_path / "w", str(path), seeds=1, jobs=1, progress_bar=False
        ),
        lambda: frontier(
            str(path), tmp_path / "f", (0.1,), halving, seeds=1, jobs=1, progress_bar=False
        ),
        lambda: build_table(str(path), tmp_path / "t", epochs=(1,), n_seeds=1, progress_bar=False),
    ]
    for each in calls:
        with pytest.raises(AssertionError, match="called with"):
            each()
    store(path, 1)
    for each in calls:
        with pytest.raises(InputError, match="holds results of another task"):
            each()


def test_compare_keeps_what_is_there_for_more_seeds(tmp_path):
    task = SearchTask("wine", False, 0.1, 100)
    first = compare(task, tmp_path, ("random",), 1, 1, False)
    assert compare(task, tmp_path, ("random",), 2, 1, False)["random"][0] == first["random"][0]
