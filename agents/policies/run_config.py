"""`config.json` of a run folder: which command made it, with which settings and data."""

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from rlnas.agents.config import (
    WITH_BUDGET,
    WITHOUT_BUDGET,
    EpisodesConfig,
    EvolveConfig,
    TrainConfig,
)
from rlnas.data.dataset import Dataset
from rlnas.errors import InputError
from rlnas.files import json_schema
from rlnas.files.json_files import read_json, write_json
from rlnas.files.json_schema import Schema

FILE = "config.json"
COMMAND, DATA = "command", "data"
"""Keys beside the settings: the command that made the run, the origin of each data set."""

COMMANDS: dict[str, type[TrainConfig] | type[EvolveConfig]] = {
    "train": TrainConfig,
    "evolve": EvolveConfig,
}

EPISODE_SETTINGS = ("episode_steps", *WITH_BUDGET, *WITHOUT_BUDGET)
"""Settings of the episodes, apart from the data sets and the penalty."""

_FINGERPRINTS = ("samples_sha256", "split_sha256")
_MAX_STEPS = 10**6  # in an episode; also the most batches in a step


def _range_of(form: Schema) -> Schema:
    """A value, or the ends of a range."""
    return {**json_schema.list_of(form), "minItems": 1, "maxItems": 2}


def _optional(form: Schema) -> Schema:
    return {"anyOf": [form, {"type": "null"}]}


_STEPS = {**json_schema.COUNT, "maximum": _MAX_STEPS}
_FORMS: dict[str, Schema] = {
    "dataset": {**json_schema.list_of(json_schema.TEXT), "minItems": 1},
    "penalty": _range_of(json_schema.POSITIVE),
    "budget": _optional(_range_of(json_schema.POSITIVE)),
    "given": _optional(json_schema.SHARE),
    "width": _optional(_range_of(json_schema.COUNT)),
    "density": _optional(_range_of(json_schema.SHARE)),
    "episode_steps": _optional(_STEPS),
    "batches_per_step": _optional(_STEPS),
}
"""Settings whose form says more than their type."""

_SCALARS: dict[Any, Schema] = {
    int: json_schema.WHOLE,
    float: json_schema.NUMBER,
    str: json_schema.TEXT,
    Path: json_schema.TEXT,
    NoneType: {"type": "null"},
}


def as_json(config: EpisodesConfig) -> dict[str, Any]:
    """The settings of a run as JSON values, with the command that they belong to."""
    (command,) = (name for name, kind in COMMANDS.items() if isinstance(config, kind))
    settings = json.loads(json.dumps(dataclasses.asdict(config), default=str))
    return {COMMAND: command, **settings}


def write_config(folder: Path, config: EpisodesConfig, data: Iterable[Dataset]) -> None:
    """Write the settings of a run, and where its data come from, to its folder."""
    origins = [each.origin for each in data]
    write_json(folder / FILE, {**as_json(config), DATA: origins})


def read_config(run: Path) -> TrainConfig | EvolveConfig:
    """The settings of a run, from its folder, which may have been moved.

    Raises:
        InputError: `config.json` is missing or damaged.
    """
    return _read(run)[0]


def read_train_config(run: Path) -> TrainConfig:
    """The settings of a run of `rlnas train`, from its folder.

    Raises:
        InputError: the folder holds no such run, or its `config.json` is damaged.
    """
    expected = f"there is no training in {run}: expected a run folder of `rlnas train`"
    if not (run / FILE).is_file():
        raise InputError(expected)
    config = read_config(run)
    if not isinstance(config, TrainConfig):
        raise InputError(expected)
    return config


def episode_settings(run: Path) -> dict[str, Any]:
    """The settings of `EPISODE_SETTINGS` of a run, as JSON values.

    Raises:
        InputError: `config.json` is missing or damaged.
    """
    settings = as_json(read_config(run))
    return {name: settings[name] for name in EPISODE_SETTINGS}


def check_data(run: Path, data: Iterable[Dataset]) -> None:
    """Raise `InputError` if data sets are not those that a run was started with.

    Args:
        run: folder of the run.
        data: the data sets that its settings name, as they are now.
    """
    before: list[dict[str, Any]] = _read(run)[1]
    after: list[dict[str, Any]] = [{**each.origin} for each in data]
    if len(before) != len(after):
        raise InputError(f"{run / FILE} is damaged: it does not say what its data were")
    for was, now in zip(before, after, strict=True):
        if any(was[key] != now[key] for key in _FINGERPRINTS):
            raise InputError(
                f"data set '{now['dataset']}' is not what the run {run} began with (other "
                "SHA-256): put the data back, or train anew"
            )


def _read(run: Path) -> tuple[TrainConfig | EvolveConfig, list[dict[str, Any]]]:
    """The settings of a run, and the origins of its data."""
    path = run / FILE
    values = read_json(path)
    try:
        json_schema.check_schema(values, _COMMAND_FORM)
        kind = COMMANDS[values.pop(COMMAND)]
        json_schema.check_schema(values, _form_of_run(kind))
        origins = values.pop(DATA, [])
        types = get_type_hints(kind)
        settings = {name: _typed(value, types[name]) for name, value in values.items()}
        config = kind(**{**settings, "run_dir": run})
        config.check()
    except ValueError as error:
        raise InputError(
            f"{path} is damaged: {error}; put back a copy of it, or train again"
        ) from error
    return config, origins


_COMMAND_FORM = {
    **json_schema.partial_record(command={"enum": list(COMMANDS)}),
    "required": [COMMAND],
}


def _form_of_run(kind: type[EpisodesConfig]) -> Schema:
    """The form of `config.json` without the command."""
    settings = {
        name: _FORMS.get(name) or _form(hint) for name, hint in get_type_hints(kind).items()
    }
    origin = json_schema.partial_record(**dict.fromkeys(_FINGERPRINTS, json_schema.TEXT))
    origins = json_schema.list_of({**origin, "required": list(_FINGERPRINTS)})
    form = json_schema.record(**settings)
    return {**form, "properties": {**form["properties"], DATA: origins}}


def _form(hint: Any) -> Schema:
    """The form of the JSON values of a type."""
    if get_origin(hint) is Literal:
        return {"enum": list(get_args(hint))}
    if get_origin(hint) is tuple:
        return json_schema.list_of(_form(get_args(hint)[0]))
    if get_origin(hint) in (Union, UnionType):
        return {"anyOf": [_form(each) for each in get_args(hint)]}
    return _SCALARS[hint]


def _typed(value: Any, hint: Any) -> Any:
    """The value of a type that a JSON value stands for."""
    if isinstance(value, list):
        (kind,) = (each for each in (hint, *get_args(hint)) if get_origin(each) is tuple)
        return tuple(_typed(each, get_args(kind)[0]) for each in value)
    if isinstance(value, str) and Path in (hint, *get_args(hint)):
        return Path(value)
    if isinstance(value, float) and float not in (hint, *get_args(hint)):
        return int(value)  # JSON Schema counts 3.0 as an integer
    return value
