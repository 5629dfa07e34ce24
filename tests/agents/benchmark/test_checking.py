"""Submissions: what is written is read, what is wrong is told in one line."""

import json

import numpy as np
import pytest

from rlnas.agents.benchmark import (
    About,
    Protocol,
    check,
    evaluate,
    play,
    read_submission,
    write_submission,
)
from rlnas.agents.benchmark.rivals import RIVALS
from rlnas.envs.family.bank import unit_cost
from rlnas.envs.family.family_env import FamilyEnv
from rlnas.envs.family.oracle import oracle
from rlnas.errors import InputError
from rlnas.family.family_file import Family, write_family
from tests.agents.benchmark.conftest import TEST, TRAIN
from tests.core.family.test_family import random_table
from tests.test_fuzz_structure import as_text, changed as changed_values


@pytest.fixture
def path(result, tmp_path):
    write_submission(tmp_path / "result.json", result)
    return tmp_path / "result.json"


def test_result_has_every_episode_of_the_split(result):
    assert result.tasks == tuple(TEST)
    assert result.axes == ("table", "rows", "noise")
    assert len(set(result.episodes)) == len(result.episodes) == 3 * 5 * 3 * 3
    assert result.anytime.shape == result.final.shape == (3, 5)


def test_scores_are_what_the_episodes_give_over_what_the_oracle_gains(family, result):
    """By hand, for one task."""
    env, table = FamilyEnv(family, split="test"), family.table(TEST[1])
    reachable, gained = [], []
    for seed in range(5):
        for penalty in Protocol().penalties:
            for budget in Protocol().budgets:
                options = {"seed_of_results": seed, "penalty": penalty, "budget": budget}
                _, info = env.reset(options={"task": TEST[1], **options})
                reachable.append(oracle(table, env.state, unit_cost(table)))
                before = info["judged"]
                place = result.episodes.index((TEST[1], seed, penalty, budget))
                for action in result.played.actions[place]:
                    *_, info = env.step(action)
                gained.append((info["anytime"], info["judged"] - before))
    shares = np.array(gained).reshape(5, 9, 2).mean(axis=1) / np.mean(reachable, axis=0)
    assert np.abs(shares).min() > 0
    np.testing.assert_allclose(result.anytime[1], shares[:, 0])
    np.testing.assert_allclose(result.final[1], shares[:, 1])


def test_progress_counts_every_step_once(family):
    protocol, told = Protocol("train"), []
    tables, episodes = protocol.tables(family), protocol.episodes(TRAIN)
    play(tables, episodes, RIVALS["random"](0), 48, told.append)
    assert sum(told) == 48 * len(episodes)
    assert min(told) > 0


def test_written_result_is_read_as_it_was(path, result):
    found = read_submission(path)
    for name in ("about", "protocol", "family", "versions", "tasks", "axes", "episodes"):
        assert getattr(found, name) == getattr(result, name)
    assert found.played.actions == result.played.actions
    for ours, theirs in zip(found.played[1:], result.played[1:], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(found.anytime, result.anytime)
    np.testing.assert_array_equal(found.final, result.final)


def test_results_of_policies_are_valid(path, family):
    check(read_submission(path), family)
    nothing = evaluate(RIVALS["nothing"](0), family, About("nothing"), Protocol("train"), False)
    assert nothing.tasks == tuple(TRAIN)
    assert not nothing.anytime.any()
    assert not nothing.final.any()
    check(nothing, family)


def changed(path, change):
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))
    return path


def episode(value, **changes) -> None:
    value["tasks"][1]["episodes"][4].update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(format="rlnas-result-0"), "is no result of this version of rlnas"),
        (lambda v: v.pop("tasks"), "is damaged: tasks is missing"),
        (lambda v: v.update(tasks=[]), "it has no task"),
        (lambda v: v.update(family_sha256="12"), "family_sha256: expected a text that matches"),
        (lambda v: v.update(more=1), "more is unknown"),
        (lambda v: v["about"].update(policy=3), r"about\.policy: expected a text, found 3"),
        (lambda v: v["protocol"].update(version=2), "protocol has version 2: expected 1"),
        (lambda v: v["protocol"].update(penalties=[0.1]), r"penalties \[0.1\]: expected"),
        (lambda v: v["protocol"].update(split="tests"), "expected one of train, validation, test"),
        (lambda v: v["tasks"].append(v["tasks"][0]), "twice"),
        (lambda v: v["tasks"][0]["episodes"].pop(), "has 44 episodes that are not the 45"),
        (lambda v: v["tasks"][0]["episodes"].reverse(), "in its order"),
        (lambda v: v["tasks"][0]["anytime"].pop(), "has not 5 scores"),
        (lambda v: episode(v, penalty=0.2), "that are not the 45 of the protocol"),
        (lambda v: episode(v, actions="1 91"), "has actions that do not exist"),
        (lambda v: episode(v, actions="1,2"), "expected a text that matches"),
        (lambda v: episode(v, actions=[1, 2]), "expected a text"),
        (lambda v: episode(v, spent=-1), "expected at least 0"),
        (lambda v: episode(v, anytime=None), "expected a number, found None"),
    ],
)
def test_damaged_file_is_refused_in_one_line(path, change, message):
    with pytest.raises(InputError, match=message) as told:
        read_submission(changed(path, change))
    assert "\n" not in str(told.value)
    assert str(path) in str(told.value)


def test_file_that_is_no_result_is_refused(tmp_path):
    for text, message in (("{", "is damaged: it is no JSON"), ("[1]", "is no result of this")):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(InputError, match=message):
            read_submission(tmp_path / "other.json")
    with pytest.raises(InputError, match="cannot read"):
        read_submission(tmp_path / "absent.json")


def longer(value) -> None:
    row = value["tasks"][1]["episodes"][4]
    row["actions"] += " 0" * 48


def shorter(value) -> None:
    row = value["tasks"][1]["episodes"][4]
    row["actions"] = row["actions"].rpartition(" ")[0]


def other_action(value) -> None:
    row = value["tasks"][1]["episodes"][4]
    first, _, rest = row["actions"].partition(" ")
    row["actions"] = f"{0 if first != '0' else 4} {rest}"


_, PENALTY, _ = Protocol().penalties
_, BUDGET, _ = Protocol().budgets
NAME = f"of '{TEST[1]}' with seed 0, penalty {PENALTY:g} and budget {BUDGET:g}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(family_sha256="0" * 64), "made with another family of tasks"),
        (lambda v: v["tasks"].pop(0), f"lacks 1 of the 3 tasks .* such as '{TEST[0]}'"),
        (lambda v: v["tasks"][0].update(name=TRAIN[0]), f"'{TRAIN[0]}', which is not in the split"),
        (lambda v: v["tasks"][0].update(name="new"), "'new', which is not in the split 'test'"),
        (lambda v: v["tasks"].reverse(), "in another order"),
        (lambda v: v["tasks"][0].update(axis="all"), "axes of the tasks are not those"),
        (longer, rf"{NAME} is over after \d+ actions, but \d+ are given"),
        (shorter, rf"{NAME} goes on after its \d+ actions"),
        (other_action, NAME),
        (lambda v: episode(v, anytime=0.9), rf"1 episodes do not .* {NAME}: anytime 0.900000"),
        (lambda v: episode(v, final=0.9), f"{NAME}: final 0.9"),
        (lambda v: episode(v, spent=0.01), f"{NAME}: spent 0.01"),
        (lambda v: v["tasks"][1].update(anytime=[2.0] * 5), f"anytime scores of .*'{TEST[1]}'"),
        (lambda v: v["tasks"][2]["final"].__setitem__(3, 2.0), f"final scores of .*'{TEST[2]}'"),
    ],
)
def test_result_that_its_episodes_do_not_give_is_refused_in_one_line(path, family, change, message):
    with pytest.raises(InputError, match=message) as told:
        check(read_submission(changed(path, change)), family)
    assert "\n" not in str(told.value)


def test_family_that_does_not_fit_is_refused(path, family, tmp_path):
    other = tmp_path / "family.npz"
    write_family(other, [random_table(TEST[0], 9, 5)], {})
    with pytest.raises(InputError, match=f"another family of tasks.*that of {other}"):
        check(read_submission(path), Family(other))
    with pytest.raises(InputError, match="has no task of the split 'train'"):
        evaluate(RIVALS["random"](0), Family(other), About("random"), Protocol("train"), False)
    write_family(other, [random_table(TEST[0], 9, 4)], {})
    with pytest.raises(InputError, match=r"has 4 seeds of the task .* expected 5"):
        evaluate(RIVALS["random"](0), Family(other), About("random"), Protocol(), False)
    with pytest.raises(InputError, match="unknown split 'tests'"):
        Protocol("tests")


def test_hostile_values_are_refused_in_one_line_or_change_no_score(path, family, result):
    variants = list(changed_values(json.loads(path.read_text())))
    told, rng = [], np.random.default_rng(0)
    for place in rng.choice(len(variants), 150, replace=False):
        path.write_bytes(as_text(variants[place]))
        try:
            found = read_submission(path)
            check(found, family)
        except InputError as error:
            told.append(str(error))
        else:
            np.testing.assert_allclose(found.anytime, result.anytime, atol=1e-9)
    assert len(told) > 100
    assert not any("\n" in each for each in told)


def test_words_about_a_result_may_be_anything(path, family):
    whole = json.loads(path.read_text())
    for text in ("", "x" * 4000, "[/red]\x1b[31m", "ä\n|"):
        whole["about"] = {"policy": text, "by": text, "note": text}
        whole["versions"] = {text: text}
        path.write_text(json.dumps(whole))
        found = read_submission(path)
        assert found.about == About(text, text, text)
        check(found, family)
