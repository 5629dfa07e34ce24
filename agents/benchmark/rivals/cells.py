"""What was chosen for each penalty and budget, and which of it an episode takes: the nearest."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.agents.benchmark.playing import Player, View
from rlnas.envs.family.dynamics import FAMILY_OBSERVATION_NAMES

_PENALTY, _BUDGET = map(FAMILY_OBSERVATION_NAMES.index, ("penalty", "budget"))


def nearest_of(
    prices: Sequence[tuple[float, float]],
    penalties: NDArray[np.floating[Any]],
    budgets: NDArray[np.floating[Any]],
) -> NDArray[np.intp]:
    """The nearest of some pairs of a penalty and a budget, by their logarithms, int `[n]`.

    Args:
        prices: The pairs.
        penalties: Penalties, `[n]`.
        budgets: Budgets, `[n]`.
    """
    known = np.log(np.maximum(prices, 1e-3))
    found = np.log(np.maximum(np.stack([penalties, budgets], axis=-1), 1e-3))
    nearest: NDArray[np.intp] = np.abs(found[:, None] - known).sum(axis=-1).argmin(axis=1)
    return nearest


class CellPlayer:
    """A player that does in each episode what was chosen for the nearest penalty and budget.

    Args:
        prices: Pairs of a penalty and a budget.
        choices: What was chosen for each.
        player_of: Makes a player from a choice for each episode.
    """

    def __init__(
        self,
        prices: Sequence[tuple[float, float]],
        choices: Sequence[Any],
        player_of: Callable[[list[Any]], Player],
    ):
        self.prices, self.choices, self.player_of = prices, choices, player_of

    def begin(self, n: int) -> None:
        """Choose anew."""
        self._player: Player | None = None

    def act(self, view: View) -> NDArray[np.int64]:
        """What the player of the choices does."""
        if self._player is None:
            penalties = 10.0 ** (2 * view.observations[:, _PENALTY] - 1)
            budgets = 10.0 ** (2 * view.observations[:, _BUDGET])
            which = nearest_of(self.prices, penalties, budgets)
            self._player = self.player_of([self.choices[place] for place in which])
            self._player.begin(len(which))
        return self._player.act(view)
