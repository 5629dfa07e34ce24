"""PPO of a recurrent controller: the clipped objective, where it starts, and that it learns."""

import numpy as np
import pytest
import torch

from rlnas.agents.search.history import SearchHistory
from rlnas.agents.search.problem import Problem, search
from rlnas.agents.search.recurrent.controller import (
    ControllerSize,
    Episode,
    RecurrentController,
    evaluate_actions,
)
from rlnas.agents.search.recurrent.policy_gradient import advantages
from rlnas.agents.search.recurrent.ppo import clipped_loss, recurrent_ppo
from rlnas.agents.search.recurrent.reinforce import policy_loss
from rlnas.envs.tabular.tabular_env import TabularEnv
from tests.core.tables import random_table
from tests.envs.helpers import make

TABLE = random_table()
STEPS = 3


def tabular(**settings) -> TabularEnv:
    """Short episodes from the middle of a table of random results."""
    return TabularEnv(**{"table": TABLE, "episode_steps": STEPS, "start": "middle", **settings})


def final_scores(history: SearchHistory) -> np.ndarray:
    """Scores of the last designs of all complete episodes."""
    whole = len(history.scores) // (STEPS + 1)
    return np.array(history.scores[: whole * (STEPS + 1)]).reshape(whole, -1)[:, -1]


def random_walks(problem: Problem) -> None:
    while True:
        problem.play(lambda _, mask: int(problem.rng.choice(np.flatnonzero(mask))))


# --- the objective ---


def test_first_gradient_equals_reinforce():
    controller = RecurrentController(4, ControllerSize(2, 6, 0.5), torch.Generator().manual_seed(0))
    rng = np.random.default_rng(0)
    episodes = []
    for _ in range(5):
        actions = rng.integers(4, size=7)
        masks = rng.random((7, 4)) < 0.6
        masks[np.arange(7), actions] = True
        episodes.append(Episode(torch.tensor(actions), torch.tensor(masks), 0.0))
    gains = torch.tensor(rng.normal(size=5), dtype=torch.float32)

    policy_loss(controller, episodes, gains).backward()
    truth = [parameter.grad.clone() for parameter in controller.parameters()]
    controller.zero_grad()
    new, _ = evaluate_actions(controller, episodes)
    clipped_loss(new, new.detach(), gains).backward()
    for parameter, expected in zip(controller.parameters(), truth, strict=True):
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-4, atol=1e-6)
    assert any(gradient.abs().max() > 1e-2 for gradient in truth)


def test_clipped_loss_and_gradient_equal_calculation_by_hand():
    ratios = [[1.5, 1.1, 0.5], [1.5, 0.9, 0.5]]
    new = torch.tensor(ratios).log().requires_grad_()
    loss = clipped_loss(new, torch.zeros(2, 3), torch.tensor([2.0, -1.0]))
    # Clipped at 1.2 where the advantage is positive, at 0.8 where it is negative.
    by_hand = [[2 * 1.2, 2 * 1.1, 2 * 0.5], [-1.5, -0.9, -0.8]]
    assert loss.item() == pytest.approx(-np.sum(by_hand) / 2)
    loss.backward()
    # d ratio / d log-probability is the ratio; what is clipped no longer matters.
    truth = -np.array([[0, 2 * 1.1, 2 * 0.5], [-1.5, -0.9, 0]]) / 2
    np.testing.assert_allclose(new.grad, truth, rtol=1e-6, atol=1e-7)


# --- the search ---


def test_update_has_ten_epochs_and_uses_final_scores_of_all_earlier_episodes(monkeypatch):
    updates, judged = [], []

    def spy(scores, past):
        updates.append((list(scores), list(past)))
        judged.append(0)
        return advantages(scores, past)

    def judge_spy(controller, episodes):
        judged[-1] += 1
        return evaluate_actions(controller, episodes)

    monkeypatch.setattr("rlnas.agents.search.recurrent.policy_gradient.advantages", spy)
    monkeypatch.setattr("rlnas.agents.search.recurrent.ppo.evaluate_actions", judge_spy)
    final = final_scores(search(recurrent_ppo, Problem(tabular, 60 * (STEPS + 1), 0))).tolist()
    expected = [(final[n : n + 20], final[:n]) for n in (0, 20, 40)]
    assert updates == expected
    assert judged == [1 + 10] * 3  # once for the probabilities at the draw


def test_late_episodes_beat_random_ones():
    budget = 400 * (STEPS + 1)
    late, random = [], []
    for seed in (0, 1):
        found = search(
            lambda problem: recurrent_ppo(problem, learning_rate=3e-3),
            Problem(tabular, budget, seed),
        )
        late.append(final_scores(found)[-100:].mean())
        random.append(final_scores(search(random_walks, Problem(tabular, budget, seed))))
    # A standard deviation of single episodes is ten standard errors of the mean of a hundred.
    assert np.mean(late) > np.mean(random) + np.std(random)


@pytest.mark.parametrize(("env", "budget"), [(tabular, 200), (make, 500)])
def test_history_is_determined_by_seed(env, budget):
    histories = [search(recurrent_ppo, Problem(env, budget, seed)) for seed in (0, 0, 1)]
    one, again, other = [each.evaluations for each in histories]
    assert one == again
    assert one != other


@pytest.mark.parametrize(("env", "budget"), [(tabular, 90), (make, 500)])
def test_budget_is_spent_on_different_designs(env, budget):
    problem = Problem(env, budget, 0)
    history = search(recurrent_ppo, problem)
    assert budget <= history.spent < budget + 3
    assert history.best_score == max(history.scores)
    assert len({each.weights for each in history.evaluations}) > 3
