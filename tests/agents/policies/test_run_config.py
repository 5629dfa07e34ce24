"""`config.json`: read as it was written, and refused when it is damaged."""

import json
from pathlib import Path
from typing import Any

import pytest

from rlnas.agents.config import (
    SHIPPED,
    SHIPPED_EDIT_SEQUENCE,
    EpisodesConfig,
    EvolveConfig,
    TrainConfig,
)
from rlnas.agents.policies.run_config import (
    FILE,
    as_json,
    check_data,
    episode_settings,
    read_config,
    read_train_config,
    write_config,
)
from rlnas.data.loading import load_dataset
from rlnas.errors import InputError

CONFIGS: dict[str, EpisodesConfig] = {
    "train": TrainConfig(
        dataset=("wine", "digits"),
        penalty=(0.01, 1.0),
        batches_per_step=7,
        data_dir=Path("data"),
        start=Path("runs/first"),
        features="slots",
        workers="ray",
        num_workers=2,
        address="head:6379",
    ),
    "train with defaults": TrainConfig(),
    "train with a budget": TrainConfig(budget=(0.05, 5.0), given=0.25, reward="final"),
    "evolve": EvolveConfig(width=(4, 8), density=(0.2,), total_batches=123),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_read_config_returns_what_write_config_was_given(name, tmp_path):
    write_config(tmp_path, CONFIGS[name], [load_dataset("wine")])
    found = read_config(tmp_path)
    assert vars(found) == {**vars(CONFIGS[name]), "run_dir": tmp_path}
    types = {key: type(value) for key, value in vars(CONFIGS[name]).items() if key != "run_dir"}
    assert {key: type(getattr(found, key)) for key in types} == types
    check_data(tmp_path, [load_dataset("wine")])


def test_config_json_names_the_command_that_made_the_run():
    assert {name: as_json(config)["command"] for name, config in CONFIGS.items()} == {
        "train": "train",
        "train with defaults": "train",
        "train with a budget": "train",
        "evolve": "evolve",
    }
    assert isinstance(read_config(SHIPPED), TrainConfig)
    assert isinstance(read_config(SHIPPED_EDIT_SEQUENCE), EvolveConfig)


def test_read_train_config_refuses_a_run_of_evolve(tmp_path):
    write_config(tmp_path, EvolveConfig(), [])
    with pytest.raises(InputError, match="expected a run folder of `rlnas train`"):
        read_train_config(tmp_path)


def test_episode_settings_are_those_of_the_file(tmp_path):
    write_config(tmp_path, CONFIGS["evolve"], [])
    assert episode_settings(tmp_path) == {
        "budget": None,
        "given": None,
        "episode_steps": None,
        "width": [4, 8],
        "density": [0.2],
        "batches_per_step": None,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"command": "design"},
        {"command": None},
        {"command": ["train"]},
        {"command": "evolve"},
        {"seed": -1},
        {"seed": True},
        {"gamma": "1"},
        {"gamma": 2.0},
        {"algorithm": "dqn"},
        {"penalty": []},
        {"penalty": [-1]},
        {"penalty": [1, 2, 3]},
        {"density": [1.5]},
        {"budget": []},
        {"budget": [-1]},
        {"budget": 1},
        {"budget": [1], "given": 1.5},
        {"given": 0.5},
        {"budget": [1], "width": [8]},
        {"budget": [1], "reward": "score"},
        {"budget": [1], "num_envs": 4, "episode_group_size": 2},
        {"reward": "anytime"},
        {"episode_steps": 10**9},
        {"batches_per_step": 0},
        {"net_arch": [0]},
        {"net_arch": [[8]]},
        {"start": 3},
        {"unknown": 3},
        {"data": [{}]},
        {"data": "wine"},
    ],
    ids=str,
)
def test_read_config_refuses_values_that_no_run_can_have(changes, tmp_path):
    values: dict[str, Any] = {**as_json(TrainConfig()), **changes}
    (tmp_path / FILE).write_text(json.dumps(values))
    with pytest.raises(InputError, match=r"config\.json is damaged") as caught:
        read_config(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", as_json(TrainConfig()))
def test_read_config_refuses_a_file_without_one_of_its_settings(name, tmp_path):
    values = as_json(TrainConfig())
    del values[name]
    (tmp_path / FILE).write_text(json.dumps(values))
    with pytest.raises(InputError, match=rf"damaged: {name} is missing"):
        read_config(tmp_path)


def test_read_config_takes_whole_numbers_in_the_form_of_floats(tmp_path):
    values = {**as_json(TrainConfig()), "epochs": 3.0, "batches_per_step": 5.0, "width": [8.0]}
    (tmp_path / FILE).write_text(json.dumps(values))
    found = read_config(tmp_path)
    assert [type(each) for each in (found.epochs, found.batches_per_step, found.width[0])] == [
        int
    ] * 3
