"""A trained policy on disk: read as it was written, refused when damaged, never unpickled."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from rlnas.agents.config import EvolveConfig
from rlnas.agents.policies.features import FEATURES
from rlnas.agents.policies.layouts import BUDGET, FAMILY, STEPS
from rlnas.agents.policies.policy import (
    EditSequence,
    TrainedPolicy,
    fingerprint,
    layout_of_policy,
    load_policy,
    read_weights,
    save_edit_sequence,
    save_policy,
)
from rlnas.agents.policies.run_config import write_config
from rlnas.data.loading import load_dataset
from rlnas.errors import InputError
from tests.agents.helpers import ALGORITHMS, files_in, new_policy, tiny


def cases(n: int = 50) -> list[tuple[np.ndarray, np.ndarray]]:
    """Observations and masks."""
    rng = np.random.default_rng(0)
    masks = rng.random((n, 39)) < 0.3
    masks[:, 0] = True
    return list(zip(rng.uniform(-1, 1, (n, 78)).astype(np.float32), masks, strict=True))


def choices(controller: TrainedPolicy) -> list[int]:
    return [controller(observation, mask) for observation, mask in cases()]


@pytest.fixture
def copy(run, tmp_path) -> Path:
    """A run folder to damage."""
    return Path(shutil.copytree(run, tmp_path / "copy"))


# --- round trip ---


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("net_arch", [[8], [64, 64], [], [5, 4, 3]])
@pytest.mark.parametrize("features", FEATURES)
def test_loaded_policy_takes_the_same_actions_as_the_saved_one(
    algorithm, net_arch, features, tmp_path
):
    policy = new_policy(algorithm, net_arch, features)
    save_policy(tmp_path, policy, algorithm, net_arch, features)
    again = load_policy(tmp_path)
    expected = []
    for observation, mask in cases():
        masks = {"action_masks": mask} if algorithm == "maskable_ppo" else {}
        expected.append(int(policy.predict(observation, deterministic=True, **masks)[0]))
    assert choices(again) == expected
    assert len(set(expected)) > (0 if features == "blind" else 5)


def test_save_policy_preserves_every_weight_bit_for_bit(tmp_path):
    policy = new_policy("ppo", [8], "slots")
    save_policy(tmp_path, policy, "ppo", [8], "slots")
    again, expected = read_weights(tmp_path), policy.state_dict()
    assert again.keys() == expected.keys()
    assert all(again[name].tobytes() == expected[name].numpy().tobytes() for name in expected)
    assert {value.dtype for value in again.values()} == {np.dtype(np.float32)}


def test_save_policy_is_deterministic(tmp_path):
    for name in ("a", "b"):
        save_policy(tmp_path / name, new_policy("ppo", [8]), "ppo", [8], "flat")
    assert files_in(tmp_path / "a") == files_in(tmp_path / "b")
    assert files_in(tmp_path / "a").keys() == {"policy.json", "policy.safetensors"}


def test_masked_policy_takes_only_legal_actions(tmp_path):
    save_policy(tmp_path, new_policy("maskable_ppo", [8]), "maskable_ppo", [8], "flat")
    for rng in (None, np.random.default_rng(0)):
        controller = load_policy(tmp_path, rng)
        assert all(mask[controller(observation, mask)] for observation, mask in cases())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_actions_are_drawn_with_their_probabilities(algorithm, tmp_path):
    policy = new_policy(algorithm, [8])
    save_policy(tmp_path, policy, algorithm, [8], "flat")
    observation, mask = cases()[0]
    masks = {"action_masks": mask} if algorithm == "maskable_ppo" else {}
    with torch.no_grad():
        given = policy.get_distribution(torch.from_numpy(observation)[None], **masks)
    expected = given.distribution.probs[0].numpy()
    draws = 3000
    drawing = load_policy(tmp_path, np.random.default_rng(0))
    counts = np.bincount([drawing(observation, mask) for _ in range(draws)], minlength=39)
    error = 5 * np.sqrt(expected * (1 - expected) / draws)  # five standard errors
    assert (np.abs(counts / draws - expected) <= error + 1e-9).all()
    assert np.count_nonzero(counts) > 3


def test_equal_generators_draw_equal_actions(run):
    first, second, other = (
        choices(load_policy(run, np.random.default_rng(seed))) for seed in (0, 0, 1)
    )
    assert first == second != other


def test_actions_are_plain_integers(run):
    assert {type(action) for action in choices(load_policy(run))} == {int}
    assert choices(load_policy(str(run))) == choices(load_policy(run))


# --- edit sequences ---


def at(progress: float) -> np.ndarray:
    """An observation at this share of an episode."""
    observation = np.random.default_rng(1).uniform(-1, 1, 78).astype(np.float32)
    observation[0] = progress
    return observation


@pytest.mark.parametrize("length", [1, 3, 7, 20])
def test_edit_sequence_is_played_in_order_before_and_after_saving(length, tmp_path):
    actions = [(7 * k + 1) % 39 for k in range(length)]
    save_edit_sequence(tmp_path, actions)
    assert files_in(tmp_path).keys() == {"policy.json"}
    everything = np.ones(39, bool)
    for policy in (EditSequence(actions), load_policy(tmp_path)):
        assert [policy(at(k / length), everything) for k in range(length)] == actions


def test_edit_sequence_is_stretched_over_a_longer_episode():
    policy, everything = EditSequence([5, 9]), np.ones(39, bool)
    assert [policy(at(k / 6), everything) for k in range(6)] == [5, 5, 5, 9, 9, 9]


def test_edit_sequence_does_nothing_when_its_action_is_illegal():
    mask = np.zeros(39, bool)
    mask[0] = True
    assert EditSequence([5])(at(0.0), mask) == 0


def test_edit_sequence_of_episodes_with_a_budget_is_played_by_their_step_count(tmp_path):
    actions, n_actions = [len(BUDGET.actions) - 5, 4, 7], len(BUDGET.actions)
    save_edit_sequence(tmp_path, actions, BUDGET)
    policy, everything = load_policy(tmp_path), np.ones(n_actions, bool)
    seen = np.zeros((3, len(BUDGET.observations)), np.float32)
    seen[:, BUDGET.observations.index("steps")] = np.arange(3) / 3
    seen[:, BUDGET.observations.index("progress")] = 0.9  # of the budget
    assert [policy(each, everything) for each in seen] == actions
    nothing = np.zeros(n_actions, bool)
    assert policy(seen[1], nothing) == 4, "the environment refuses it"


def test_a_policy_is_refused_in_an_episode_of_the_other_kind(tmp_path):
    layouts = {"steps": STEPS, "budget": BUDGET, "family": FAMILY}
    for name, layout in layouts.items():
        policy = new_policy("maskable_ppo", [8], layout=layout)
        (tmp_path / name).mkdir()
        save_policy(tmp_path / name, policy, "maskable_ppo", [8], "flat", layout)
        assert layout_of_policy(tmp_path / name) == layout
        save_edit_sequence(tmp_path, [0], layout)
        assert layout_of_policy(tmp_path) == layout
        for other in layouts.values():
            if other == layout:
                continue
            seen = np.zeros(len(other.observations), np.float32), np.ones(len(other.actions), bool)
            for folder in (tmp_path / name, tmp_path):
                with pytest.raises(InputError, match=f"in {layout.episodes} cannot act") as no:
                    load_policy(folder)(*seen)
                assert "\n" not in str(no.value)


def test_policy_with_entries_of_layers_is_refused_where_there_are_none(tmp_path):
    save_policy(tmp_path, new_policy("ppo", [8], layout=FAMILY), "ppo", [8], "flat", FAMILY)
    text = (tmp_path / "policy.json").read_text()
    for features in ("slots", "relative", "blind"):
        (tmp_path / "policy.json").write_text(text.replace('"flat"', f'"{features}"'))
        with pytest.raises(InputError, match="is damaged: unknown algorithm or network"):
            load_policy(tmp_path)


@pytest.mark.parametrize("names", [None, [], "none", ["none", "dance"], [0], [["none"]], {}])
def test_load_policy_refuses_a_damaged_edit_sequence(names, tmp_path):
    save_edit_sequence(tmp_path, [0])
    change(tmp_path, edits=names)
    with pytest.raises(InputError, match=r"policy\.json is damaged: no sequence of known actions"):
        load_policy(tmp_path)


def test_fingerprint_is_equal_only_for_equal_policies(run, copy, tmp_path):
    assert fingerprint(run) == fingerprint(copy)
    change(copy, note="changed")
    assert fingerprint(run) != fingerprint(copy)
    with pytest.raises(InputError, match="holds no policy"):
        fingerprint(tmp_path / "absent")


# --- what is refused ---


def test_load_policy_refuses_a_folder_without_a_policy(tmp_path):
    for place in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match="holds no policy: expected a run folder of"):
            load_policy(place)


def test_load_policy_says_why_a_run_folder_has_none(tmp_path):
    data = [load_dataset("wine")]
    begun = tmp_path / "seeds" / "seed-3"
    write_config(begun, tiny(begun), data)
    with pytest.raises(InputError, match=f"has not ended: .* rlnas train --resume {begun}"):
        load_policy(begun)
    with pytest.raises(InputError, match=f"several seeds: choose one of them, such as {begun}"):
        load_policy(tmp_path / "seeds")
    (begun / "policy.zip").touch()
    with pytest.raises(InputError, match=f"the policy in {begun} is the last one, choose that"):
        load_policy(begun / "last")
    write_config(tmp_path, EvolveConfig(("wine",)), data)
    with pytest.raises(InputError, match="holds no policy"):
        load_policy(tmp_path)


def change(folder: Path, **values: Any) -> None:
    """Change entries of `policy.json`."""
    record = json.loads((folder / "policy.json").read_text())
    (folder / "policy.json").write_text(json.dumps({**record, **values}))


@pytest.mark.parametrize("content", [b"", b"{", b"\x80\x04", b"[" * 100_000])
def test_load_policy_refuses_damaged_json(copy, content):
    (copy / "policy.json").write_bytes(content)
    with pytest.raises(InputError, match=r"policy\.json is damaged"):
        load_policy(copy)


@pytest.mark.parametrize("content", [b"[]", b"{}", b'"rlnas-policy-1"', b'{"format": "other"}'])
def test_load_policy_refuses_another_format(copy, content):
    (copy / "policy.json").write_bytes(content)
    with pytest.raises(InputError, match="is not a policy of this version of rlnas"):
        load_policy(copy)


@pytest.mark.parametrize("key", ["observations", "actions"])
@pytest.mark.parametrize("change_of", ["shorter", "renamed", "reordered", "absent", "longer"])
def test_load_policy_refuses_other_observations_or_actions(copy, key, change_of):
    names = json.loads((copy / "policy.json").read_text())[key]
    other = {
        "shorter": names[:-1],
        "renamed": ["something_else", *names[1:]],
        "reordered": names[::-1],
        "absent": None,
        "longer": [*names, "more"],
    }[change_of]
    change(copy, **{key: other})
    with pytest.raises(InputError, match=f"was trained for other {key} than this version"):
        load_policy(copy)


@pytest.mark.parametrize(
    "values",
    [
        {"net_arch": [10**9]},
        {"net_arch": [4097]},
        {"net_arch": [8] * 9},
        {"net_arch": [0]},
        {"net_arch": [-8]},
        {"net_arch": [8.5]},
        {"net_arch": ["8"]},
        {"net_arch": [[8]]},
        {"net_arch": "88"},
        {"net_arch": {"pi": [8], "vf": [8]}},
        {"net_arch": None},
        {"algorithm": "dqn"},
        {"algorithm": None},
        {"algorithm": ["ppo"]},
        {"algorithm": {}},
    ],
    ids=str,
)
def test_load_policy_refuses_an_impossible_network_or_algorithm(copy, values):
    change(copy, **values)
    with pytest.raises(InputError, match="is damaged: unknown algorithm or network"):
        load_policy(copy)


def test_load_policy_refuses_weights_of_another_network(copy):
    change(copy, net_arch=[9])
    with pytest.raises(InputError, match=r"policy\.safetensors is damaged") as caught:
        load_policy(copy)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0, 0.5, 0.999])
def test_load_policy_refuses_truncated_weights(copy, share):
    path = copy / "policy.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"policy\.safetensors is damaged"):
        load_policy(copy)


def test_load_policy_refuses_missing_weights(copy):
    (copy / "policy.safetensors").unlink()
    with pytest.raises(InputError, match=r"cannot read .*policy\.safetensors: No such file"):
        load_policy(copy)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_load_policy_refuses_weights_that_are_not_finite(copy, value):
    tensors = load_file(copy / "policy.safetensors")
    tensors["action_net.bias"][3] = value
    save_file(tensors, copy / "policy.safetensors")
    with pytest.raises(InputError, match=r"policy\.safetensors is damaged: not all .* finite"):
        load_policy(copy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"more": torch.zeros(1)}, r"no policy has arrays \['more'\]"),
        ({"action_net.bias": None}, "array 'action_net.bias' is missing"),
        ({"value_net.weight": None}, "array 'value_net.weight' is missing"),
        ({"action_net.bias": torch.zeros(1)}, r"float32 \(1,\): expected float32 \(39,\)"),
        ({"action_net.bias": torch.zeros(39, 1)}, r"float32 \(39, 1\): expected float32 \(39,\)"),
        ({"action_net.bias": torch.zeros(39).double()}, r"float64 \(39,\): expected float32"),
        ({"action_net.bias": torch.zeros(39).int()}, r"int32 \(39,\): expected float32"),
        ({"action_net.bias": torch.zeros(39).bfloat16()}, "expected float32, found 'BF16'"),
        ({"two\nlines": torch.zeros(1)}, r"no policy has arrays \['two\\nlines'\]"),
    ],
)
def test_load_policy_refuses_tensors_of_no_such_policy(changes, message, copy):
    tensors = load_file(copy / "policy.safetensors")
    kept = {name: value for name, value in {**tensors, **changes}.items() if value is not None}
    save_file(kept, copy / "policy.safetensors")
    with pytest.raises(InputError, match=rf"policy\.safetensors is damaged: .*{message}"):
        load_policy(copy)


# --- nothing is unpickled ---


class Trap:
    """Leaves a trace when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_load_policy_unpickles_nothing(copy, monkeypatch):
    expected = choices(load_policy(copy))

    def refuse(*arguments: Any, **settings: Any) -> None:
        raise AssertionError("something was unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    monkeypatch.setattr(torch, "load", refuse)
    assert choices(load_policy(copy)) == expected


@pytest.mark.parametrize("name", ["policy.zip", "policy.safetensors", "policy.json", "config.json"])
def test_load_policy_runs_no_code_of_a_pickle(copy, tmp_path, name):
    (copy / name).write_bytes(pickle.dumps(Trap(tmp_path / "trace")))
    pickle.loads((copy / name).read_bytes())
    assert (tmp_path / "trace").exists(), "the trap works"
    (tmp_path / "trace").unlink()
    if name in ("policy.zip", "config.json"):  # not read
        load_policy(copy)
    else:
        with pytest.raises(InputError, match="damaged"):
            load_policy(copy)
    assert not (tmp_path / "trace").exists()
