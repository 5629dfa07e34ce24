"""Budgets on the command line: what cannot be used is told in the words that were typed."""

import re

import numpy as np
import pytest

from rlnas.agents.cli.arguments import parse
from rlnas.agents.cli.commands.train import Train
from rlnas.agents.cli.main import main
from rlnas.agents.config import (
    SHIPPED,
    SHIPPED_BUDGET,
    SHIPPED_EDIT_SEQUENCE as SEQUENCE,
)
from rlnas.agents.designing.design import evaluate_policy
from rlnas.errors import InputError

STEP = "does not pay for the first step on data set 'wine': expected at least 0.0034"
SPARSE = "does not pay for 8 batches of a sparse training on data set 'wine': expected at least"

RANGES = ["train wine --run-dir {} --budget", "evolve wine --run-dir {} --budget"]
NUMBERS = {
    "compare --dataset wine --jobs 1 --out {} --episode-budget": STEP,
    "transfer --datasets wine --jobs 1 --out {} --budget": SPARSE,
    "design wine --out {} --cost": STEP,
}


def refused(words: str, folder, capsys) -> str:
    """The one line that a command prints which makes no folder."""
    assert main([*words.format(folder).split(), "--quiet"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert not folder.exists()
    return shown.err.removeprefix("rlnas: ").strip()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("inf", "--budget inf cannot be used: expected a finite number, or LOW HIGH"),
        ("nan", "--budget nan cannot be used: expected a finite number, or LOW HIGH"),
        ("0.1 inf", "--budget 0.1 inf cannot be used: expected a finite number, or LOW HIGH"),
        ("2 0.1", "--budget 2.0 0.1 is upside down: expected LOW HIGH, give 0.1 2.0"),
        ("0", "--budget 0.0 is out of range: expected from 1e-06 to 1e+06"),
        ("-1", "--budget -1.0 is out of range: expected from 1e-06 to 1e+06"),
        ("1e-9", "--budget 1e-09 is out of range: expected from 1e-06 to 1e+06"),
        ("1e-5 1", f"--budget 1e-05 {STEP}"),
    ],
)
@pytest.mark.parametrize("command", RANGES)
def test_a_range_of_budgets_is_refused_in_one_line(command, typed, told, tmp_path, capsys):
    assert refused(f"{command} {typed}", tmp_path / "out", capsys) == told


@pytest.mark.parametrize("command", NUMBERS)
@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("inf", "inf cannot be used: expected a number from 1e-06 to 1e+06"),
        ("nan", "nan cannot be used: expected a number from 1e-06 to 1e+06"),
        ("0", "0.0 is out of range: expected from 1e-06 to 1e+06"),
        ("-1", "-1.0 is out of range: expected from 1e-06 to 1e+06"),
        ("1e-9", "1e-09 is out of range: expected from 1e-06 to 1e+06"),
        ("1e-5", None),
    ],
)
def test_a_cost_is_refused_by_the_name_that_was_typed(command, typed, told, tmp_path, capsys):
    option = command.split()[-1]
    expected = f"1e-05 {NUMBERS[command]}" if told is None else told
    assert refused(f"{command} {typed}", tmp_path / "out", capsys).startswith(
        f"{option} {expected}"
    )


def test_the_least_cost_that_is_told_can_be_used(tmp_path, capsys):
    told = refused("design wine --out {} --cost 1e-5", tmp_path / "out", capsys)
    least = told.split()[-1]
    assert main(["design", "wine", "--cost", least, "--out", str(tmp_path), "--quiet"]) == 0


def test_a_cost_beyond_the_training_of_the_policy_is_told(tmp_path, caplog):
    for cost, told in ((0.031, []), (0.01, ["--cost 0.01"])):
        caplog.clear()
        words = ["design", "wine", "--cost", str(cost), "--out", str(tmp_path / str(cost))]
        assert main([*words, "--quiet"]) == 0
        expected = [f"{each}: the policy was trained with budgets of 0.03 to 1" for each in told]
        assert caplog.messages == expected


@pytest.mark.parametrize("words", ["play --dataset wine", "evaluate-policy wine"])
def test_a_budget_for_a_policy_without_budgets_is_refused(words, capsys):
    assert main([*words.split(), "--policy", str(SHIPPED), "--budget", "1"]) == 2
    assert "a budget needs one that was trained with --budget" in capsys.readouterr().err


def test_a_policy_is_evaluated_with_the_budget_that_is_asked_for(capsys):
    assert main(["evaluate-policy", "wine", "--budget", "0.01", "--episodes", "2", "--quiet"]) == 0
    shown = capsys.readouterr().out
    expected = evaluate_policy(SHIPPED_BUDGET, "wine", budget=0.01, episodes=2, progress_bar=False)[
        "anytime score"
    ]
    assert f"mean anytime score {np.mean(expected['trained']):.4f}" in shown


def test_a_budget_of_the_policy_that_does_not_pay_is_told_as_the_default(
    budget_run, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("rlnas.agents.policies.environments._middle", lambda values: 1e-5)
    words = f"design wine --out {{}} --policy {budget_run}"
    assert refused(words, tmp_path / "out", capsys) == f"the default --cost 1e-05 {STEP}"


# --- what the parser refuses ---


def printed(words: str, capsys) -> str:
    """Why the parser refuses options."""
    with pytest.raises(InputError) as refusal:
        parse(words.split())
    assert capsys.readouterr() == ("", "")
    return str(refusal.value)


def test_none_is_no_choice_and_choices_keep_their_order(capsys):
    shown = printed("train wine --budget 1 --reward nice", capsys)
    assert "expected 'difference', 'score', 'anytime', 'final'" in shown
    assert "None" not in shown


@pytest.mark.parametrize("typed", ["abc", "None"])
def test_an_optional_setting_is_refused_as_a_required_one_is(typed, capsys):
    for optional, required in (("budget", "penalty"), ("batches-per-step", "seed")):
        told, expected = (
            printed(f"train wine --{name} {typed}", capsys) for name in (optional, required)
        )
        assert told == expected.replace(required, optional)
        assert f"'{typed}' cannot be used: expected" in told


def test_an_optional_setting_that_is_not_given_is_none():
    command, _ = parse(["train", "wine"])
    assert command == Train(("wine",))
    command, _ = parse(["train", "wine", "--budget", "0.5", "2", "--reward", "final"])
    assert (command.budget, command.reward, command.given) == ((0.5, 2.0), "final", None)


# --- a policy for the other kind of episodes ---


@pytest.mark.parametrize(
    "words",
    [
        f"design wine --out {{}} --cost 1 --policy {SHIPPED}",
        f"design wine --out {{}} --thorough --policy {SHIPPED_BUDGET}",
        f"transfer --datasets wine --out {{}} --policies {SHIPPED_BUDGET}",
        f"transfer --datasets wine --out {{}} --budget 1 --policies {SHIPPED}",
        f"transfer --datasets wine --out {{}} --budget 1 --policies {SHIPPED_BUDGET} {SEQUENCE}",
        f"train wine --run-dir {{}} --start {SHIPPED_BUDGET}",
        f"train wine --run-dir {{}} --budget 1 --start {SHIPPED}",
        "compare --dataset wine --out {} --episode-budget 1 --methods shipped_edit_sequence",
        f"study tables --out {{}} --policy {SHIPPED_BUDGET}",
    ],
)
def test_a_policy_for_other_episodes_is_refused_in_one_line(words, tmp_path, capsys):
    told = refused(words, tmp_path / "out", capsys)
    assert re.search("trained (in episodes )?with(out)? a (budget|fixed number of steps)", told)
