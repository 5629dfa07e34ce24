"""Playing by hand: answers are actions, nonsense is asked again, the controller plays the same."""

from collections.abc import Iterator

import numpy as np
import pytest

from rlnas.agents.cli.commands.play import Play, menu
from rlnas.agents.policies.environments import env_like
from rlnas.agents.policies.episode import play_episode
from rlnas.agents.policies.policy import load_policy
from rlnas.envs.actions import ACTIONS
from rlnas.envs.budget.actions import BUDGET_ACTIONS

STEPS = 4  # of an episode of `run`


def player(*answers: str):
    """Gives the answers, then closes its input."""
    left: Iterator[str] = iter(answers)

    def ask(prompt: str) -> str:
        for answer in left:
            return answer
        raise EOFError

    return ask


def command(run, **settings) -> Play:
    return Play(dataset="wine", policy=run, **settings)


def expected(run, actions: list[int]) -> list[float]:
    """The scores of these actions in the same episode."""
    env = env_like(run, "wine", middle=True)
    scores = [env.reset(seed=0)[1]["score"]]
    return scores + [env.step(action)[4]["score"] for action in actions]


def test_answers_are_the_actions_of_an_episode(run, capsys):
    scores = command(run).play(player("1", "", "12", " 21 "))
    assert scores == expected(run, [1, 0, 12, 21])
    shown = capsys.readouterr().out
    assert f"your best score {max(scores):.4f}, the last {scores[-1]:.4f}" in shown
    assert "add_connections all x1.25" in shown


@pytest.mark.parametrize("end", [["q"], []], ids=["q", "end of input"])
def test_it_can_be_stopped(run, end):
    assert command(run).play(player("1", *end)) == expected(run, [1])


def test_what_is_no_legal_action_is_asked_again(run, capsys):
    assert command(run).play(player("x", "-1", "99", "36.5", "29", "1", "q")) == expected(run, [1])
    assert capsys.readouterr().out.count("is no legal action") == 5  # 29: there is no second layer


def test_the_controller_plays_the_same_episode(run, capsys):
    command(run, seed=3, penalty=0.5).play(player())
    best, _ = play_episode(env_like(run, "wine", 0.5, middle=True), load_policy(run), 3)
    assert f"the policy's best {best.info['score']:.4f}" in capsys.readouterr().out


def test_the_menu_has_the_legal_actions_and_no_other():
    mask = np.zeros(len(ACTIONS), bool)
    mask[[0, 1, 2, 33]] = True
    table = menu(mask)
    names, choices = (list(column.cells) for column in table.columns)
    assert names == ["none", "add connections", "add layer"]
    assert choices == ["[0] ", "[1] all x1.25   [2] all x2", "[33] hidden 1"]


# --- episodes with a budget ---


def number(name: str) -> int:
    """The number of an action of episodes with a budget."""
    return next(number for number, action in enumerate(BUDGET_ACTIONS) if str(action) == name)


def test_with_a_budget_costs_are_told_and_the_policy_plays_the_same_episode(budget_run, capsys):
    start, more = number("start linear"), number("none, normal training")
    scores = command(budget_run).play(player(str(start), str(more)))
    env = env_like(budget_run, "wine", middle=True)
    infos = [env.reset(seed=0)[1], *(env.step(action)[4] for action in (start, more))]
    assert scores == [info["score"] for info in infos]
    shown = " ".join(capsys.readouterr().out.split())
    assert f"a budget of {infos[0]['budget'] / env.state.unit:.3g}" in shown
    for info in infos[1:]:
        left = (info["budget"] - info["spent"]) / info["budget"]
        assert f"cost {info['cost'] / info['budget']:.1%} of the budget, left {left:.1%}" in shown
        assert f"anytime score {info['anytime']:.4f}" in shown
    best, history = play_episode(env, load_policy(budget_run), 0)
    ours, theirs = shown.split("your best score")[1].split("the policy's best")
    assert f"anytime score {infos[-1]['anytime']:.4f}" in ours
    assert f"{best.info['score']:.4f}" in theirs
    assert f"anytime score {history[-1]['anytime']:.4f}" in theirs


def test_an_episode_has_the_budget_that_is_asked_for(capsys):
    Play(dataset="wine", budget=0.01).play(player("q"))
    assert "a budget of 0.01." in " ".join(capsys.readouterr().out.split())


def test_enter_is_offered_only_where_it_is_legal(budget_run, run):
    prompts: list[str] = []

    def asked(*answers: str):
        answer = player(*answers)
        prompts.clear()
        return lambda prompt: (prompts.append(prompt), answer(prompt))[1]

    start, more = number("start linear"), number("none, short training")
    scores = command(budget_run).play(asked(str(start), "", "q"))
    env = env_like(budget_run, "wine", middle=True)
    env.reset(seed=0)
    assert scores[1:] == [env.step(action)[4]["score"] for action in (start, more)]
    with_enter = "action (Enter for none, short training, q to stop): "
    assert prompts == ["action (q to stop): ", with_enter, with_enter]
    command(run).play(asked("q"))
    assert prompts == ["action (Enter for none, q to stop): "]


def test_enter_where_it_is_not_offered_is_asked_again(budget_run, capsys):
    assert len(command(budget_run).play(player("", "q"))) == 1
    assert "'' is no legal action" in capsys.readouterr().out


def test_before_the_start_there_is_a_constant_prediction_and_no_word_of_an_edit(budget_run, capsys):
    command(budget_run).play(player("q"))
    shown = capsys.readouterr().out
    assert "constant prediction, no connections" in shown
    assert "nothing yet" in shown
    assert "there is no network yet: choose a start" in shown
    assert "0 weights" not in shown
    assert "training after the edit" not in shown


def test_the_menu_with_a_budget_has_every_length_of_an_edit():
    mask = np.zeros(len(BUDGET_ACTIONS), bool)
    lengths = [number(f"none, {length} training") for length in ("short", "normal", "long")]
    add = number("add_connections all x1.25, normal training")
    last = len(BUDGET_ACTIONS) - 1
    mask[[*lengths, add, number("start linear"), last]] = True
    table = menu(mask)
    names, choices = (list(column.cells) for column in table.columns)
    assert names == ["none", "add connections", "start", "stop"]
    shown = [str(each) for each in choices]
    assert shown == [
        "".join(f"[{each}]" for each in lengths),
        f"[{add}] all x1.25",
        f"[{number('start linear')}] linear",
        f"[{last}]",
    ]
