"""The rivals that act in the environment, by name."""

from collections.abc import Callable
from functools import partial

from rlnas.agents.benchmark.playing import CallablePlayer, Player
from rlnas.agents.benchmark.rivals.cells import CellPlayer
from rlnas.agents.benchmark.rivals.fitted import SHIPPED_RIVALS, Fitted, load_fitted
from rlnas.agents.benchmark.rivals.rules import RulePlayer, SequencePlayer
from rlnas.agents.benchmark.rivals.simple import NothingPlayer, RandomPlayer
from rlnas.agents.policies.policy import load_policy


def players(fitted: Fitted) -> dict[str, Player]:
    """The rivals that act in the environment, by name, from what was chosen for them."""
    prices, choices = fitted.prices, fitted.choices
    return {
        "constant rule": CellPlayer(prices, [each.constant for each in choices], RulePlayer),
        "threshold rule": CellPlayer(prices, [each.threshold for each in choices], RulePlayer),
        "sequence": CellPlayer(prices, [each.sequence for each in choices], SequencePlayer),
    }


RULES = ("constant rule", "threshold rule", "sequence")
"""The names of `players`: what a policy that observes should be better than."""


def _shipped(name: str, seed: int) -> Player:
    """A rule that comes with rlnas, in which nothing is random."""
    return players(load_fitted())[name]


RIVALS: dict[str, Callable[[int], Player]] = {
    "nothing": lambda seed: NothingPlayer(),
    "random": RandomPlayer,
    **{name: partial(_shipped, name) for name in RULES},
    "ppo": lambda seed: CallablePlayer(load_policy(SHIPPED_RIVALS / "ppo")),
}
"""What makes each, from the seed of what is random about it; PPO learned on training tasks."""
