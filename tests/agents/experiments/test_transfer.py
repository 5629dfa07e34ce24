"""Amortised design: every method gets the same data and batches, and is judged alike."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlnas.agents.cli.main import main
from rlnas.agents.experiments import transfer as module
from rlnas.agents.experiments.scored_networks import train_with_at_least
from rlnas.agents.experiments.statistics import interquartile_mean
from rlnas.agents.experiments.transfer import FIXED, RULES, design_once, transfer
from rlnas.agents.experiments.transfer_report import (
    by_task,
    difference,
    summary,
    verdict,
    write_report,
)
from rlnas.agents.policies.environments import env_like
from rlnas.agents.policies.episode import play_episode
from rlnas.agents.policies.policy import fingerprint, load_policy, save_edit_sequence
from rlnas.agents.sparse_training.trainer import SPARSE_TRAINERS
from rlnas.data.loading import load_dataset
from rlnas.errors import InputError
from rlnas.nn.training import evaluate
from rlnas.scoring import reference_weights
from tests.agents.helpers import files_in

HALVE = 12
"""The action that removes half of all connections."""

DATASETS = ("breast_cancer", "heldout:1", "heldout:2")


@pytest.fixture(scope="module")
def halving(run, tmp_path_factory) -> Path:
    """A run folder of a policy that always removes half of all connections."""
    folder = tmp_path_factory.mktemp("policies") / "halving"
    save_edit_sequence(folder, [HALVE])
    (folder / "config.json").write_bytes((run / "config.json").read_bytes())
    return folder


@pytest.fixture(scope="module")
def compared(run, halving, tmp_path_factory) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    arguments = {
        "out": tmp_path_factory.mktemp("transfer") / "out",
        "policies": (run, halving),
        "sources": DATASETS,
        "penalties": (0.1, 0.5),
        "seeds": 2,
        "jobs": 1,
        "progress_bar": False,
    }
    return arguments, transfer(**arguments)


def test_every_method_designs_for_every_data_set_penalty_and_seed(compared):
    _, found = compared
    combinations = {(each["dataset"], each["penalty"], each["seed"]) for each in found}
    assert combinations == {(name, p, s) for name in DATASETS for p in (0.1, 0.5) for s in (0, 1)}
    assert len(found) == len(combinations)
    assert all(each["designs"].keys() == {*FIXED, *RULES, "halving"} for each in found)


def test_a_policy_plays_one_episode_as_in_its_training_and_its_best_network_counts(compared):
    arguments, found = compared
    run = arguments["policies"][0]
    for each in found:
        env = env_like(run, each["dataset"], each["penalty"])
        _, history = play_episode(env, load_policy(run), each["seed"])
        best = max(history, key=lambda info: info["score"])
        assert each["designs"]["controller"]["score"] == best["score"]
        assert each["designs"]["controller"]["active_weights"] == best["active_weights"]


def test_schedules_end_with_the_weights_of_the_controller_and_dense_training_with_all(compared):
    for each in compared[1]:
        data, designs = load_dataset(each["dataset"]), each["designs"]
        dense = reference_weights(data.n_features, data.n_classes)
        assert designs["dense"]["active_weights"] == dense
        ours = min(dense, designs["controller"]["active_weights"])
        for name in SPARSE_TRAINERS.keys() - {"dense"}:
            assert designs[name]["active_weights"] == ours


def test_all_methods_train_for_the_same_batches(run, monkeypatch):
    env = env_like(run, "breast_cancer", 0.1)
    asked = []
    for name, train in SPARSE_TRAINERS.items():

        def noted(sizes: Any, count: int, data: Any, batches: int, rng: Any, train=train) -> Any:
            asked.append(batches)
            return train(sizes, count, data, batches, rng)

        monkeypatch.setitem(module.SPARSE_TRAINERS, name, noted)
    design_once(env, 0, {"controller": load_policy(run)})
    assert asked == [(env.episode_steps + 1) * env.evaluation_cost] * len(SPARSE_TRAINERS)


def test_scores_are_accuracy_less_the_price_of_the_weights(compared):
    for each in compared[1]:
        data = load_dataset(each["dataset"])
        reference = 76 * (data.n_features + data.n_classes)
        for design in each["designs"].values():
            price = each["penalty"] * design["active_weights"] / reference
            assert design["score"] == pytest.approx(design["val_accuracy"] - price)
            assert design["test_score"] == pytest.approx(design["test_accuracy"] - price)


def test_test_accuracy_is_that_of_the_test_samples(run):
    env = env_like(run, "breast_cancer", 0.1)
    found = design_once(env, 0, {"controller": load_policy(run)})
    best, _ = play_episode(env, load_policy(run), 0)
    expected = evaluate(best.network, env.dataset, env.dataset.test).metric
    assert found["controller"]["test_accuracy"] == expected


def test_the_same_call_goes_on_where_the_last_one_ended(compared, monkeypatch):
    arguments, found = compared
    out = arguments["out"]
    kept = files_in(out)
    (path,) = (out / "runs").glob("heldout_2-0.5-1-*.json")
    path.unlink()
    designed = []
    whole = module.design_once

    def noted(env: Any, seed: int, policies: Any) -> Any:
        designed.append((env.dataset.name, seed))
        return whole(env, seed, policies)

    monkeypatch.setattr(module, "design_once", noted)
    assert transfer(**arguments) == found
    assert designed == [("heldout:2", 1)]
    assert files_in(out) == kept


def test_a_schedule_gets_one_more_weight_where_it_finds_no_network(monkeypatch):
    from rlnas.nn.edits import EditError

    tried = []

    def picky(count: int, data: Any, batches: int, rng: Any) -> Any:
        tried.append(count)
        if count < 7:
            raise EditError("none")
        return count

    assert train_with_at_least(5, picky, None, 10, 0) == 7  # type: ignore[arg-type]
    assert tried == [5, 6, 7]


# --- the report ---


def made_up(datasets: dict[str, float], rivals: dict[str, float]) -> list[dict[str, Any]]:
    """Combinations in which the controller scores 0.5 and more by data set, rivals as given."""
    rng = np.random.default_rng(0)
    found = []
    for dataset, more in datasets.items():
        for penalty in (0.1, 1.0):
            for seed in range(8):
                scores = {"controller": 0.5 + more, **rivals}
                designs = {
                    name: {
                        "test_score": score + 0.01 * rng.normal(),
                        "test_accuracy": 0.9,
                        "active_weights": 100 + seed,
                    }
                    for name, score in scores.items()
                }
                found.append(
                    {"dataset": dataset, "penalty": penalty, "seed": seed, "designs": designs}
                )
    return found


def test_tasks_of_a_family_are_reported_together():
    found = made_up({"mnist": 0, "heldout:0": 0, "heldout:7": 0}, {"dense": 0.4})
    assert {name: len(some) for name, some in by_task(found).items()} == {
        "mnist": 16,
        "heldout:*": 32,
    }


def test_the_difference_is_paired():
    found = made_up({"mnist": 0.1}, {"dense": 0.4})
    pairs = [
        each["designs"]["controller"]["test_score"] - each["designs"]["dense"]["test_score"]
        for each in found
    ]
    value = difference(found, "dense")
    assert value.value == interquartile_mean(pairs)
    assert value.low < 0.2 < value.high


def test_the_summary_is_the_difference_on_each_task():
    found = made_up({"mnist": 0.1, "heldout:0": 0, "heldout:1": 0}, {"dense": 0.4, "rigl": 0.6})
    head, _, *rows = summary(found).splitlines()
    assert head == "| controller better than | mnist (16 pairs) | heldout:* (32 pairs) |"
    expected = [difference(some, "rigl") for some in by_task(found).values()]
    assert rows[1] == f"| rigl | {expected[0]:+.4f} | {expected[1]:+.4f} |"
    assert len(rows) == 2


def test_the_verdict_counts_data_sets_on_which_no_rival_is_better():
    found = made_up({"a": 0.3, "b": -0.3, "c": 0.3}, {"dense": 0.4, "rigl": 0.6})
    assert "on 2 of 3 data sets" in verdict(found)


def test_tables_and_a_picture_are_written(tmp_path):
    text = write_report(made_up({"mnist": 0.1, "heldout:0": 0}, {"dense": 0.4}), tmp_path)
    assert (tmp_path / "transfer.md").read_text() == text + "\n"
    assert (tmp_path / "transfer.png").read_bytes().startswith(b"\x89PNG")
    assert text.count("\n| dense |") == 5  # of two data sets and penalties, and of all
    assert text.startswith(summary(made_up({"mnist": 0.1, "heldout:0": 0}, {"dense": 0.4})))
    assert "### heldout:*, penalty 0.1 (8 designs of each method)" in text


# --- the command ---


def test_the_command_writes_the_report(run, halving, tmp_path, capsys):
    out = tmp_path / "out"
    policies = ["--policies", str(run), str(halving)]
    few = ["--datasets", "breast_cancer", "--penalties", "0.1", "--seeds", "2", "--jobs", "1"]
    assert main(["transfer", *policies, *few, "--out", str(out)]) == 0
    assert "| halving |" in capsys.readouterr().out
    assert {"task.json", "results.json", "transfer.md", "transfer.png"} <= files_in(out).keys()
    assert json.loads((out / "task.json").read_text())["policies"] == [
        [run.name, fingerprint(run)],
        ["halving", fingerprint(halving)],
    ]


def test_results_of_other_policies_are_not_mixed_in(compared, halving):
    arguments, _ = compared
    with pytest.raises(InputError, match="holds results of another task"):
        transfer(**{**arguments, "policies": (halving,)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"policies": ()}, "no policy: expected at least one run folder"),
        ({"policies": (Path("absent"),)}, "absent"),
        ({"sources": ("nothing",)}, "nothing"),
        ({"penalties": (-0.1,)}, "penalty -0.1 is out of range"),
        ({"seeds": 0}, "seeds"),
    ],
)
def test_bad_values_are_refused_before_anything_is_written(changes, message, run, tmp_path):
    values: dict[str, Any] = {
        "policies": (run,),
        "sources": ("breast_cancer",),
        "seeds": 1,
        "jobs": 1,
    }
    out = tmp_path / "out"
    with pytest.raises(InputError, match=message):
        transfer(out, **{**values, **changes}, progress_bar=False)
    assert not out.exists()


def test_a_rival_may_not_have_the_name_of_a_method(run, halving, tmp_path):
    rigl = tmp_path / "rigl"
    rigl.mkdir()
    for name, content in files_in(halving).items():
        (rigl / name).write_bytes(content)
    for rivals in [(rigl,), (halving, halving)]:
        with pytest.raises(InputError, match="need names of their own"):
            transfer(tmp_path / "out", (run, *rivals), progress_bar=False)
