"""Rivals of a policy: what anybody could do, by name."""

from collections.abc import Callable

from rlnas.agents.benchmark.playing import Player
from rlnas.agents.benchmark.rivals.simple import NothingPlayer, RandomPlayer

RIVALS: dict[str, Callable[[int], Player]] = {
    "nothing": lambda seed: NothingPlayer(),
    "random": RandomPlayer,
}
"""What makes each rival, from the seed of what is random about it."""
