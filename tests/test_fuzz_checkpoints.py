"""Hostile checkpoints with a valid checksum: they are restored to the bit, or passed over.

Whatever was restored is then used for a step. `make fuzz` tries every mutation (`RLNAS_FUZZ`),
`make test` some of each part.
"""

import copy
import json
import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from safetensors.numpy import save
from sb3_contrib.common.maskable.utils import get_action_masks

from rlnas.agents.policies.run_config import read_train_config
from rlnas.agents.training import ppo
from rlnas.agents.training.checkpoint import FOLDER, read
from rlnas.agents.training.state import State
from rlnas.data.loading import load_datasets
from tests.agents.helpers import tiny
from tests.test_fuzz import limited_memory

SOME = None if "RLNAS_FUZZ" in os.environ else 8
"""Mutations of each part that are tried; None for all."""

OLDER, NEWER = "000000000064.checkpoint", "000000000128.checkpoint"

RAW = {"@nan": "NaN", "@deep": "[" * 10**5 + "]" * 10**5, "@digits": "9" * 5000}
"""JSON that Python would not write, by the strings that stand for it."""

VALUES = (None, True, "", "x", -1, 0, 7, 0.5, 10**9, 2**200, 1e300, [], {}, [[1]], *RAW)
NUMBERS = (np.nan, np.inf, 1e38, -1e38, 1e12, 40.0, 0.0, -1.0)
TYPES = ("f8", "f4", "f2", "i8", "i4", "u4", "u1", "?")


class Content(NamedTuple):
    """What a checkpoint holds, its JSON values as one object."""

    arrays: dict[str, np.ndarray]
    header: Any


Mutation = tuple[str, Content]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A training with two of its checkpoints, in groups, so that all parts are there."""
    config = tiny(
        tmp_path_factory.mktemp("fuzz") / "run",
        num_envs=4,
        episode_group_size=2,
        rollout_steps=16,
        penalty=(0.01, 1.0),
        episode_steps=6,
    )
    folder = ppo.train(config, progress_bar=False)
    (folder / FOLDER / "000000000192.checkpoint").unlink()
    return folder


# --- mutations ---


def nodes(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The paths to everything in a JSON value."""
    if path:
        yield path
    items: Any = value.items() if isinstance(value, dict) else ()
    for key, each in enumerate(value) if isinstance(value, list) else items:
        yield from nodes(each, (*path, key))


def put(value: Any) -> Callable[[Any, Any], None]:
    def act(parent: Any, key: Any) -> None:
        parent[key] = value

    return act


def remove(parent: Any, key: Any) -> None:
    del parent[key]


def double(parent: Any, key: Any) -> None:
    if isinstance(parent, list):
        parent.append(parent[key])
    else:
        parent[f"{key}x"] = parent[key]


ACTIONS = {**{f"is {value!r}": put(value) for value in VALUES}, "gone": remove, "twice": double}


def mutated_facts(content: Content, part: str) -> Iterator[Mutation]:
    """Everything in a part of the JSON values is something else, gone, or there twice."""
    for path in nodes(content.header):
        if path[: len(PARTS[part])] != PARTS[part] and path != PARTS[part][:1]:
            continue
        for what, act in ACTIONS.items():
            header = copy.deepcopy(content.header)
            parent = header
            for key in path[:-1]:
                parent = parent[key]
            act(parent, path[-1])
            yield f"{path} {what}", Content(content.arrays, header)


def mutated_arrays(content: Content, part: str) -> Iterator[Mutation]:
    """Each array of a part has another shape, type or value, is gone, or there twice."""
    arrays, header = content
    rng = np.random.default_rng(0)
    for name, value in arrays.items():
        if name.partition("/")[0] != part:
            continue
        flat = value.reshape(-1)
        noise = rng.integers(256, size=value.nbytes, dtype=np.uint8)
        others = {
            "in one more axis": value[None],
            "flat": flat,
            "transposed": np.ascontiguousarray(value.T),
            "twice as long": np.concatenate([flat, flat]),
            "empty": flat[:0],
            "of no axis": flat[:1].reshape(()),
            "noise": noise.view(value.dtype).reshape(value.shape),
        }
        with np.errstate(all="ignore"):
            others |= {f"of type {kind}": value.astype(kind) for kind in TYPES}
            for number in NUMBERS:
                place = int(rng.integers(flat.size))
                changed = flat.copy()
                changed[place] = np.array(number).astype(value.dtype)
                others[f"{number} at {place}"] = changed.reshape(value.shape)
        for what, other in others.items():
            yield f"{name} {what}", Content({**arrays, name: other}, header)
        rest = {key: each for key, each in arrays.items() if key != name}
        yield f"{name} gone", Content(rest, header)
        yield f"{name} twice", Content({**arrays, f"{name}x": value}, header)


PARTS = {
    "format": ("format",),
    **{
        name: ("values", name)
        for name in (
            *("counters", "logger", "best", "environments", "generators"),
            *("design_log", "log_files", "evaluation"),
        )
    },
}
"""Of the JSON values: where they are."""

ARRAYS = ("policy", "optimizer", "statistics", "logger", "best", "generators", "evaluation")


# --- what becomes of them ---


def write(content: Content, path: Path) -> None:
    """As `rlnas.agents.training.checkpoint.write`, of anything."""
    text = json.dumps(content.header)
    for name, raw in RAW.items():
        text = text.replace(json.dumps(name), raw)
    arrays = {name: np.asarray(value, order="C") for name, value in content.arrays.items()}
    seal(save(arrays, metadata={"checkpoint": text}), path)


def seal(content: bytes, path: Path) -> None:
    path.write_bytes(sha256(content).hexdigest().encode() + b"\n" + content)


def parts(state: State) -> Content:
    """A state as what a file holds of it."""
    arrays, values = {}, {}
    for section, entries in state.items():
        own = {name: value for name, value in entries.items() if isinstance(value, np.ndarray)}
        arrays.update({f"{section}/{name}": value for name, value in own.items()})
        values[section] = {name: value for name, value in entries.items() if name not in own}
    text = json.dumps(values, default=lambda value: value.tolist())
    return Content(arrays, {"format": "rlnas-checkpoint-4", "values": json.loads(text)})


def without_log_files(content: Content) -> Content:
    header = copy.deepcopy(content.header)
    if isinstance(header.get("values"), dict):
        header["values"].pop("log_files", None)
    return Content(content.arrays, header)


def same(one: Content, other: Content) -> bool:
    """Whether two files hold the same state, to the bit."""
    ours, theirs = one.arrays, other.arrays
    return (
        json.dumps(one.header, sort_keys=True) == json.dumps(other.header, sort_keys=True)
        and ours.keys() == theirs.keys()
        and all(
            (value.dtype, value.shape, value.tobytes())
            == (theirs[name].dtype, theirs[name].shape, theirs[name].tobytes())
            for name, value in ours.items()
        )
    )


def outcome(folder: Path, mutation: Mutation) -> str:
    """Go on with a training whose last checkpoint is a mutation, for a step."""
    what, content = mutation
    config = read_train_config(folder)
    older = parts(read(folder / FOLDER / OLDER))
    write(content, folder / FOLDER / NEWER)
    with limited_memory(), ppo.restored(config, load_datasets("wine"), folder) as run:
        del run.parts["log_files"]  # no file is open
        found = parts(run.state_dict())
        loaded = same(found, without_log_files(content))
        assert loaded or same(found, without_log_files(older)), what
        model = run.model
        actions, _ = model.predict(model._last_obs, action_masks=get_action_masks(model.env))
        observations, rewards, _, _ = model.env.step(actions)
        assert np.isfinite(observations).all(), what
        assert np.isfinite(rewards).all(), what
    return "restored" if loaded else "passed over"


def tried(folder: Path, mutations: Iterator[Mutation]) -> str:
    """The outcomes of mutations, or of some of them, counted."""
    found = list(mutations)
    chosen = range(len(found))
    if SOME is not None:
        chosen = np.random.default_rng(0).permutation(len(found))[:SOME].tolist()
    path = folder / FOLDER / NEWER
    whole = path.read_bytes()
    try:
        outcomes = [outcome(folder, found[index]) for index in chosen]
    finally:
        path.write_bytes(whole)
    restored = outcomes.count("restored")
    return f"{len(outcomes)} mutations, {restored} restored, {len(outcomes) - restored} passed over"


def with_length(header: str, rest: bytes = bytes(8)) -> bytes:
    return len(header).to_bytes(8, "little") + header.encode() + rest


ONE = '"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}'

FILES = {
    "empty": b"",
    "a header beyond the end": (2**62).to_bytes(8, "little") + b"{}",
    "a header as long as the largest": (10**8).to_bytes(8, "little") + b"{}",
    "no facts": with_length("{}"),
    "deep": with_length('{"a":' * 10**5 + "1" + "}" * 10**5),
    "two arrays of one name": with_length(f"{{{ONE}, {ONE}}}"),
    "an array of an unknown type": with_length(f"{{{ONE}}}".replace("U8", "F8_E5M2")),
    "an array beyond the end": with_length(f"{{{ONE}}}".replace("0, 1", "0, 9")),
    "a negative shape": with_length(f"{{{ONE}}}".replace("[1]", "[-1]")),
    "no text": with_length('{"__metadata__": {"checkpoint": "\xff"}}'),
    **{
        f"facts that are {value}": with_length(f'{{"__metadata__": {{"checkpoint": "{value}"}}}}')
        for value in ("[]", "null", "3", "{}", "", "[" * 10**5)
    },
}


@pytest.fixture
def content(run) -> Content:
    return parts(read(run / FOLDER / NEWER))


def test_a_checkpoint_that_was_not_mutated_is_restored(run, content):
    assert outcome(run, ("nothing", content)) == "restored"


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_a_state_is_passed_over(name, run):
    path = run / FOLDER / NEWER
    whole = path.read_bytes()
    seal(FILES[name], path)
    config = read_train_config(run)
    try:
        with limited_memory(), ppo.restored(config, load_datasets("wine"), run) as found:
            assert found.model.num_timesteps == 64
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("part", PARTS)
def test_mutated_facts_are_restored_or_passed_over(part, run, content):
    print(f"{part}: {tried(run, mutated_facts(content, part))}")


@pytest.mark.parametrize("part", ARRAYS)
def test_mutated_arrays_are_restored_or_passed_over(part, run, content):
    print(f"{part}: {tried(run, mutated_arrays(content, part))}")
