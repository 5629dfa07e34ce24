"""What each choice of `TrainConfig.features` reads of an observation; training and acting use it.

This module imports no PyTorch, so that a trained policy acts without it.
"""

from rlnas.agents.policies.layouts import LIVE, Layout
from rlnas.envs.observations import OBSERVATION_NAMES, SLOT_NAMES

_ABSOLUTE = ("classes", "features", "samples", "size", "_connections", "_fan_in")

SLOTS = "slots"
"""The choice with which one shared encoder reads every layer."""

FEATURES = ("flat", SLOTS, "relative", "blind")
"""All choices."""

_FIRST_SLOT = OBSERVATION_NAMES.index(f"{SLOT_NAMES[0]}_present")
_AFTER_SLOTS = len(OBSERVATION_NAMES)  # there follows what only episodes with a budget have

N_SLOTS = len(SLOT_NAMES)
N_PER_SLOT = (_AFTER_SLOTS - _FIRST_SLOT) // N_SLOTS
"""Number of entries about each layer."""

SLOT_COLUMNS = slice(_FIRST_SLOT, _AFTER_SLOTS)
"""Columns of the entries about the layers, one layer after the other."""

CODE_LENGTH = 16


def features_of(layout: Layout) -> tuple[str, ...]:
    """The choices that there are in some episodes."""
    return FEATURES if layout in LIVE else FEATURES[:1]


def relative_names(layout: Layout) -> tuple[str, ...]:
    """All entries but those about the size of the task.

    Unseen data may have sizes far outside the range of the training, and a policy could identify
    its training tasks by them.
    """
    absolute = {
        name
        for name in OBSERVATION_NAMES
        if name.endswith(_ABSOLUTE) and not name.startswith(("relative", "last"))
    }
    return tuple(name for name in layout.observations if name not in absolute)


def columns(features: str, layout: Layout) -> list[int]:
    """Columns of the observation that are read unchanged.

    Args:
        features: One of `FEATURES`. With "blind", a policy reads nothing but the number of steps
            taken, and can learn nothing but a fixed sequence of actions; with `SLOTS`, the columns
            are those about the whole network.
        layout: The observation.
    """
    if features == SLOTS:
        whole = range(len(layout.observations))
        return [*whole[:_FIRST_SLOT], *whole[_AFTER_SLOTS:]]
    names = {
        "flat": layout.observations,
        "relative": relative_names(layout),
        "blind": (layout.clock,),
    }
    return [layout.observations.index(name) for name in names[features]]


def encoder_sizes(layout: Layout) -> tuple[int, int, int]:
    """Inputs, hidden units and outputs of the encoder of `SLOTS`; tanh follows both layers."""
    return N_PER_SLOT + len(columns(SLOTS, layout)), 2 * CODE_LENGTH, CODE_LENGTH


def features_dim(features: str, layout: Layout) -> int:
    """Number of values that a choice of features hands to the hidden layers."""
    codes = N_SLOTS * CODE_LENGTH if features == SLOTS else 0
    return len(columns(features, layout)) + codes
