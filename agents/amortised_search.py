"""The policies that come with rlnas as search strategies: they design, and learn nothing more."""

from rlnas.agents.config import SHIPPED, SHIPPED_SCHEDULE
from rlnas.agents.policy import Policy, load_policy
from rlnas.agents.search import Problem, play
from rlnas.scoring import REFERENCE_WIDTH


def shipped_controller(problem: Problem) -> None:
    """Episodes of the shipped controller, see `longer_episodes`.

    Raises:
        BudgetSpent: the search is over.
    """
    longer_episodes(problem, load_policy(SHIPPED))


def shipped_schedule(problem: Problem) -> None:
    """Episodes of its rival, the evolved schedule, see `longer_episodes`.

    Raises:
        BudgetSpent: the search is over.
    """
    longer_episodes(problem, load_policy(SHIPPED_SCHEDULE))


def longer_episodes(problem: Problem, policy: Policy) -> None:
    """Let a trained policy design again and again, each time with twice the training.

    There is a design to show at any time, and the last episode that is affordable has about half
    of the budget. Episodes start as those that the policies were trained in: with a dense network
    of the reference width. What training the policy cost is not charged.

    Args:
        problem: a live one.
        policy: trained in live environments.

    Raises:
        BudgetSpent: the search is over.
    """
    batches, times = problem.env.cost, 1
    episode = batches * (problem.episode_steps + 1)
    while True:
        affordable = (problem.archive.budget - problem.archive.spent) // episode
        each = batches * max(1, min(times, affordable))
        env = problem.make(batches_per_step=each, width=REFERENCE_WIDTH, density=1.0)
        play(env, policy)
        times *= 2
