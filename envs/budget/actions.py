"""The action table of episodes with a budget: what to edit, and how long to train after it."""

from dataclasses import dataclass

import numpy as np

from rlnas.cost import size_of_architecture
from rlnas.envs.actions import ACTIONS, MAX_RELATIVE_SIZE, OPERATIONS, Action, legal_actions
from rlnas.nn.architecture import Architecture
from rlnas.nn.network import SparseNetwork
from rlnas.scoring import reference_weights

LENGTHS = {"short": 6, "normal": 36, "long": 216}
"""Training batches after an edit."""

START, BACK, STOP = "start", "back", "stop"
"""Operations that only episodes with a budget have."""

BUDGET_OPERATIONS = (*OPERATIONS, BACK, START, STOP)
"""Names of all operations."""


@dataclass(frozen=True)
class Start:
    """Start with a random network of an architecture.

    Attributes:
        architecture: `(width, density)` of each hidden layer; none for a linear network.
    """

    architecture: Architecture
    operation = START
    factor = 1.0

    def __str__(self) -> str:
        if not self.architecture:
            return "start linear"
        widths = "-".join(str(width) for width, _ in self.architecture)
        return f"start {widths} at {self.architecture[0][1]:.0%}"


@dataclass(frozen=True)
class Back:
    """Go back to the best design of the episode."""

    operation = BACK
    factor = 1.0

    def __str__(self) -> str:
        return BACK


Edit = Action | Start | Back

_SHAPES = ((4,), (12,), (40,), (128,), (12, 12), (40, 40), (40, 40, 40))

STARTS: tuple[Architecture, ...] = (
    (),
    *(tuple((width, density) for width in shape) for shape in _SHAPES for density in (0.2, 1.0)),
)
"""Architectures that an episode can start with, from linear to three dense hidden layers."""

EDITS: tuple[Edit, ...] = (*ACTIONS, Back(), *map(Start, STARTS))
"""What can be done to a network, in the order of the actions."""

_BACK, _FIRST_START = len(ACTIONS), len(ACTIONS) + 1


@dataclass(frozen=True)
class BudgetAction:
    """One entry of the table.

    Attributes:
        edit: What is done to the network; None ends the episode.
        length: How long the network is trained after it, one of `LENGTHS`.
    """

    edit: Edit | None
    length: str = ""

    @property
    def operation(self) -> str:
        """One of `BUDGET_OPERATIONS`."""
        return STOP if self.edit is None else self.edit.operation

    @property
    def factor(self) -> float:
        """How much is added or removed, see `rlnas.envs.actions.Action`."""
        return 1.0 if self.edit is None else self.edit.factor

    @property
    def batches(self) -> int:
        """Training batches after the edit."""
        return LENGTHS.get(self.length, 0)

    def __str__(self) -> str:
        return STOP if self.edit is None else f"{self.edit}, {self.length} training"


BUDGET_ACTIONS = (
    *(BudgetAction(edit, length) for edit in EDITS for length in LENGTHS),
    BudgetAction(None),
)
"""All actions in the order of their numbers, the same for every data set; the last one stops."""

NUMBERS = {action: number for number, action in enumerate(BUDGET_ACTIONS)}
"""Number of each action."""


def legal_starts(n_inputs: int, n_outputs: int, affordable: np.ndarray) -> np.ndarray:
    """Bool `[len(BUDGET_ACTIONS)]`: which actions are legal while there is no network.

    Args:
        n_inputs: number of inputs.
        n_outputs: number of outputs.
        affordable: bool `[len(STARTS)]`, which starts the budget pays for.
    """
    limit = MAX_RELATIVE_SIZE * reference_weights(n_inputs, n_outputs)
    sizes = (size_of_architecture(each, n_inputs, n_outputs) for each in STARTS)
    small = np.array([size.connections <= limit for size in sizes])
    return _with_lengths(np.append(np.zeros(_FIRST_START, bool), affordable & small), stop=False)


def legal_edits(network: SparseNetwork, back: bool) -> np.ndarray:
    """Bool `[len(BUDGET_ACTIONS)]`: which actions are legal with a network.

    Args:
        network: the network.
        back: whether there is a better design to go back to.
    """
    edits = np.zeros(len(EDITS), bool)
    edits[:_BACK] = legal_actions(network)
    edits[_BACK] = back
    return _with_lengths(edits, stop=True)


def _with_lengths(edits: np.ndarray, stop: bool) -> np.ndarray:
    return np.append(edits.repeat(len(LENGTHS)), stop)
