"""REINFORCE: its gradient is that of the paper, its baseline knows only the past, it learns."""

import numpy as np
import pytest
import torch

from rlnas.agents.search.history import SearchHistory
from rlnas.agents.search.problem import Problem, search
from rlnas.agents.search.recurrent.controller import ControllerSize, Episode, RecurrentController
from rlnas.agents.search.recurrent.policy_gradient import advantages, moving_average
from rlnas.agents.search.recurrent.reinforce import policy_loss, reinforce
from rlnas.envs.tabular.tabular_env import TabularEnv
from tests.core.tables import random_table
from tests.envs.helpers import make

TABLE = random_table()
STEPS = 3


def tabular(**settings) -> TabularEnv:
    """Short episodes from the middle of a table of random results."""
    return TabularEnv(**{"table": TABLE, "episode_steps": STEPS, "start": "middle", **settings})


def final_scores(history: SearchHistory, steps: int = STEPS) -> np.ndarray:
    """Scores of the last designs of all complete episodes."""
    whole = len(history.scores) // (steps + 1)
    return np.array(history.scores[: whole * (steps + 1)]).reshape(whole, -1)[:, -1]


def random_walks(problem: Problem) -> None:
    while True:
        problem.play(lambda _, mask: int(problem.rng.choice(np.flatnonzero(mask))))


# --- the loss ---


def controller_and_episodes() -> tuple[RecurrentController, list[Episode]]:
    """A controller that ignores what it did, and three episodes of two steps."""
    controller = RecurrentController(3, ControllerSize(1, 4, 0.5), torch.Generator().manual_seed(0))
    with torch.no_grad():
        controller.head.weight.zero_()
        controller.head.bias.copy_(torch.tensor([0.0, np.log(2), np.log(3)]))
    full, part = [True, True, True], [True, False, True]
    episodes = [
        Episode(torch.tensor(actions), torch.tensor(masks), 0.0)
        for actions, masks in [
            ([0, 1], [full, full]),
            ([2, 2], [part, full]),
            ([1, 0], [full, part]),
        ]
    ]
    return controller, episodes


def test_policy_loss_gradient_equals_derivation_by_hand():
    controller, episodes = controller_and_episodes()
    policy_loss(controller, episodes, torch.tensor([1.0, -2.0, 0.5])).backward()
    # d log pi(a) / d bias = onehot(a) - p; p is (1, 2, 3) / 6, or (1, 0, 3) / 4 without action 1.
    p, q = np.array([1, 2, 3]) / 6, np.array([1, 0, 3]) / 4
    one = np.eye(3)
    by_hand = [one[0] - p + one[1] - p, one[2] - q + one[2] - p, one[1] - p + one[0] - q]
    truth = -(1.0 * by_hand[0] - 2.0 * by_hand[1] + 0.5 * by_hand[2]) / 3
    np.testing.assert_allclose(controller.head.bias.grad, truth, rtol=1e-5, atol=1e-7)


def test_policy_loss_equals_calculation_by_hand():
    controller, episodes = controller_and_episodes()
    found = policy_loss(controller, episodes, torch.tensor([1.0, -2.0, 0.5])).item()
    sums = [np.log(1 / 6 * 2 / 6), np.log(3 / 4 * 3 / 6), np.log(2 / 6 * 1 / 4)]
    assert found == pytest.approx(-(sums[0] - 2 * sums[1] + 0.5 * sums[2]) / 3, rel=1e-6)


# --- the baseline ---


def test_moving_average_equals_recursion():
    values = np.random.default_rng(0).normal(size=30)
    assert moving_average(values[:1]) == values[0]
    total = weight = 0.0
    for count, value in enumerate(values, start=1):
        total, weight = 0.95 * total + 0.05 * value, 0.95 * weight + 0.05
        assert moving_average(values[:count]) == pytest.approx(total / weight)


def test_moving_average_equals_plain_exponential_average_for_long_past():
    values = np.random.default_rng(1).normal(size=20_000)
    average = 0.0
    for value in values:
        average = 0.95 * average + 0.05 * value
    assert moving_average(values) == pytest.approx(average, abs=1e-12)


def test_advantages_use_only_past_scores_as_baseline():
    past = [0.25, 0.5, 0.75]
    for scores in ([0.0, 1.0], [5.0, 7.0]):
        found = advantages(scores, past)
        assert found.dtype == torch.float32
        np.testing.assert_allclose(found, np.array(scores) - moving_average(past), rtol=1e-6)


def test_advantages_use_own_mean_when_there_is_no_past():
    assert advantages([1.0, 2.0, 6.0], []).tolist() == [-2, -1, 3]


# --- the search ---


def test_update_uses_final_scores_of_all_earlier_episodes(monkeypatch):
    updates = []

    def spy(scores, past):
        updates.append((list(scores), list(past)))
        return advantages(scores, past)

    monkeypatch.setattr("rlnas.agents.search.recurrent.policy_gradient.advantages", spy)
    final = final_scores(search(reinforce, Problem(tabular, 24 * (STEPS + 1), 0))).tolist()
    assert updates == [(final[n : n + 8], final[:n]) for n in (0, 8, 16)]


def test_late_episodes_beat_random_ones():
    budget = 400 * (STEPS + 1)
    late, random = [], []
    for seed in (0, 1):
        found = search(
            lambda problem: reinforce(problem, learning_rate=0.02), Problem(tabular, budget, seed)
        )
        late.append(final_scores(found)[-100:].mean())
        random.append(final_scores(search(random_walks, Problem(tabular, budget, seed))))
    # A standard deviation of single episodes is ten standard errors of the mean of a hundred.
    assert np.mean(late) > np.mean(random) + np.std(random)


def test_scores_do_not_improve_with_tiny_learning_rate():
    def slow(problem: Problem) -> None:
        reinforce(problem, learning_rate=1e-9)

    still = final_scores(search(slow, Problem(tabular, 240 * (STEPS + 1), 0)))
    assert abs(still[-100:].mean() - still[:100].mean()) < 3 * still.std() / np.sqrt(50)


@pytest.mark.parametrize(("env", "budget"), [(tabular, 100), (make, 400)])
def test_history_is_determined_by_seed(env, budget):
    histories = [search(reinforce, Problem(env, budget, seed)) for seed in (0, 0, 1)]
    one, again, other = [each.evaluations for each in histories]
    assert one == again
    assert one != other


@pytest.mark.parametrize(("env", "budget"), [(tabular, 90), (make, 400)])
def test_budget_is_spent_on_different_designs(env, budget):
    problem = Problem(env, budget, 0)
    history = search(reinforce, problem)
    assert budget <= history.spent < budget + 3
    assert history.best_score == max(history.scores)
    assert len({each.weights for each in history.evaluations}) > 3
