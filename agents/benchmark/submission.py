"""`Submission`: the result of a policy in a file, from which anybody can check it."""

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.agents.benchmark.playing import Episode, Played
from rlnas.agents.benchmark.protocol import Protocol
from rlnas.agents.benchmark.rivals.looking_up import N_DESIGNS
from rlnas.envs.family.actions import FAMILY_ACTIONS
from rlnas.errors import InputError
from rlnas.family.tasks import AXES, SPLITS
from rlnas.files.json_files import read_json, write_json
from rlnas.files.json_schema import (
    COUNT,
    NUMBER,
    POSITIVE,
    TEXT,
    WHOLE,
    check_schema,
    list_of,
    record,
)

FORMAT = "rlnas-result-1"

MOVES = ("actions", "designs")
"""What the numbers of moves count: actions of the environment, or designs that are looked up."""


@dataclass(frozen=True)
class About:
    """Whose result it is.

    Attributes:
        policy: What was evaluated.
        by: Whose it is.
        note: How it was made: what was tuned on what, with how much training.
    """

    policy: str
    by: str = ""
    note: str = ""


@dataclass(frozen=True, eq=False)
class Submission:
    """What a policy did in all episodes of a protocol, and what it gave.

    Attributes:
        about: Whose result it is.
        protocol: The rules.
        family: SHA-256 of the file of the family, in hexadecimal.
        versions: Versions of the software, by package.
        tasks: Names of the tasks.
        axes: Their axes.
        anytime: Scores of the sum of the rewards, float64 `[tasks, seeds]`.
        final: Scores of the last design, likewise.
        episodes: The episodes.
        played: What was done in each, and what it gave.
    """

    about: About
    protocol: Protocol
    family: str
    versions: dict[str, str]
    tasks: tuple[str, ...]
    axes: tuple[str, ...]
    anytime: NDArray[np.float64]
    final: NDArray[np.float64]
    episodes: tuple[Episode, ...]
    played: Played


def versions() -> dict[str, str]:
    """Versions of the software that results depend on."""
    packages = {name: version(name) for name in ("rlnas", "numpy", "numba")}
    return {"python": platform.python_version(), **packages}


_SHA256 = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_PROTOCOL = record(
    split={"enum": list(SPLITS)},
    version=COUNT,
    penalties={**list_of(POSITIVE), "minItems": 1},
    budgets={**list_of(POSITIVE), "minItems": 1},
    n_seeds=COUNT,
    episode_steps=COUNT,
    least_gain=POSITIVE,
)
_EPISODE = record(
    seed=WHOLE,
    penalty=POSITIVE,
    budget=POSITIVE,
    moves={"type": "string", "pattern": "^([0-9]{1,4}( [0-9]{1,4})*)?$"},
    anytime=NUMBER,
    final=NUMBER,
    spent=POSITIVE,
)
_TASK = record(
    name=TEXT,
    axis={"enum": list(AXES)},
    anytime=list_of(NUMBER),
    final=list_of(NUMBER),
    episodes=list_of(_EPISODE),
)
_SCHEMA = record(
    format={"enum": [FORMAT]},
    about=record(policy=TEXT, by=TEXT, note=TEXT),
    protocol=_PROTOCOL,
    family_sha256=_SHA256,
    versions={"type": "object", "additionalProperties": TEXT},
    moves={"enum": list(MOVES)},
    tasks=list_of(_TASK),
)


def write_submission(path: str | Path, made: Submission) -> None:
    """Write a result as JSON, atomically.

    Raises:
        InputError: The file cannot be written.
    """
    rows = zip(made.episodes, *made.played[:4], strict=True)
    shown = [
        {
            "seed": episode.seed,
            "penalty": episode.penalty,
            "budget": episode.budget,
            "moves": " ".join(map(str, moves)),  # on one line
            "anytime": float(anytime),
            "final": float(final),
            "spent": float(spent),
        }
        for episode, moves, anytime, final, spent in rows
    ]
    each = len(shown) // len(made.tasks)
    tasks = [
        {
            "name": name,
            "axis": axis,
            "anytime": made.anytime[place].tolist(),
            "final": made.final[place].tolist(),
            "episodes": shown[each * place : each * (place + 1)],
        }
        for place, (name, axis) in enumerate(zip(made.tasks, made.axes, strict=True))
    ]
    write_json(
        path,
        {
            "format": FORMAT,
            "about": asdict(made.about),
            "protocol": made.protocol.as_json(),
            "family_sha256": made.family,
            "versions": made.versions,
            "moves": MOVES[made.played.designs],
            "tasks": tasks,
        },
    )


def read_submission(path: str | Path) -> Submission:
    """Read what `write_submission` wrote; what it says is not checked.

    Raises:
        InputError: The file cannot be read, is damaged or of another version, or has not every
            episode of its protocol.
    """
    value = read_json(path)
    given = value.get("format") if isinstance(value, dict) else None
    if given != FORMAT:
        raise InputError(
            f"{path} is no result of this version of rlnas: expected the format '{FORMAT}', made "
            "by `rlnas benchmark evaluate`"
        )
    try:
        check_schema(value, _SCHEMA)
        protocol = _protocol(value["protocol"])
        tasks = value["tasks"]
        names = [task["name"] for task in tasks]
        designs = value["moves"] == MOVES[True]
        _check_tasks(tasks, protocol, N_DESIGNS if designs else len(FAMILY_ACTIONS))
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}") from None
    rows = [row for task in tasks for row in task["episodes"]]
    return Submission(
        About(**value["about"]),
        protocol,
        value["family_sha256"],
        value["versions"],
        tuple(names),
        tuple(task["axis"] for task in tasks),
        _floats(tasks, "anytime"),
        _floats(tasks, "final"),
        tuple(protocol.episodes(names)),
        Played(
            [[int(word) for word in row["moves"].split()] for row in rows],
            _floats(rows, "anytime"),
            _floats(rows, "final"),
            _floats(rows, "spent"),
            designs,
        ),
    )


def _protocol(given: dict[str, Any]) -> Protocol:
    """The protocol in a file.

    Raises:
        ValueError: It is none of this version.
    """
    protocol = Protocol(given["split"])
    for name, value in protocol.as_json().items():
        if given[name] != value:
            raise ValueError(
                f"its protocol has {name} {given[name]}: expected {value}, as in version "
                f"{protocol.version} of the protocol"
            )
    return protocol


def _check_tasks(tasks: Sequence[dict[str, Any]], protocol: Protocol, n_moves: int) -> None:
    """Check that every task has every episode of a protocol, with moves that there are.

    Raises:
        ValueError: Something is missing or too much.
    """
    if not tasks:
        raise ValueError("it has no task")
    names = [task["name"] for task in tasks]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"it has the task {twice[0]!r} twice")
    for task in tasks:
        wanted = [episode[1:] for episode in protocol.episodes([task["name"]])]
        found = [(row["seed"], row["penalty"], row["budget"]) for row in task["episodes"]]
        if found != wanted:
            raise ValueError(
                f"the task {task['name']!r} has {len(found)} episodes that are not the "
                f"{len(wanted)} of the protocol, in its order"
            )
        for key in ("anytime", "final"):
            if len(task[key]) != protocol.n_seeds:
                raise ValueError(f"the task {task['name']!r} has not {protocol.n_seeds} scores")
        for row in task["episodes"]:
            if any(int(word) >= n_moves for word in row["moves"].split()):
                raise ValueError(f"the task {task['name']!r} has moves that do not exist")


def _floats(rows: Sequence[dict[str, Any]], key: str) -> NDArray[np.float64]:
    return np.array([row[key] for row in rows], np.float64)
