"""What each choice of `TrainConfig.features` reads of an observation; training and acting use it.

This module imports no PyTorch, so that a trained policy acts without it.
"""

from rlnas.envs.observations import OBSERVATION_NAMES, SLOT_NAMES

BLIND = ("progress",)
"""All that a blind policy reads: it can learn nothing but a fixed sequence of edits."""

_ABSOLUTE = ("classes", "features", "samples", "size", "_connections", "_fan_in")

RELATIVE = tuple(
    name
    for name in OBSERVATION_NAMES
    if not name.endswith(_ABSOLUTE) or name.startswith(("relative", "last"))
)
"""All entries but those about the size of the task. Unseen data may have sizes far outside the
range of the training, and a policy could identify its training tasks by them."""

_SELECTIONS = {"flat": OBSERVATION_NAMES, "relative": RELATIVE, "blind": BLIND}

COLUMNS = {
    features: [OBSERVATION_NAMES.index(name) for name in names]
    for features, names in _SELECTIONS.items()
}
"""Columns of the observation that are read unchanged, for each choice but `SLOTS`."""

SLOTS = "slots"
"""The choice with which one shared encoder reads every layer."""

FEATURES = ("flat", SLOTS, "relative", "blind")
"""All choices."""

N_SLOTS = len(SLOT_NAMES)
N_GLOBAL = OBSERVATION_NAMES.index(f"{SLOT_NAMES[0]}_present")
"""Number of entries about the whole network, which come before those about the layers."""

N_PER_SLOT = (len(OBSERVATION_NAMES) - N_GLOBAL) // N_SLOTS
"""Number of entries about each layer."""

CODE_LENGTH = 16
ENCODER_SIZES = (N_PER_SLOT + N_GLOBAL, 2 * CODE_LENGTH, CODE_LENGTH)
"""Inputs, hidden units and outputs of the shared encoder; tanh follows both layers."""


def features_dim(features: str) -> int:
    """Number of values that a choice of features hands to the hidden layers."""
    if features == SLOTS:
        return N_GLOBAL + N_SLOTS * CODE_LENGTH
    return len(COLUMNS[features])
