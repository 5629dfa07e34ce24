"""`Limits`: what a design may need at most, or must reach, and the time to look for it."""

import re
from dataclasses import dataclass
from math import isfinite
from typing import Any

from rlnas.data.preprocessing import Preprocessing
from rlnas.envs.validation import check_number
from rlnas.errors import InputError
from rlnas.export.c.sizes import FORMS, CForm, c_bytes
from rlnas.export.inference import for_inference
from rlnas.nn.network import SparseNetwork
from rlnas.validation import check_choice, check_share, whole

DEFAULT_FORM: CForm = "c-int8"
"""The format whose bytes are meant if none is named."""

DEFAULT_TRIALS = 24
"""Number of trials if there are limits, but no time: 10 to 20 s for a small table."""

DEFAULT_PENALTY = 0.002
"""Price of the reference number of weights in a search, where accuracy is what is wanted."""

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


class NothingFits(InputError):
    """Even the smallest network that was found does not fit."""


@dataclass(frozen=True)
class Limits:
    """Limits of a design; None where there is none.

    Attributes:
        max_weights: Most active weights.
        max_bytes: Most bytes of flash for the constants of the C code: indices, scales and biases
            included.
        max_ram: Most bytes of RAM for the arrays of the C code, features included.
        min_accuracy: Least metric in validation; of the designs that reach it, the smallest is
            wanted.
        form: Format of the C code.

    Raises:
        InputError: A value cannot be used.
    """

    max_weights: int | None = None
    max_bytes: int | None = None
    max_ram: int | None = None
    min_accuracy: float | None = None
    form: CForm = DEFAULT_FORM

    def __post_init__(self) -> None:
        for name in ("max_weights", "max_bytes", "max_ram"):
            if (value := getattr(self, name)) is not None:
                whole(_option(name), value, 1)
        if self.min_accuracy is not None:
            check_share("--min-accuracy", self.min_accuracy, above_zero=True)
        check_choice("format", self.form, FORMS)

    @property
    def given(self) -> dict[str, int | float]:
        """The limits that there are, by name."""
        names = ("max_weights", "max_bytes", "max_ram", "min_accuracy")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    @property
    def sizes(self) -> dict[str, int | float]:
        """Those of `given` that are about the size."""
        return {name: value for name, value in self.given.items() if name != "min_accuracy"}

    @property
    def sizes_in_words(self) -> str:
        """`sizes` as they are typed; empty if there are none."""
        told = ", ".join(f"{_option(name)} {value}" for name, value in self.sizes.items())
        return told if self.sizes.keys() <= {"max_weights"} else f"{told} as {self.form}"

    def fit(self, network: SparseNetwork, rules: Preprocessing) -> bool:
        """Whether a network is small enough.

        Args:
            network: The network.
            rules: Preprocessing of its data.
        """
        if network.active_weights > (self.max_weights or network.active_weights):
            return False
        if self.max_bytes is None and self.max_ram is None:
            return True
        try:
            needs = self.needs(network, rules)
        except InputError:  # its outputs are constant: nothing can be exported
            return False
        most = {"bytes": self.max_bytes, "ram": self.max_ram}
        return all(limit is None or needs[name] <= limit for name, limit in most.items())

    def needs(self, network: SparseNetwork, rules: Preprocessing) -> dict[str, int]:
        """The numbers of `weights`, `bytes` of flash and bytes of `ram` of a network.

        Raises:
            InputError: The network cannot be exported.
        """
        found = c_bytes(for_inference(network, rules), self.form)
        return {"weights": network.active_weights, "bytes": found.flash, "ram": found.ram}

    def unmet(self, network: SparseNetwork, rules: Preprocessing) -> NothingFits:
        """What to raise if even the smallest network that was found does not fit."""
        needs = self.needs(network, rules)
        needed = (f"{_option(name)} {needs[name.removeprefix('max_')]}" for name in self.sizes)
        return NothingFits(
            f"nothing fits {self.sizes_in_words}: the smallest network that was found needs "
            f"{', '.join(needed)}"
        )


@dataclass(frozen=True)
class Asked:
    """What a search is asked for.

    Attributes:
        limits: What a design may need at most, or must reach.
        penalty: Price of the reference number of weights, in units of the metric.
        seconds: Time for trials and final training; None for any.
        trials: Number of trials; None for as many as there is time for.
    """

    limits: Limits
    penalty: float = DEFAULT_PENALTY
    seconds: float | None = None
    trials: int | None = None

    @classmethod
    def of(
        cls,
        *,
        max_weights: int | None = None,
        max_bytes: int | None = None,
        max_ram: int | None = None,
        min_accuracy: float | None = None,
        format: CForm | None = None,
        time: float | str | None = None,
        trials: int | None = None,
        penalty: float | None = None,
    ) -> "Asked | None":
        """What the options of a command ask for; None if they ask for no search.

        The options are those of `rlnas.agents.designing.design.design`.

        Raises:
            InputError: A value cannot be used, or options exclude each other.
        """
        if format is not None and max_bytes is None and max_ram is None:
            raise InputError(
                "--format is about --max-bytes and --max-ram: give one of them, or leave it out "
                "(`rlnas export` writes a design in any format)"
            )
        limits = Limits(max_weights, max_bytes, max_ram, min_accuracy, format or DEFAULT_FORM)
        if time is None and trials is None and not limits.given:
            return None
        if time is not None and trials is not None:
            raise InputError("--time and --trials exclude each other: give one of them")
        if min_accuracy is not None and penalty is not None:
            raise InputError(
                "--min-accuracy and --penalty exclude each other: with a least accuracy, the "
                "smallest network is wanted at any price"
            )
        if trials is None and time is None:
            trials = DEFAULT_TRIALS
        return cls(
            limits,
            DEFAULT_PENALTY if penalty is None else check_number("--penalty", penalty, 0.0),
            None if time is None else seconds_of(time),
            None if trials is None else whole("--trials", trials, 1),
        )


def seconds_of(time: Any) -> float:
    """A time in seconds.

    Args:
        time: A number of seconds, or a text such as 5, 60s, 2m or 1h.

    Raises:
        InputError: It is something else, or not above zero.
    """
    expected = "expected a time above zero such as 5, 60s, 2m or 1h"
    found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(s|m|min|h|)\s*", str(time))
    if isinstance(time, bool) or found is None:
        raise InputError(f"--time {time} cannot be used: {expected}")
    seconds = float(found[1]) * _UNITS[found[2]]
    if not (seconds > 0 and isfinite(seconds)):
        raise InputError(f"--time {time} cannot be used: {expected}")
    return seconds


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
