"""The action table of episodes on the family: what is trained next, and for how long."""

from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from rlnas.family.space import ARCHITECTURES, DENSITIES, LENGTHS, MAX_DEPTH, NUMBERS, WIDTHS
from rlnas.nn.architecture import Architecture

STARTS: tuple[Architecture, ...] = tuple(
    tuple((width, density) for width in widths)
    for widths, density in (
        ((), 1.0),
        ((4,), 1.0),
        ((10,), 1.0),
        ((24,), 1 / 4),
        ((24,), 1.0),
        ((56,), 1 / 8),
        ((128,), 1 / 32),
        ((128,), 1.0),
        ((24, 24), 1 / 2),
        ((56, 24), 1 / 8),
        ((128, 56), 1 / 2),
        ((128, 56, 24), 1 / 8),
    )
)
"""Architectures that an action leads to from anywhere."""

EDITS = (
    *(f"widen hidden {k}" for k in range(1, MAX_DEPTH + 1)),
    *(f"narrow hidden {k}" for k in range(1, MAX_DEPTH + 1)),
    "denser",
    "sparser",
    "add a layer",
    "remove a layer",
)
"""What leads from an architecture to a neighbour: one notch, or the last hidden layer."""

KINDS = ("start", "edit", "longer", "back", "stop")
"""Kinds of actions."""

_MIDDLE = WIDTHS[len(WIDTHS) // 2], DENSITIES[len(DENSITIES) // 2]  # what a linear one grows to


@dataclass(frozen=True)
class FamilyAction:
    """One entry of the table.

    Attributes:
        kind: One of `KINDS`.
        place: Number of the start or of the edit; 0 for others.
        length: Index into `LENGTHS`; 0 where there is none.
    """

    kind: str
    place: int = 0
    length: int = 0

    def __str__(self) -> str:
        if self.kind == "start":
            architecture = STARTS[self.place]
            widths = "-".join(str(width) for width, _ in architecture) or "linear"
            density = f" at {architecture[0][1]:.0%}" if architecture else ""
            return f"start {widths}{density}, {LENGTHS[self.length]} batches"
        if self.kind == "edit":
            return f"{EDITS[self.place]}, {LENGTHS[self.length]} batches"
        return self.kind


FAMILY_ACTIONS: tuple[FamilyAction, ...] = (
    *(
        FamilyAction(kind, place, length)
        for kind, places in (("start", STARTS), ("edit", EDITS))
        for place in range(len(places))
        for length in range(len(LENGTHS))
    ),
    FamilyAction("longer"),
    FamilyAction("back"),
    FamilyAction("stop"),
)
"""All actions in the order of their numbers, the same for every task."""

N_START_ACTIONS = len(STARTS) * len(LENGTHS)
"""Number of actions that train one of the `STARTS`, the first ones."""

LONGER, BACK, STOP = (len(FAMILY_ACTIONS) - k for k in (3, 2, 1))
"""Numbers of the last actions."""


def edited(architecture: Architecture, edit: str) -> Architecture | None:
    """The architecture after an edit; None if there is none.

    A layer that is added is like the last one; the edits of layers, and those of the density, go
    one notch up or down. No layer may be wider than the one before.
    """
    widths, density = [width for width, _ in architecture], _density(architecture)
    if edit in ("denser", "sparser"):
        place = DENSITIES.index(density) + (1 if edit == "denser" else -1)
        if not architecture or place not in range(len(DENSITIES)):
            return None
        density = DENSITIES[place]
    elif edit == "add a layer":
        widths.append(widths[-1] if widths else _MIDDLE[0])
    elif edit == "remove a layer":
        if not widths:
            return None
        widths.pop()
    else:
        word, _, layer = edit.partition(" hidden ")
        if int(layer) > len(widths):
            return None
        place = WIDTHS.index(widths[int(layer) - 1]) + (1 if word == "widen" else -1)
        if place not in range(len(WIDTHS)):
            return None
        widths[int(layer) - 1] = WIDTHS[place]
    after = tuple((width, density) for width in widths)
    return after if after in NUMBERS else None


def _density(architecture: Architecture) -> float:
    return architecture[0][1] if architecture else _MIDDLE[1]


@cache
def successors() -> np.ndarray:
    """int16 `[architectures, starts + edits]`: where each leads; -1 where it leads nowhere."""
    starts = [NUMBERS[start] for start in STARTS]
    rows = [
        [
            *starts,
            *(
                -1 if after is None else NUMBERS[after]
                for after in map(partial(edited, each), EDITS)
            ),
        ]
        for each in ARCHITECTURES
    ]
    found = np.array(rows, np.int16)
    found.flags.writeable = False
    return found
