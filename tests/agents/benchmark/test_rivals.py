"""What is chosen on training tasks, its file, and the table of all rivals."""

import json
from functools import partial

import numpy as np
import pytest

from rlnas.agents.benchmark import Protocol, check, play
from rlnas.agents.benchmark.protocol import oracle_gains
from rlnas.agents.benchmark.rivals import larger, measuring
from rlnas.agents.benchmark.rivals.acting import players
from rlnas.agents.benchmark.rivals.fitted import Choices, Fitted, read_fitted, write_fitted
from rlnas.agents.benchmark.rivals.fitting import cells_of, fit_rivals
from rlnas.agents.benchmark.rivals.lists import look_up_lists
from rlnas.agents.benchmark.rivals.measuring import hindsight, measure_rivals, rivals
from rlnas.agents.benchmark.rivals.rules import Rule, RulePlayer
from rlnas.agents.benchmark.rivals.searches import random_search, search
from rlnas.agents.benchmark.submission import read_submission
from rlnas.errors import InputError
from rlnas.files.reading import sha256_of

PRICES = {"penalties": (0.001, 0.1), "budgets": (0.1, 0.4)}


@pytest.fixture(scope="module")
def fitted(family):
    return fit_rivals(family, Protocol("train", **PRICES), progress_bar=False)


def test_rivals_are_chosen_for_every_price_and_again_the_same(family, fitted):
    assert fitted.prices == [(0.001, 0.1), (0.001, 0.4), (0.1, 0.1), (0.1, 0.4)]
    assert fitted.family == sha256_of(family.path)
    assert fitted.tasks == 2
    again = fit_rivals(family, Protocol("train", **PRICES), n_jobs=2, progress_bar=False)
    assert again == fitted


def test_weights_make_the_value_a_score(family, fitted):
    """The value of a choice is the mean score that its gains are a share of."""
    protocol = Protocol("train", **PRICES)
    cells = cells_of(family, protocol)
    tables = protocol.tables(family)
    episodes = protocol.episodes([table.task.name for table in tables])
    rules = [Rule.constant(9, 90)]
    total = sum(cell.values(rules, RulePlayer)[0] for cell in cells)
    played = play(tables, episodes, RulePlayer(rules * len(episodes)))
    from rlnas.agents.benchmark.evaluating import scored
    from rlnas.agents.benchmark.submission import About

    wanted = scored(played, family, About("rule"), protocol).anytime.mean()
    assert total / len(cells) == pytest.approx(wanted)


def test_file_gives_back_what_was_chosen(fitted, tmp_path):
    path = tmp_path / "fitted.json"
    write_fitted(path, fitted)
    assert read_fitted(path) == fitted


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("format",), "rlnas-rivals-0"),
        (("choices",), []),
        (("choices", 0, "constant", "start"), 48),
        (("choices", 0, "sequence"), [91]),
        (("choices", 0, "designs"), [386 * 4]),
        (("choices", 0, "pruning"), [0] * 49),
        (("family_sha256",), "0"),
    ],
)
def test_damaged_file_is_refused(fitted, tmp_path, keys, value):
    path = tmp_path / "fitted.json"
    write_fitted(path, fitted)
    found = inner = json.loads(path.read_text())
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(found))
    with pytest.raises(InputError, match="holds no rivals") as told:
        read_fitted(path)
    assert "\n" not in str(told.value)


def test_lists_are_those_of_the_nearest_price(family):
    protocol = Protocol("test", **PRICES)
    tables = protocol.tables(family)
    episodes = protocol.episodes([table.task.name for table in tables])
    rule = Rule.constant(0, 90)
    choices = tuple(
        Choices(p, b, rule, rule, (k,), (k, k + 40), (k + 100,))
        for k, (p, b) in enumerate([(0.001, 0.1), (0.001, 0.4), (0.1, 0.1), (0.1, 0.4)])
    )
    fitted = Fitted("0" * 64, 1, 0, choices)
    found = rivals(fitted)["2 designs"](tables, episodes)
    lists = [choices[fitted.prices.index((e.penalty, e.budget))].designs for e in episodes]
    np.testing.assert_array_equal(found.anytime, look_up_lists(tables, episodes, lists).anytime)
    played = play(tables, episodes, players(fitted)["sequence"])
    for episode, actions in zip(episodes, played.actions, strict=True):
        assert actions[0] == fitted.prices.index((episode.penalty, episode.budget))


def test_hindsight_takes_the_best_of_each_task():
    first = np.array([[1.0, 0.0], [0.2, 0.2]])
    second = np.array([[0.4, 0.4], [0.3, 0.0]])
    np.testing.assert_array_equal(hindsight([first, second]), first)
    np.testing.assert_array_equal(hindsight([first - 1, second]), second)


@pytest.mark.slow
def test_all_rivals_are_measured_once_and_compared(family, fitted, tmp_path, monkeypatch):
    monkeypatch.setattr(larger, "TIMES", (2,))
    monkeypatch.setattr(larger, "SLOW", {"random search": ()})
    monkeypatch.delitem(measuring.SEARCHES, "TPE")  # it takes long
    measure = partial(measure_rivals, n_jobs=1, progress_bar=False)
    protocol = Protocol("test")
    text = measure(family, fitted, tmp_path, protocol)
    for name in rivals(fitted):
        assert f"| {name}" in text or name.replace(" ", "-") in text
    assert "regularised evolution, 2 times the budget" in text
    assert "PPO from scratch, 2 times the budget" in text
    assert "best of all in hindsight" in text
    assert "random search, 2" not in text
    check(read_submission(tmp_path / "threshold-rule.json"), family)
    nothing = read_submission(tmp_path / "nothing.json")
    assert (nothing.anytime == 0).all()
    monkeypatch.setattr(measuring, "scored", None)  # nothing is measured again
    monkeypatch.setattr(larger, "_measure", None)
    assert measure(family, fitted, tmp_path, protocol) == text
    with pytest.raises(InputError, match=r"nothing.json is of other tables or rules"):
        measure(family, fitted, tmp_path, Protocol("train"))
    next((tmp_path / "larger").glob("hill_climbing-2-*.json")).write_text("{}")
    with pytest.raises(InputError, match="is damaged"):
        measure(family, fitted, tmp_path, protocol)


def test_larger_budgets_are_those_of_the_first_seed_as_a_share_of_the_oracle(family, tmp_path):
    protocol = Protocol("test", penalties=(0.1,), budgets=(0.1, 0.3))
    found = larger._measure(family.path, protocol, "random search", 10, 0)
    tables = protocol.tables(family)
    every = protocol.episodes([table.task.name for table in tables])
    gains = search(tables, [each for each in every if each.seed == 0], random_search, 10).final
    _, oracle = oracle_gains(tables, every, protocol.episode_steps)
    for task, gain in enumerate(gains.reshape(-1, 2).mean(axis=1)):
        wanted = gain / max(oracle.reshape(-1, 10)[task].mean(), 0.05)
        assert found[task] == pytest.approx(wanted)
