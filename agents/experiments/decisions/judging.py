"""Playing an episode with a budget and judging it on test samples, which the player never sees."""

from typing import NamedTuple

from rlnas.agents.policies.policy import Policy
from rlnas.data.dataset import Dataset
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.budget.episode import BudgetState, share_left
from rlnas.envs.episode import EvaluatedNetwork
from rlnas.nn.network import EMA
from rlnas.nn.training import evaluate, evaluate_outputs


class Judged(NamedTuple):
    """What an episode is worth.

    Attributes:
        anytime: The anytime score on the validation samples, as the environment counts it.
        end: The best score on them.
        test_anytime: The anytime score of the same designs, each the best so far on the validation
            samples, measured on the test samples.
        test_end: The score on the test samples of the best design.
        actions: Numbers of the actions.
    """

    anytime: float
    end: float
    test_anytime: float
    test_end: float
    actions: tuple[int, ...]


def judge(env: BudgetDesignEnv, policy: Policy, seed: int) -> Judged:
    """Play one episode.

    Args:
        env: An environment of one data set.
        policy: Chooses the actions.
        seed: Seed of the episode.
    """
    observation, _ = env.reset(seed=seed)
    state, actions = env.state, []
    test = area = _test_score(state.best, state)
    while not state.over:
        actions.append(policy(observation, env.action_masks()))
        observation, *_ = env.step(actions[-1])
        before, state = state, env.state
        if state.best is not before.best:
            now = _test_score(state.best, state)
            area += (now - test) * share_left(state.spent, state.first, state.budget)
            test = now
    return Judged(state.anytime, state.best_score, area, test, tuple(actions))


def _test_score(design: EvaluatedNetwork, state: BudgetState) -> float:
    """The score on the test samples."""
    return _test_metric(design, state.dataset) - state.penalty * design.relative_size


def _test_metric(design: EvaluatedNetwork, data: Dataset) -> float:
    if design.network.active_weights > 0:
        return evaluate(design.network, data, data.test).metric
    return evaluate_outputs(design.network.units[EMA], data, data.test).metric
