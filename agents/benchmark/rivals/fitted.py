"""`Fitted`: what was chosen on training tasks for each penalty and budget, and its file."""

from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from rlnas.agents.benchmark.rivals.looking_up import N_DESIGNS
from rlnas.agents.benchmark.rivals.rules import Rule
from rlnas.envs.family.actions import N_START_ACTIONS, STOP
from rlnas.envs.family.dynamics import EPISODE_STEPS
from rlnas.errors import InputError
from rlnas.files.json_files import read_json, write_json
from rlnas.files.json_schema import (
    COUNT,
    NUMBER,
    POSITIVE,
    WHOLE,
    Schema,
    check_schema,
    list_of,
    record,
)

FORMAT = "rlnas-rivals-1"

SHIPPED_RIVALS = Path(str(files("rlnas.agents") / "shipped" / "benchmark"))
"""Folder of the rivals that come with rlnas."""

PORTFOLIOS = (2, 4, 7)
"""Numbers of designs of the portfolios: the first so many of the list."""


@dataclass(frozen=True)
class Choices:
    """What was chosen for a penalty and a budget.

    Attributes:
        penalty: Metric that the reference number of weights costs.
        budget: What may be spent, in units of the task's budget.
        constant: The best rule that repeats an action.
        threshold: The best rule with a threshold that was found.
        sequence: The best sequence of actions that was found.
        designs: Designs in the order in which each adds most to those before, see
            `rlnas.agents.benchmark.rivals.looking_up.Designs`.
        pruning: Seven sizes of the best dense network, as designs.
    """

    penalty: float
    budget: float
    constant: Rule
    threshold: Rule
    sequence: tuple[int, ...]
    designs: tuple[int, ...]
    pruning: tuple[int, ...]


@dataclass(frozen=True)
class Fitted:
    """What was chosen.

    Attributes:
        family: SHA-256 of the file of the family, in hexadecimal.
        tasks: Number of tasks.
        seed: Seed of the searches.
        choices: For each penalty and budget.
    """

    family: str
    tasks: int
    seed: int
    choices: tuple[Choices, ...]

    @property
    def prices(self) -> list[tuple[float, float]]:
        """The penalties and budgets."""
        return [(each.penalty, each.budget) for each in self.choices]


def _up_to(least: int, most: int) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


_RULE = record(
    start=_up_to(0, N_START_ACTIONS - 1),
    then=_up_to(N_START_ACTIONS, STOP),
    otherwise=_up_to(N_START_ACTIONS, STOP),
    threshold=NUMBER,
    back={"type": "boolean"},
)
_DESIGNS = {**list_of(_up_to(0, N_DESIGNS - 1)), "maxItems": EPISODE_STEPS}
_SCHEMA = record(
    format={"enum": [FORMAT]},
    family_sha256={"type": "string", "pattern": "^[0-9a-f]{64}$"},
    tasks=COUNT,
    seed=WHOLE,
    choices={
        **list_of(
            record(
                penalty=POSITIVE,
                budget=POSITIVE,
                constant=_RULE,
                threshold=_RULE,
                sequence={**list_of(_up_to(0, STOP)), "maxItems": EPISODE_STEPS},
                designs=_DESIGNS,
                pruning=_DESIGNS,
            )
        ),
        "minItems": 1,
    },
)


def write_fitted(path: str | Path, fitted: Fitted) -> None:
    """Write what was chosen as JSON, atomically.

    Raises:
        InputError: The file cannot be written.
    """
    write_json(
        path,
        {
            "format": FORMAT,
            "family_sha256": fitted.family,
            "tasks": fitted.tasks,
            "seed": fitted.seed,
            "choices": [_as_json(each) for each in fitted.choices],
        },
    )


def read_fitted(path: str | Path) -> Fitted:
    """Read what `write_fitted` wrote.

    Raises:
        InputError: The file cannot be read, or holds anything else.
    """
    found: Any = read_json(path)
    try:
        check_schema(found, _SCHEMA)
    except ValueError as error:
        raise InputError(
            f"{path} holds no rivals ({error}): expected a file of `rlnas benchmark fit-rivals`"
        ) from None
    return Fitted(
        found["family_sha256"],
        found["tasks"],
        found["seed"],
        tuple(_of_json(each) for each in found["choices"]),
    )


def load_fitted(path: str | Path | None = None) -> Fitted:
    """What was chosen, by default for the family and the protocol of this version.

    Args:
        path: A file of `write_fitted`; by default the one that comes with rlnas.

    Raises:
        InputError: The file cannot be read, or holds anything else.
    """
    return _shipped() if path is None else read_fitted(path)


@cache
def _shipped() -> Fitted:
    return read_fitted(SHIPPED_RIVALS / "rivals.json")


def _as_json(choices: Choices) -> dict[str, Any]:
    found = {each.name: getattr(choices, each.name) for each in fields(choices)}
    rules = {name: found[name]._asdict() for name in ("constant", "threshold")}
    return {**found, **rules}


def _of_json(found: dict[str, Any]) -> Choices:
    return Choices(
        found["penalty"],
        found["budget"],
        Rule(**found["constant"]),
        Rule(**found["threshold"]),
        tuple(found["sequence"]),
        tuple(found["designs"]),
        tuple(found["pruning"]),
    )
