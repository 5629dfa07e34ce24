"""The action table of episodes with a budget: what to edit, and how long to train after it."""

from dataclasses import dataclass

import numpy as np

from rlnas.cost import size_of_architecture
from rlnas.envs.actions import ACTIONS, MAX_RELATIVE_SIZE, OPERATIONS, Action
from rlnas.nn.architecture import Architecture
from rlnas.scoring import reference_weights

LENGTHS = {"short": 0.1, "normal": 0.3, "long": 1.0}
"""How long a network is trained after an edit: the cost of the step, as a share of what was spent
before. So a step covers as much of the logarithm of the cost early as late."""

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


_SHAPES = ((4,), (12,), (40,), (128,), (12, 12), (40, 40), (40, 40, 40))

STARTS: tuple[Architecture, ...] = (
    (),
    *(tuple((width, density) for width in shape) for shape in _SHAPES for density in (0.2, 1.0)),
)
"""Architectures that an episode can start with, from linear to three dense hidden layers."""

EDITS: tuple[Action | Back, ...] = (*ACTIONS, Back())
"""What can be done to a network, in the order of the actions."""


@dataclass(frozen=True)
class BudgetAction:
    """One entry of the table.

    Attributes:
        edit: what is done to the network; None ends the episode.
        length: how long the network is trained after it, one of `LENGTHS`; none for a start.
    """

    edit: Action | Back | Start | None
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
    def share(self) -> float:
        """Cost of the step as a share of what was spent before, see `LENGTHS`."""
        return LENGTHS.get(self.length, 0.0)

    def __str__(self) -> str:
        if self.edit is None:
            return STOP
        return f"{self.edit}, {self.length} training" if self.length else str(self.edit)


BUDGET_ACTIONS = (
    *(BudgetAction(edit, length) for edit in EDITS for length in LENGTHS),
    *(BudgetAction(Start(architecture)) for architecture in STARTS),
    BudgetAction(None),
)
"""All actions in the order of their numbers, the same for every data set; the last one stops."""

NUMBERS = {action: number for number, action in enumerate(BUDGET_ACTIONS)}
"""Number of each action."""

STARTS_SLICE = slice(len(EDITS) * len(LENGTHS), len(BUDGET_ACTIONS) - 1)
"""Where the starts are among the actions."""


def legal_starts(n_inputs: int, n_outputs: int, affordable: np.ndarray) -> np.ndarray:
    """Bool `[len(BUDGET_ACTIONS)]`: which actions are legal while there is no network.

    Args:
        n_inputs: number of inputs.
        n_outputs: number of outputs.
        affordable: bool `[len(STARTS)]`, which starts the budget pays for.
    """
    limit = MAX_RELATIVE_SIZE * reference_weights(n_inputs, n_outputs)
    sizes = (size_of_architecture(each, n_inputs, n_outputs) for each in STARTS)
    legal = np.zeros(len(BUDGET_ACTIONS), bool)
    legal[STARTS_SLICE] = affordable & [size.connections <= limit for size in sizes]
    return legal


def legal_edits(edits: np.ndarray, back: bool) -> np.ndarray:
    """Bool `[len(BUDGET_ACTIONS)]`: which actions are legal with a network.

    Args:
        edits: bool `[len(ACTIONS)]`, which of the edits of `DesignEnv` are legal.
        back: whether there is a better design to go back to.
    """
    legal = np.zeros(len(BUDGET_ACTIONS), bool)
    legal[: STARTS_SLICE.start] = np.append(edits, back).repeat(len(LENGTHS))
    legal[STARTS_SLICE.stop :] = True
    return legal
