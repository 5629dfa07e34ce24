"""`DesignEnv`: what an episode is, what it pays, what it tells, what it never does."""

import copy
import json
import pickle
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as sb3_check

from rlnas.data.dataset import Dataset
from rlnas.data.loading import load_dataset
from rlnas.envs import actions, live_env
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.observations import OBSERVATION_NAMES
from rlnas.errors import InputError
from rlnas.export.torch_module import to_torch
from rlnas.nn import edits, training
from rlnas.nn.architecture import layers_of
from rlnas.nn.edits import EditError
from rlnas.nn.initialization import random_network
from rlnas.nn.network import EMA, VALUE, SparseNetwork
from rlnas.nn.training import Evaluation, Hyperparameters, Trial
from tests.core.reference import bits as network_bits, random_dataset
from tests.envs.helpers import INFO_KEYS, TASK, bits, episode, make, play

OTHER_TASK = replace(
    random_dataset(np.random.default_rng(9), features=9, classes=4, samples=200), name="other"
)
NONE, ADD_ALL, REMOVE_HALF, ADD_LAYER_3, REMOVE_LAYER_1 = 0, 1, 12, 35, 36
REAL = ("rlnas/MNIST-v1", "rlnas/FashionMNIST-v1")


def entry(observation: np.ndarray, name: str) -> float:
    return float(observation[OBSERVATION_NAMES.index(name)])


# --- as the libraries expect ---


@pytest.mark.parametrize("name", ["rlnas/Design-v1", "rlnas/Digits-v1"])
def test_gymnasium_finds_no_fault(name):
    gymnasium_check(gym.make(name).unwrapped)  # unwrapped, so that every render mode is tried


@pytest.mark.parametrize("name", ["rlnas/Design-v1", "rlnas/Digits-v1"])
def test_stable_baselines3_finds_no_fault(name):
    sb3_check(gym.make(name))


@pytest.mark.parametrize("name", REAL)
def test_checkers_find_no_fault_with_images(name, real_data_dir):
    settings: dict[str, Any] = {"batches_per_step": 2, "data_dir": str(real_data_dir)}
    gymnasium_check(gym.make(name, **settings).unwrapped)
    sb3_check(gym.make(name, **settings))


def test_make_vec_steps_and_restarts_environments():
    vector = gym.make_vec("rlnas/Digits-v1", num_envs=2, episode_steps=3)
    vector.action_space.seed(0)
    observations, infos = vector.reset(seed=0)
    assert observations.shape == (2, 78)
    for _ in range(5):
        observations, _, _, _, infos = vector.step(vector.action_space.sample())
    assert infos["action_mask"].shape == (2, 39)
    vector.close()


def test_import_registers_environments_without_loading_them_or_torch():
    code = """
import sys, rlnas, gymnasium
print(*sorted(name for name in gymnasium.registry if name.startswith("rlnas/")))
print(*(name for name in ("torch", "rlnas.envs", "rlnas.agents") if name in sys.modules))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ids, loaded = run.stdout.split("\n")[:2]
    assert ids.split() == [
        "rlnas/BudgetDesign-v0",
        "rlnas/BudgetDigits-v0",
        "rlnas/BudgetFashionMNIST-v0",
        "rlnas/BudgetMNIST-v0",
        "rlnas/BudgetMixed-v0",
        "rlnas/BudgetMixedHeldOut-v0",
        "rlnas/Design-v1",
        "rlnas/Digits-v1",
        "rlnas/FamilyTest-v0",
        "rlnas/FamilyTrain-v0",
        "rlnas/FamilyVal-v0",
        "rlnas/FashionMNIST-v1",
        "rlnas/LiveTest-v0",
        "rlnas/LiveTrain-v0",
        "rlnas/LiveVal-v0",
        "rlnas/MNIST-v1",
        "rlnas/MOBudgetDigits-v0",
        "rlnas/MODigits-v1",
        "rlnas/MOFamilyTest-v0",
        "rlnas/MOFamilyTrain-v0",
        "rlnas/MOFamilyVal-v0",
        "rlnas/MOTabularDigits-v0",
        "rlnas/Mixed-v1",
        "rlnas/MixedHeldOut-v1",
        "rlnas/TabularDigits-v0",
        "rlnas/TabularMNIST-v0",
    ]
    assert loaded == ""


def test_a_spec_survives_json():
    env = gym.make("rlnas/Design-v1", dataset="wine", penalty=(0.1, 0.5), episode_steps=3)
    assert env.spec is not None
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert bits(episode(again, seed=1)) == bits(episode(env, seed=1))
    assert json.loads(env.spec.to_json())["id"] == "rlnas/Design-v1"


@pytest.mark.parametrize("name", ["rlnas/Digits-v1", "rlnas/Design-v1"])
def test_the_default_task_is_digits(name):
    env = gym.make(name)
    env.reset(seed=0)
    assert env.get_wrapper_attr("words")["dataset"] == "digits"


# --- the same bits ---


def test_the_same_seed_gives_the_same_bits():
    first, again = make(), make()
    assert bits(episode(first, seed=4)) == bits(episode(again, seed=4))
    assert bits(episode(first, seed=4)) == bits(episode(again, seed=4)), "and again, with a past"


def test_an_episode_without_a_seed_goes_on_with_the_same_randomness():
    first, again = make(), make()
    for env in (first, again):
        episode(env, seed=4)
    second = bits(first.reset())
    assert second == bits(again.reset())
    assert second != bits(first.reset())


def test_other_seeds_give_other_episodes():
    starts = {make().reset(seed=seed)[0].tobytes() for seed in range(5)}
    assert len(starts) == 5


@pytest.mark.parametrize("copied", [lambda env: pickle.loads(pickle.dumps(env)), copy.deepcopy])
def test_copy_in_mid_episode_continues_with_the_same_bits(copied):
    env = make(episode_steps=10, penalty=(0.1, 1.0))
    env.reset(seed=3)
    play(env, np.random.default_rng(0), 4)
    other = copied(env)

    def rest(env: DesignEnv) -> list[Any]:
        steps = play(env, np.random.default_rng(1), 6)
        return [*steps, env.reset(), *play(env, np.random.default_rng(2), 3)]

    found = rest(other)  # first, so that the original would notice anything shared
    assert bits(found) == bits(rest(env))
    assert other.best is not None
    assert env.best is not None
    assert network_bits(other.best.network) == network_bits(env.best.network)


def test_global_random_state_is_neither_used_nor_changed():
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        expected = np.random.RandomState(seed).random()
        found.append(bits(episode(make(), seed=2)))
        assert np.random.random() == expected  # noqa: NPY002
        assert torch.initial_seed() == seed
    assert found[0] == found[1]


# --- score and reward ---


def test_the_score_is_accuracy_less_the_price_of_the_weights():
    for info in infos_of(played(penalty=0.3)):
        price = 0.3 * info["active_weights"] / (76 * (6 + 3))
        assert info["score"] == pytest.approx(info["val_metric"] - price, rel=1e-12)


def played(seed: int = 0, **settings: Any) -> list[Any]:
    return episode(make(**settings), seed)


def infos_of(steps: list[Any]) -> list[dict[str, Any]]:
    return [step[-1] for step in steps]


def test_val_metric_is_measured_with_averaged_weights_on_validation_samples():
    env = make("digits", batches_per_step=20, width=32)
    info = infos_of(episode(env, seed=0))[-1]
    x = torch.tensor(env.dataset.standardize(env.dataset.validation))
    logits = to_torch(env.current_design)(x)
    labels = torch.tensor(env.dataset.labels[env.dataset.validation].astype(np.int64))
    accuracy = (logits.argmax(dim=1) == labels).double().mean().item()
    loss = torch.nn.functional.cross_entropy(logits, labels).item()
    assert info["val_metric"] == pytest.approx(accuracy, abs=1 / labels.numel())
    assert info["val_loss"] == pytest.approx(loss, rel=1e-4)
    assert accuracy > 0.5, "the network has been trained"


def test_difference_rewards_sum_to_the_score_gained():
    start, *steps = played(reward="difference", episode_steps=15)
    gained = steps[-1][4]["score"] - start[1]["score"]
    assert sum(step[1] for step in steps) == pytest.approx(gained, abs=1e-12)
    scores = [info["score"] for info in infos_of([start, *steps])]
    assert [step[1] for step in steps] == pytest.approx(np.diff(scores), abs=1e-12)


def test_reward_score_pays_the_score_at_every_step():
    _, *steps = played(reward="score")
    assert [step[1] for step in steps] == [step[4]["score"] for step in steps]


def test_the_reward_changes_nothing_else():
    differences, scores = played(reward="difference"), played(reward="score")
    for one, other in zip(differences[1:], scores[1:], strict=True):
        assert bits(one[0]) == bits(other[0])
        assert bits(one[4]) == bits(other[4])


# --- the penalty ---


def test_a_penalty_is_kept():
    assert {info["penalty"] for info in infos_of(played(penalty=0.25))} == {0.25}
    assert type(make(penalty=1).reset(seed=0)[1]["penalty"]) is float


def test_penalty_range_is_drawn_log_uniformly_at_every_reset():
    env = make(batches_per_step=1, penalty=(0.01, 1.0))
    env.reset(seed=0)
    logarithms = []
    for _ in range(400):
        observation, info = env.reset()
        logarithms.append(np.log10(info["penalty"]))
        assert entry(observation, "penalty") == pytest.approx((logarithms[-1] + 1) / 2, abs=1e-6)
    assert -2 <= min(logarithms) < -1.95
    assert -0.05 < max(logarithms) <= 0
    counts, _ = np.histogram(logarithms, bins=4, range=(-2, 0))
    assert np.abs(counts - 100).max() < 35  # four standard deviations


def test_a_penalty_drawn_stays_for_the_episode():
    infos = infos_of(played(penalty=(0.01, 1.0)))
    assert len({info["penalty"] for info in infos}) == 1


# --- the starting network ---


def test_width_and_density_of_the_starting_network_are_as_given():
    _, info = make(width=10, density=0.5).reset(seed=0)
    assert info["layer_sizes"].tolist() == [6, 10, 0, 0, 3]
    assert info["layer_densities"][0] == 0.5
    assert 0.5 <= info["layer_densities"][-1] <= 0.6  # a neuron that nothing reads gets a reader


def test_ranges_of_width_and_density_are_drawn_at_every_reset():
    env = make("digits", batches_per_step=1, width=(4, 64), density=(0.1, 1.0))
    env.reset(seed=0)
    widths, densities = [], []
    for _ in range(200):
        _, info = env.reset()
        widths.append(info["layer_sizes"][1])
        densities.append(info["layer_densities"][0])
    assert 4 <= min(widths) <= 5
    assert 55 <= max(widths) <= 64
    assert 0.09 <= min(densities) <= 0.12  # a whole number of 64 inputs
    assert 0.9 <= max(densities) <= 1
    assert np.median(widths) == pytest.approx(16, abs=4)  # log-uniform: the geometric mean
    assert np.median(densities) == pytest.approx(10**-0.5, abs=0.08)


@pytest.mark.parametrize("given", [(), ((10, 0.5),), [[10, 0.5], [4, 0.3]], ((3, 1.0),) * 3])
def test_an_episode_can_start_with_any_architecture(given):
    env = make(width=9, density=1.0)
    env.reset(seed=0, options={"architecture": given})
    sizes, densities = env.current_design.layer_sizes, env.current_design.layer_densities
    assert sizes == (6, *(width for width, _ in given), 3)
    for n_in, (_, wanted), density in zip(sizes, given, densities, strict=False):
        assert density == max(1, round(wanted * n_in)) / n_in or density > wanted  # all are read
    assert densities[-1] == 1
    _, info = env.reset(seed=0)
    assert layers_of(info)["layer_sizes"] == [6, 9, 3]  # for one episode only


def test_a_given_network_starts_every_episode_and_is_not_changed():
    given = random_network((6, 5, 4, 3), 0.6, np.random.default_rng(0))
    before = network_bits(given)
    env = make(network=given, width=30)
    for seed in (1, 2):
        _, info = episode(env, seed)[0]
        assert layers_of(info)["layer_sizes"] == [6, 5, 4, 3]
        assert info["active_weights"] == given.active_weights
    assert network_bits(given) == before


def test_a_network_is_trained_from_its_own_weights():
    env = make()
    episode(env, seed=0)
    learnt = env.current_design
    _, fresh = make(batches_per_step=1).reset(seed=0)
    _, info = make(batches_per_step=1, network=learnt).reset(seed=0)
    assert info["val_loss"] < fresh["val_loss"]


def test_reset_option_network_equals_constructor_argument():
    given = random_network((6, 5, 4, 3), 0.6, np.random.default_rng(0))
    before = network_bits(given)
    env, other = make(), make(network=given)
    options = {"network": given}
    assert env.reset(seed=1, options=options)[1]["score"] == other.reset(seed=1)[1]["score"]
    for _ in range(3):
        assert env.step(0)[4]["score"] == other.step(0)[4]["score"]
    assert network_bits(env.current_design) == network_bits(other.current_design)
    assert network_bits(given) == before
    assert layers_of(env.reset(seed=2)[1])["layer_sizes"] != [6, 5, 4, 3]  # it was for one episode


# --- the data sets ---


def test_each_episode_draws_one_of_several_data_sets():
    env = make([TASK, OTHER_TASK], batches_per_step=1)
    env.reset(seed=0)
    names = []
    for _ in range(100):
        observation, info = env.reset()
        names.append(env.words["dataset"])
        assert env.datasets[info["dataset_index"]].name == names[-1]
        n_features = {"noise": 6, "other": 9}[names[-1]]
        assert info["layer_sizes"][0] == n_features
        assert entry(observation, "features") == pytest.approx(np.log10(n_features) / 4)
    assert 30 < names.count("other") < 70


def test_an_episode_stays_with_its_data_set():
    infos = infos_of(episode(make([TASK, OTHER_TASK]), seed=1))
    assert len({info["dataset_index"] for info in infos}) == 1


@pytest.mark.parametrize("source", ["wine", TASK, (TASK.features, TASK.labels)])
def test_a_name_a_data_set_or_arrays_are_a_task(source):
    steps = episode(make(source), seed=0)
    assert steps[-1][2], "the episode is over"


def test_an_npz_file_is_a_task(tmp_path):
    np.savez(tmp_path / "mine.npz", X=TASK.features, y=TASK.labels)
    env = make(str(tmp_path / "mine.npz"))
    env.reset(seed=0)
    assert env.words["dataset"] == "mine"


def poisoned(data: Dataset) -> Dataset:
    """The same data, but for test samples that would spoil whatever read them."""
    features, labels = data.features.copy(), data.labels.copy()
    features[data.test] = np.nan
    labels[data.test] = (labels[data.test] + 1) % data.n_classes
    return replace(data, features=features, labels=labels)


@pytest.mark.parametrize(
    "data", [TASK, load_dataset("wine"), load_dataset("breast_cancer")], ids=lambda d: d.name
)
def test_the_test_samples_are_never_read(data):
    spoilt = poisoned(data)
    assert bits(episode(make(spoilt), seed=0)) == bits(episode(make(data), seed=0))


def test_a_spoilt_training_or_validation_sample_would_be_noticed():
    for split in (TASK.train, TASK.validation):
        spoilt = poisoned(replace(TASK, test=split))
        with pytest.raises(InputError, match="diverges"):
            make(spoilt).reset(seed=0)


# --- the steps of an episode ---


@pytest.mark.parametrize("length", [1, 4, 20])
def test_an_episode_terminates_exactly_at_its_last_step(length):
    for seed in (0, 1):
        _, *steps = played(seed, episode_steps=length)
        assert [step[2] for step in steps] == [False] * (length - 1) + [True]
        assert not any(step[3] for step in steps)


def trained_for(env: DesignEnv) -> int:
    return env.current_design.steps


@pytest.mark.parametrize("batches", [1, 7])
def test_the_network_is_trained_at_reset_and_after_every_step(batches):
    env = make(batches_per_step=batches)
    env.reset(seed=0)
    assert trained_for(env) == batches
    rng = np.random.default_rng(0)
    for k in range(2, 7):
        play(env, rng, 1)
        assert trained_for(env) == k * batches


@pytest.mark.parametrize(
    ("settings", "samples", "batches"),
    [
        ({}, 300, 25),
        ({}, 40_000, 24_000 // (4 * 128)),  # 60 % are for training
        ({"epochs_per_step": 1.0}, 40_000, 24_000 // 128),
        ({"epochs_per_step": 1.0, "min_batches_per_step": 200}, 40_000, 200),
        ({"min_batches_per_step": 1}, 300, 1),
        ({"epochs_per_step": 2, "batches_per_step": 3}, 40_000, 3),
    ],
)
def test_batches_per_step_follow_epochs_minimum_or_fixed_number(settings, samples, batches):
    data = random_dataset(np.random.default_rng(0), samples=samples)
    env = make(data, **{"batches_per_step": None, **settings})
    assert env.evaluation_cost == batches
    env.reset(seed=0)
    assert env.evaluation_cost == trained_for(env) == batches


def test_an_applied_action_edits_the_network():
    env = make(width=20)
    _, before = env.reset(seed=0)
    observation, _, _, _, info = env.step(ADD_ALL)
    assert info["applied"] is True
    assert env.words["operation"] == "add_connections"
    assert env.words["action"] == "add_connections all x1.25"
    assert info["active_weights"] == before["active_weights"] + round(
        before["active_weights"] * 0.25
    )
    assert entry(observation, "last_add_connections") == 1
    assert entry(observation, "last_refused") == 0


def index_of(network: SparseNetwork) -> tuple[Any, ...]:
    return (network.layer_sizes, network.indptr.tobytes(), network.indices.tobytes())


def assert_charged_but_not_edited(env: DesignEnv, action: int) -> None:
    """Step, and see that the network was trained as it is, and the step counted."""
    before, elapsed = env.current_design, env.state.elapsed
    values = before.connections[VALUE].copy()
    observation, _, _, _, info = env.step(action)
    after = env.current_design
    assert info["applied"] is False
    assert index_of(after) == index_of(before)
    assert after.steps == before.steps + 3
    assert (after.connections[VALUE] != values).any()
    assert env.state.elapsed == elapsed + 1
    assert entry(observation, "last_refused") == 1
    assert entry(observation, "progress") == pytest.approx((elapsed + 1) / 6)


def test_an_illegal_action_is_a_charged_no_op_which_still_trains():
    env = make()
    env.reset(seed=0)
    assert not env.action_masks()[ADD_LAYER_3]
    assert_charged_but_not_edited(env, ADD_LAYER_3)


def test_an_illegal_action_trains_as_no_action_does():
    env, other = make(), make()
    for one in (env, other):
        one.reset(seed=0)
    illegal, none = env.step(ADD_LAYER_3), other.step(NONE)
    assert illegal[1] == none[1]
    assert network_bits(env.current_design) == network_bits(other.current_design)


def test_an_edit_that_fails_after_all_is_a_charged_no_op(monkeypatch):
    def fail(*arguments: Any) -> None:
        raise EditError("nothing would be left")

    env = make()
    env.reset(seed=0)
    monkeypatch.setattr(actions, "apply", fail)
    assert_charged_but_not_edited(env, ADD_ALL)


@pytest.mark.parametrize("action", [-1, 39, 1000])
def test_an_action_out_of_range_is_refused_and_changes_nothing(action):
    env, other = make(render_mode="ansi"), make(render_mode="ansi")
    for one in (env, other):
        one.reset(seed=0)
    with pytest.raises(InputError, match=r"out of range: expected 0 to 38"):
        env.step(action)
    assert env.render() == other.render()
    assert bits(env.step(ADD_ALL)) == bits(other.step(ADD_ALL))


@pytest.mark.parametrize("kind", [int, np.int64, np.int32, np.array])
def test_actions_may_be_any_kind_of_integer(kind):
    env = make()
    env.reset(seed=0)
    assert env.step(kind(ADD_ALL))[4]["applied"]


# --- a network that diverges ---


def diverging(how: str, at: int) -> Any:
    """Training that goes wrong at one of its calls."""
    calls: list[None] = []
    right = live_env.try_network

    def wrong(network: SparseNetwork, *arguments: Any) -> Trial:
        calls.append(None)
        if len(calls) == at and how == "averages":
            network.connections[EMA] = np.nan  # so that validation fails
        result = right(network, *arguments)
        if len(calls) != at or how == "averages":
            return result
        network.connections[:] *= 2
        loss = {"nan": np.nan, "inf": np.inf, "huge": 1e30}[how]
        return result._replace(training=Evaluation(result.training.metric, loss))

    return wrong


@pytest.mark.parametrize("how", ["averages", "nan", "inf", "huge"])
def test_a_diverging_network_is_undone_and_flagged(how, monkeypatch):
    monkeypatch.setattr(live_env, "try_network", diverging(how, at=3))
    env = make()
    env.reset(seed=0)
    _, _, _, _, before = env.step(NONE)
    kept = network_bits(env.current_design)
    observation, reward, _, _, info = env.step(ADD_ALL)
    assert network_bits(env.current_design) == kept
    assert reward == 0
    assert info["applied"] is False
    assert (before["diverged"], info["diverged"]) == (False, True)
    assert {key: info[key] for key in ("score", "val_loss", "active_weights")} == {
        key: before[key] for key in ("score", "val_loss", "active_weights")
    }
    assert np.isfinite(observation).all()
    assert entry(observation, "last_refused") == 1
    assert entry(observation, "progress") == pytest.approx(2 / 6)
    _, _, _, _, after = env.step(ADD_ALL)
    assert after["applied"] is True
    assert after["diverged"] is False


def test_training_uses_the_hyperparameters_given(monkeypatch):
    seen, right = [], live_env.try_network

    def spy(network: Any, data: Any, stream: Any, *numbers: Any) -> Trial:
        seen.append((numbers[-1], stream.batch_size))
        return right(network, data, stream, *numbers)

    monkeypatch.setattr(live_env, "try_network", spy)
    other = Hyperparameters(batch_size=16, weight_decay=0.3)
    as_mapping = {"batch_size": 16, "weight_decay": 0.3}
    for env in (make(), make(hyperparameters=other), make(hyperparameters=as_mapping)):
        env.reset(seed=0)
        env.step(NONE)
    assert seen == [(Hyperparameters(), 128)] * 2 + [(other, 16)] * 4


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"weight_decay": -0.1}, "weight_decay"),
        ({"weight_decay": np.nan}, "weight_decay"),
        ({"momentum": 0.9}, "expected a Hyperparameters"),
        (0.1, "expected a Hyperparameters"),
    ],
)
def test_hyperparameters_that_cannot_be_used_are_refused(value, message):
    with pytest.raises(InputError, match=message):
        make(hyperparameters=value)


def test_a_spec_with_hyperparameters_survives_json():
    wanted = Hyperparameters(learning_rate=1e-2, weight_decay=0.3)
    env = gym.make("rlnas/Design-v1", dataset="wine", episode_steps=2, hyperparameters=wanted)
    assert env.spec is not None
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert again.unwrapped.hyperparameters == wanted  # type: ignore[attr-defined]
    assert bits(episode(again, seed=1)) == bits(episode(env, seed=1))


def test_the_best_score_that_is_seen_is_that_of_the_episode():
    env = make(penalty=0.3)
    for seed in range(3):
        best = -np.inf
        for observation, *rest in episode(env, seed):
            score = rest[-1]["score"]
            best = max(best, score)
            expected = -np.log10(1 + (best - score) / 1e-3) / 3
            assert entry(observation, "log_below_best") == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("scale", [1e10, 1e19, 1e30])
def test_a_starting_network_that_diverges_is_refused(scale):
    huge = random_network((6, 8, 3), 0.5, np.random.default_rng(0))
    huge.connections *= np.float32(scale)
    with pytest.raises(InputError, match="starting network diverges on data set 'noise'"):
        make(network=huge).reset(seed=0)


def test_a_network_that_nearly_diverges_is_seen_without_warnings():
    large = random_network((6, 8, 3), 0.5, np.random.default_rng(0))
    large.connections[[0, 3]] *= np.float32(3e8)
    steps = episode(make(network=large), seed=0)
    assert infos_of(steps)[0]["val_loss"] > 1e15
    assert all(np.isfinite(step[0]).all() for step in steps)


# --- what it tells ---


def test_info_has_documented_keys_and_types():
    env = make(episode_steps=12)
    for info in infos_of(episode(env, seed=1)):
        assert set(info) == INFO_KEYS
        floats = ("score", "val_metric", "val_loss", "density", "penalty")
        assert all(type(info[key]) is float and np.isfinite(info[key]) for key in floats)
        assert type(info["active_weights"]) is type(info["dataset_index"]) is int
        assert type(info["applied"]) is bool
        for key, dtype, length in [
            ("layer_sizes", np.int64, 5),
            ("layer_densities", np.float64, 4),
            ("action_mask", np.int8, 39),
        ]:
            assert (info[key].dtype, info[key].shape) == (dtype, (length,))


def test_info_has_zeros_for_absent_layers():
    given = random_network((6, 5, 4, 3), 0.6, np.random.default_rng(0))
    env = make(network=given)
    infos = [env.reset(seed=0)[1]]
    for action in (ADD_LAYER_3, *[REMOVE_LAYER_1] * 3):
        infos.append(env.step(action)[4])
        network = env.current_design
        assert layers_of(infos[-1]) == {
            "layer_sizes": list(network.layer_sizes),
            "layer_densities": list(network.layer_densities),
        }
        assert not infos[-1]["layer_densities"][network.depth : -1].any()
    depths = [np.count_nonzero(info["layer_sizes"][1:4]) for info in infos]
    assert depths == [2, 3, 2, 1, 0]
    assert all(info["layer_sizes"][[0, -1]].tolist() == [6, 3] for info in infos)


def test_the_manual_lists_the_keys_of_the_info():
    entries = [row[0] for row in rows_of(section("Information"))]
    assert set(re.findall(r"`(\w+)`", " ".join(entries))) == INFO_KEYS


def test_rewards_and_flags_are_plain_python_values():
    _, *steps = played()
    for _, reward, terminated, truncated, _ in steps:
        assert (type(reward), type(terminated), type(truncated)) == (float, bool, bool)


def test_the_mask_in_the_info_is_the_mask_of_the_method():
    env = make(episode_steps=12)
    env.action_space.seed(0)
    _, info = env.reset(seed=1)
    for _ in range(12):
        mask = env.action_masks()
        assert mask.dtype == bool
        np.testing.assert_array_equal(info["action_mask"], mask)
        np.testing.assert_array_equal(mask, actions.judge(env.current_design).legal)
        info = env.step(env.action_space.sample(info["action_mask"]))[4]
        assert info["applied"] or env.words["operation"].startswith("remove")


def test_masks_given_out_are_the_callers_own():
    env = make()
    _, info = env.reset(seed=0)
    env.action_masks()[:] = True
    info["action_mask"][:] = 1
    assert not env.action_masks()[ADD_LAYER_3]
    assert env.step(ADD_LAYER_3)[4]["applied"] is False


def test_best_has_the_highest_score_of_all_steps_and_is_not_changed_later():
    env = make("digits", width=16, batches_per_step=5, penalty=0.2)
    seen, previous = [], None
    for seed in (0, 1, 2):
        env.reset(seed=seed)
        rng = np.random.default_rng(seed)
        for _ in range(6):
            play(env, rng, 1)
            seen.append(env.state.current.score)
            assert env.best is not None
            assert env.best.info["score"] == max(seen)
            if previous is not None and env.best is previous[0]:
                assert network_bits(env.best.network) == previous[1]
            previous = (env.best, network_bits(env.best.network))
    assert env.best is not None
    again = training.evaluate(env.best.network, env.dataset, env.dataset.validation)
    assert again.metric == env.best.info["val_metric"]
    assert again.loss == env.best.info["val_loss"]
    assert env.best.network.active_weights == env.best.info["active_weights"]


def test_every_design_of_an_episode_is_valid_and_survives_a_file(tmp_path):
    env = make(episode_steps=40, width=20)
    env.reset(seed=0)
    rng = np.random.default_rng(1)
    for _ in range(40):
        play(env, rng, 1)
        network = env.current_design
        network.check()
        assert network.units.flags.c_contiguous, "kernels are compiled for arrays that lie so"
        assert network.connections.flags.c_contiguous
        network.save(tmp_path / "network.safetensors")
        assert network_bits(SparseNetwork.load(tmp_path / "network.safetensors")) == network_bits(
            network
        )


def test_a_network_that_an_episode_begins_with_is_not_the_best_that_was_designed():
    env = make()
    env.reset(seed=0)
    assert env.best is None
    play(env, np.random.default_rng(0), 1)
    made = env.best
    assert made is not None
    assert made.network is env.current_design
    env.reset(seed=0)
    assert env.best is made


def test_the_info_of_the_best_design_is_its_own():
    env = make()
    env.reset(seed=0)
    *_, info = env.step(0)
    kept = bits(info)
    info["episode"] = "added by a wrapper"
    info["layer_sizes"][:] = 9
    assert env.best is not None
    assert bits({key: env.best.info[key] for key in INFO_KEYS}) == kept
    assert set(env.best.info) - INFO_KEYS == set(env.words)


# --- rendering and closing ---


def test_ansi_is_a_text_table_of_the_design():
    env = make(render_mode="ansi", width=9)
    env.reset(seed=0)
    info = env.step(ADD_ALL)[4]
    lines = env.render().split("\n")
    assert [line.split()[0] for line in lines[:5]] == ["layer", "input", "hidden", "output", "all"]
    assert lines[4].split()[2] == str(info["active_weights"])
    assert f"{info['score']:.4f}" in env.render()
    assert "add_connections all x1.25" in env.render()


def test_rgb_array_is_a_picture_of_the_design():
    env = make(render_mode="rgb_array")
    env.reset(seed=0)
    first = env.render()
    assert first.dtype == np.uint8
    assert first.shape == (480, 640, 3)
    env.step(22)  # twice the neurons
    assert (env.render() != first).any()


def test_without_a_render_mode_nothing_is_rendered():
    env = make()
    env.reset(seed=0)
    assert env.render() is None


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_rendering_changes_nothing(mode):
    plain, rendered = make(), make(render_mode=mode)
    for env in (plain, rendered):
        env.reset(seed=0)
    rendered.render()
    rendered.render()
    assert bits(plain.step(ADD_ALL)) == bits(rendered.step(ADD_ALL))


def test_closing_twice_is_safe():
    env = make(render_mode="rgb_array")
    env.close()
    env.reset(seed=0)
    env.render()
    env.close()
    env.close()


# --- what it refuses ---


def misfit() -> SparseNetwork:
    return random_network((7, 4, 3), 0.5, np.random.default_rng(0))


def broken() -> SparseNetwork:
    network = random_network((6, 4, 3), 0.5, np.random.default_rng(0))
    network.connections[0, 0] = np.nan
    return network


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dataset": "iris"}, "unknown data set 'iris'.*digits, wine"),
        ({"dataset": []}, "no data set"),
        ({"dataset": ["wine", "iris"]}, "unknown data set 'iris'"),
        ({"dataset": 3}, "cannot load a data set from int"),
        ({"dataset": "absent.npz"}, "absent.npz does not exist"),
        ({"penalty": -0.1}, "penalty -0.1 is out of range: expected at least 0"),
        ({"penalty": (0.5, 0.1)}, r"penalty range \(0.5, 0.1\) is upside down"),
        ({"penalty": (0.1, 0.2, 0.3)}, "expected a finite number or"),
        ({"penalty": ()}, "expected a finite number or"),
        ({"penalty": float("nan")}, "penalty nan cannot be used"),
        ({"penalty": (0.1, float("inf"))}, "penalty .*inf.* cannot be used"),
        ({"penalty": "high"}, "penalty 'high' cannot be used"),
        ({"penalty": None}, "penalty None cannot be used"),
        ({"reward": "accuracy"}, "unknown reward 'accuracy': expected 'difference' or 'score'"),
        ({"episode_steps": 0}, "episode_steps 0 cannot be used"),
        ({"episode_steps": 2.5}, "episode_steps 2.5 cannot be used"),
        ({"episode_steps": None}, "episode_steps None cannot be used"),
        ({"batches_per_step": 0}, "batches_per_step 0 cannot be used"),
        ({"batches_per_step": -3}, "batches_per_step -3 cannot be used"),
        ({"epochs_per_step": -1}, "epochs_per_step -1.0 is out of range: expected at least 0"),
        (
            {"epochs_per_step": (0.1, 0.5)},
            "epochs_per_step .* cannot be used: expected a finite number",
        ),
        ({"min_batches_per_step": 0}, "min_batches_per_step 0 cannot be used"),
        ({"width": 0}, "width 0 is out of range: expected from 1 to 512"),
        ({"width": 513}, "width 513 is out of range"),
        ({"width": (64, 4)}, "width range .* is upside down"),
        ({"density": 0}, "density 0 is out of range"),
        ({"density": 1.5}, "density 1.5 is out of range"),
        ({"density": (0.5, 0.1)}, "density range .* is upside down"),
        (
            {"render_mode": "human"},
            "unknown render mode 'human': expected None or 'ansi' or 'rgb_array'",
        ),
        ({"network": misfit()}, "7 inputs and 3 outputs.* 6 features"),
        ({"network": broken()}, "must be finite"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_invalid_argument_raises_input_error_with_reason(settings, message):
    with pytest.raises(InputError, match=message) as caught:
        make(**settings)
    assert "\n" not in str(caught.value)


def test_reset_options_are_refused():
    expected = r"options \['width'\]: expected 'architecture' or 'network' or none"
    with pytest.raises(InputError, match=expected):
        make().reset(options={"width": 3})


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("design.json", "starting network is a str: expected a SparseNetwork"),
        (random_network((7, 5, 3), 0.6, np.random.default_rng(0)), "network has 7 inputs"),
        (random_network((6, *[2] * 9, 3), 0.6, np.random.default_rng(0)), "9 hidden layers"),
    ],
)
def test_networks_that_no_episode_can_start_with_are_refused(network, message):
    for start in (
        lambda: make().reset(options={"network": network}),
        lambda: make(network=network),
    ):
        with pytest.raises(InputError, match=message):
            start()


def test_an_episode_starts_with_an_architecture_or_with_a_network():
    network = random_network((6, 5, 3), 0.6, np.random.default_rng(0))
    with pytest.raises(InputError, match="'architecture' and 'network': expected one of them"):
        make().reset(options={"network": network, "architecture": ((5, 0.5),)})


@pytest.mark.parametrize(
    "wrong",
    [
        5,
        [[5]],
        [[0, 0.5]],
        [[513, 0.5]],
        [[5, 0.0]],
        [[5, 1.1]],
        [[2.5, 0.5]],
        [[5, "x"]],
        [[5, 1.0]] * 4,
    ],
)
def test_invalid_architecture_option_leaves_episode_under_way(wrong):
    env = make()
    env.reset(seed=0)
    with pytest.raises(InputError, match=r"architecture .* expected \(width, density\) of each"):
        env.reset(options={"architecture": wrong})
    env.step(NONE)  # the episode goes on


@pytest.mark.parametrize(
    "read",
    [
        lambda env: env.state,
        lambda env: env.current_design,
        lambda env: env.penalty,
        lambda env: env.words,
        lambda env: env.action_masks(),
        lambda env: env.render(),
        lambda env: env.step(NONE),
    ],
)
def test_episode_attributes_before_reset_raise_input_error(read):
    with pytest.raises(InputError, match=r"no episode is under way: call reset\(\) first"):
        read(make(render_mode="ansi"))


def test_dataset_before_reset_is_known_only_if_there_is_one():
    assert make().dataset is TASK
    assert make().reference == 76 * (6 + 3)
    with pytest.raises(InputError, match=r"call reset\(\) first"):
        _ = make([TASK, OTHER_TASK]).dataset


def test_state_is_not_changed_by_later_steps():
    env = make(width=16)
    env.reset(seed=0)
    state, kept = env.state, bits(env.state.info())
    network = network_bits(state.current.network)
    play(env, np.random.default_rng(0), 4)
    assert (state.elapsed, bits(state.info())) == (0, kept)
    assert network_bits(state.current.network) == network
    with pytest.raises(FrozenInstanceError):
        state.elapsed = 3


def test_refused_reset_keeps_the_episode():
    huge = random_network((6, 8, 3), 0.5, np.random.default_rng(0))
    huge.connections *= np.float32(1e30)
    env = make()
    env.reset(seed=0)
    state = env.state
    with pytest.raises(InputError, match="diverges"):
        env.reset(options={"network": huge})
    assert env.state is state


def test_best_score_is_of_the_episode_and_best_of_all_episodes():
    env = make(penalty=0.3)
    highest = -np.inf
    for seed in range(4):
        scores = [info["score"] for info in infos_of(episode(env, seed))]
        highest = max(highest, *scores[1:])  # the first is of no step
        assert env.state.best_score == max(scores)
        assert env.best.info["score"] == highest


def test_continued_copy_goes_on_with_other_lengths():
    env, plain = make(episode_steps=3), make(episode_steps=3)
    for one in (env, plain):
        one.reset(seed=0)
        play(one, np.random.default_rng(0), 3)
    longer = env.continued(episode_steps=5, batches_per_step=7)
    steps = longer.current_design.steps
    assert [longer.step(NONE)[2] for _ in range(2)] == [False, True]
    assert longer.current_design.steps == steps + 14
    assert (env.state.elapsed, env.episode_steps) == (3, 3)
    assert bits(env.reset()) == bits(plain.reset()), "the one that was copied is as it was"


def test_saliency_argument_decides_which_connections_are_removed():
    seen = []

    def saliency(network: SparseNetwork) -> np.ndarray:
        seen.append(network)
        return -edits.saliency(network)  # the most salient go first

    env, default = (make(width=16, density=0.8, **given) for given in ({"saliency": saliency}, {}))
    env.reset(seed=0)
    network = env.current_design
    assert env.step(REMOVE_HALF)[4]["applied"]
    assert seen == [network]
    default.reset(seed=0)
    default.step(REMOVE_HALF)
    assert index_of(default.current_design) != index_of(env.current_design)


# --- the manual ---


def section(title: str) -> str:
    assert DesignEnv.__doc__ is not None
    return DesignEnv.__doc__.split(f"## {title}\n")[1].split("## ")[0]


def rows_of(text: str) -> list[list[str]]:
    """The cells of a table in the manual, without its head."""
    lines = [line.strip() for line in text.split("\n") if line.strip().startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_manual_numbers_the_actions_as_they_are():
    text = section("Action Space")
    assert f"`Discrete({make().action_space.n})`" in text
    documented: list[str] = []
    for numbers, operation, layers, amounts, _ in rows_of(text):
        first, last = (numbers.split("-") * 2)[:2]
        assert int(first) == len(documented)
        words = operation.split(",")[0].replace(" a ", " ").split()
        places = layers.replace("hidden 1-3", "hidden 1, hidden 2, hidden 3").split(", ")
        for place in places:
            for factor in amounts.split(", "):
                documented.append(" ".join(filter(None, ("_".join(words[:2]), place, factor))))
        assert int(last) == len(documented) - 1
    assert documented == [str(action) for action in actions.ACTIONS]


def test_the_manual_has_the_size_of_the_observation():
    env = make()
    shape = re.search(r"Box\(-1, 1, \((\d+),\), float32\)", section("Observation Space"))
    assert shape is not None
    assert (int(shape[1]),) == env.observation_space.shape == (len(OBSERVATION_NAMES),)
    assert env.observation_space.dtype == np.float32


def test_the_manual_explains_every_entry_of_the_observation():
    first = " ".join(row[0] for row in rows_of(section("Observation Space")))
    whole = section("Observation Space")
    for name in OBSERVATION_NAMES:
        if name.startswith("last_"):
            assert "last_*" in first
        elif name.startswith(("hidden_", "output_")):
            assert "hidden_k_*, output_*" in first
            assert re.sub(r"^(hidden_\d|output)_", "", name) in whole
        else:
            parts = name.split("_", 1)
            assert name in first or all(part in first for part in parts), name


def test_the_manual_names_every_argument():
    text = section("Arguments")
    parameters = DesignEnv.__init__.__annotations__.keys() - {"return"}
    for name in parameters:
        assert f"`{name}`" in text, name
