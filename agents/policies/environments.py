"""The environment that the settings of a run describe, to learn in it and to deploy in its like."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from reprlib import repr as brief
from typing import Any

import numpy as np

from rlnas.agents.config import EpisodesConfig, TrainConfig
from rlnas.data.datasets import Dataset, Source
from rlnas.data.synthetic import FAMILIES
from rlnas.envs.design_env import DesignEnv
from rlnas.errors import InputError
from rlnas.files import json_schema
from rlnas.files.json_files import read_json
from rlnas.nn.training import LONG_DECAY

DATA = "data"
"""Key of `config.json`: where the data come from. Everything else there is a setting."""

_PATHS = ("data_dir", "start", "resume")
_RANGES = ("penalty", "width", "density")
_LENGTHS = ("episode_steps", "batches_per_step")

_MOST = 10**6  # steps of an episode, and batches of a step


def _some(form: json_schema.Form, most: int | None = None) -> json_schema.Form:
    """A list of at least one."""
    return {
        **json_schema.list_of(form),
        "minItems": 1,
        **({} if most is None else {"maxItems": most}),
    }


_EPISODES = {
    **json_schema.record(
        dataset=_some(json_schema.TEXT),
        data_dir={**json_schema.TEXT, "type": ["string", "null"]},
        penalty=_some(json_schema.POSITIVE, 2),
        width=_some(json_schema.COUNT, 2),
        density=_some(json_schema.SHARE, 2),
        episode_steps={**json_schema.COUNT, "maximum": _MOST},
        batches_per_step={**json_schema.COUNT, "type": ["integer", "null"], "maximum": _MOST},
    ),
    "additionalProperties": True,
}

THOROUGH = {"episode_steps": 40, "width": 300, "density": 1.0, "weight_decay": LONG_DECAY}
"""Arguments of episodes in which designs get better than in those that policies are trained in."""

MIN_BATCHES = 100
"""At each of their steps."""


def make_env(config: EpisodesConfig, data: Iterable[Dataset], **arguments: Any) -> DesignEnv:
    """The environment that a configuration describes.

    Args:
        config: of a run.
        data: what its data sets are, loaded.
        **arguments: further ones of `DesignEnv`.
    """
    ranges: dict[str, Any] = {key: _range(getattr(config, key)) for key in _RANGES}
    lengths: dict[str, Any] = {key: getattr(config, key) for key in _LENGTHS}
    return DesignEnv(list(data), **ranges, **lengths, **arguments)


def as_json(config: EpisodesConfig) -> dict[str, Any]:
    """The configuration as JSON values."""
    return json.loads(json.dumps(dataclasses.asdict(config), default=str))


def origins(data: Iterable[Dataset]) -> list[dict[str, Any]]:
    """Where the data of a run come from, with fingerprints, JSON values."""
    return [each.origin for each in data]


def check_data(run: Path, data: Iterable[Dataset]) -> None:
    """Raise `InputError` if data are not those that a run began with.

    Args:
        run: its folder.
        data: what its data sets are now, loaded.
    """
    path, keys = run / "config.json", ("samples_sha256", "split_sha256")
    before, after = read_json(path).get(DATA), origins(data)
    if not isinstance(before, list) or len(before) != len(after):
        raise InputError(f"{path} is damaged: it does not say what its data were")
    for was, now in zip(before, after, strict=True):
        if not isinstance(was, dict) or any(was.get(key) != now[key] for key in keys):
            raise InputError(
                f"data set '{now['dataset']}' is not what the run {run} began with (other "
                "SHA-256): put the data back, or train anew"
            )


def run_config(run: Path) -> TrainConfig:
    """The configuration of a training, from its run folder, which may have been moved.

    Raises:
        InputError: there is none, or it is damaged.
    """
    if not (run / "config.json").is_file():
        raise InputError(f"there is no training in {run}: expected a run folder of `rlnas train`")
    path, values = run / "config.json", _read_config(run)
    try:
        kept: dict[str, Any] = {
            key: Path(value) if key in _PATHS and value is not None else value
            for key, value in values.items()
            if key != DATA
        }
        kept = {key: tuple(v) if isinstance(v, list) else v for key, v in kept.items()}
        config = TrainConfig(**{**kept, "run_dir": run})
        for name, default in vars(TrainConfig()).items():
            kinds = (int, float) if isinstance(default, float) else type(default)
            if default is not None and not isinstance(getattr(config, name), kinds):
                raise TypeError(f"{name} is {brief(getattr(config, name))}")
        config.check()
    except (TypeError, ValueError) as error:
        raise InputError(f"{path} is no configuration of a training: {error}") from error
    return config


def episode_settings(run: Path) -> dict[str, Any]:
    """What `env_like` takes from a run but for the data set and the penalty, as JSON values.

    Raises:
        InputError: `config.json` is missing or damaged.
    """
    trained = _read_config(run)
    return {key: trained[key] for key in ("width", "density", *_LENGTHS)}


def _read_config(run: Path) -> dict[str, Any]:
    """What `as_json` gave, of a training or an evolution; the episodes in it can be used.

    Raises:
        InputError: there is none, or it is damaged.
    """
    path = run / "config.json"
    values = read_json(path)
    try:
        json_schema.check_form(values, _EPISODES)
    except ValueError as error:
        raise InputError(f"{path} is damaged or no configuration: {error}") from error
    return values


def env_like(
    run: Path,
    dataset: Source | list[Source] | None = None,
    penalty: float | None = None,
    data_dir: Path | None = None,
    middle: bool = False,
    **arguments: Any,
) -> DesignEnv:
    """The environment that a policy was trained in, on another data set or penalty if asked.

    Args:
        run: folder of the training.
        dataset: by default that of the training.
        penalty: by default that of the training.
        data_dir: by default that of the training.
        middle: instead of drawing from the ranges of the training, start in their geometric
            middle; of several data sets take the first.
        **arguments: of `DesignEnv`, which replace those of the training.

    Raises:
        InputError: `config.json` is missing or damaged, or a value cannot be used.
    """
    trained = _read_config(run)
    if dataset is None:
        names = trained["dataset"]
        dataset = FAMILIES.get(names[0], names)[0] if middle else names
    read: Callable[..., Any] = _middle if middle else _range
    ranges: dict[str, Any] = {key: read(trained[key]) for key in _RANGES}
    lengths: dict[str, Any] = {key: trained[key] for key in _LENGTHS}
    data_dir = data_dir or trained["data_dir"]
    if penalty is not None:
        ranges["penalty"] = penalty
    return DesignEnv(dataset, data_dir=data_dir, **{**ranges, **lengths, **arguments})


def thorough_env(
    run: Path,
    dataset: Source | None = None,
    penalty: float | None = None,
    data_dir: Path | None = None,
) -> DesignEnv:
    """As `env_like`, for the longer episodes of `THOROUGH`, with an epoch of training at each step.

    A policy that has learned in short episodes from small networks also works in these.
    """
    lengths = {
        "batches_per_step": None,
        "epochs_per_step": 1.0,
        "min_batches_per_step": MIN_BATCHES,
    }
    return env_like(run, dataset, penalty, data_dir, middle=True, **THOROUGH, **lengths)


def _range(values: Sequence[float]) -> float | tuple[float, float]:
    return values[0] if len(values) == 1 else (values[0], values[-1])


def _middle(values: Sequence[float]) -> float:
    """The geometric middle, or half if that would be zero."""
    low, high = values[0], values[-1]
    if low == high:
        return low
    return float(np.sqrt(low * high)) if low > 0 else high / 2
