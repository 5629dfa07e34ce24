"""Rivals that learn: they learn, are continued to the same bits, and the blind see nothing."""

from dataclasses import replace

import numpy as np
import pytest
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.save_util import load_from_zip_file

from rlnas.agents.benchmark import Episode, play
from rlnas.agents.benchmark.entrants import saved_player, sb3_player
from rlnas.agents.benchmark.rivals import learned, scratch
from rlnas.agents.benchmark.rivals.learned import KINDS, SEEN_BY_THE_BLIND, BlindVecEnv, train_rival
from rlnas.agents.benchmark.rivals.rules import SequencePlayer
from rlnas.agents.benchmark.rivals.scratch import learn_from_scratch
from rlnas.agents.benchmark.rivals.simple import RandomPlayer
from rlnas.agents.learning.learner import ArrayMaskablePPO
from rlnas.envs.family.dynamics import FAMILY_OBSERVATION_NAMES
from rlnas.envs.sb3_vec_env import FamilyVecEnv
from rlnas.errors import InputError
from rlnas.family.family_file import Family, write_family
from rlnas.family.space import ARCHITECTURES, LENGTHS
from tests.agents.benchmark.conftest import TRAIN
from tests.core.family.test_family import random_table


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch):
    monkeypatch.setattr(learned, "ROUNDS", 3)


def weights(path):
    return load_from_zip_file(path, device="cpu")[1]["policy"]


def train(family, kind, out, steps=1, seed=0):
    train_rival(family, kind, out, steps, seed, progress_bar=False)


@pytest.mark.parametrize("kind", KINDS)
def test_interrupted_training_ends_with_the_same_bits(family, tmp_path, monkeypatch, kind):
    train(family, kind, tmp_path / "whole.zip")
    model, calls = learned._model, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return model(*arguments)

    monkeypatch.setattr(learned, "_model", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(family, kind, tmp_path / "parts.zip")
    assert not (tmp_path / "parts.zip").exists()
    with pytest.raises(InputError, match="is of another training: delete it"):
        train(family, kind, tmp_path / "parts.zip", seed=1)
    train(family, kind, tmp_path / "parts.zip")
    assert len(calls) == 4
    assert not (tmp_path / "parts.zip.part").exists()
    first, second = weights(tmp_path / "whole.zip"), weights(tmp_path / "parts.zip")
    assert all((first[name] == second[name]).all() for name in first)
    episodes = [Episode(TRAIN[0], seed, 0.1, 0.4) for seed in range(3)]
    assert play([family.table(TRAIN[0])], episodes, sb3_player(tmp_path / "parts.zip")).spent.all()


def test_folder_of_plain_data_holds_the_policy_of_the_file(family, tmp_path):
    train(family, "seeing", tmp_path / "policy.zip")
    train(family, "seeing", tmp_path / "policy")
    assert {path.suffix for path in (tmp_path / "policy").iterdir()} == {".json", ".safetensors"}
    episodes = [Episode(TRAIN[0], seed, 0.1, 0.4) for seed in range(3)]
    first, second = (
        play([family.table(TRAIN[0])], episodes, player)
        for player in (sb3_player(tmp_path / "policy.zip"), saved_player(tmp_path / "policy"))
    )
    assert first.actions == second.actions
    with pytest.raises(InputError, match=r"is kept in a file that ends in \.zip"):
        train(family, "recurrent", tmp_path / "policy")


def test_damaged_rest_of_a_training_is_refused(family, tmp_path):
    (tmp_path / "rest.zip.part").write_bytes(b"no tensors")
    with pytest.raises(InputError, match=r"rest.zip.part is damaged: delete it"):
        train(family, "seeing", tmp_path / "rest.zip")


@pytest.mark.slow
def test_policy_finds_what_is_good_on_tasks_that_are_alike(tmp_path):
    """Only wide networks with half of the connections, trained for long, are worth anything."""
    good = [
        length >= 2 and len(shape) == 2 and shape[0][1] == 1 / 2
        for shape in ARCHITECTURES
        for length in range(len(LENGTHS))
    ]
    metrics = np.where(good, 0.9, 0.3).reshape(-1, len(LENGTHS)).astype(np.float32)
    every = np.broadcast_to(metrics, (5, *metrics.shape))
    tables = [
        replace(
            random_table(name, 0, 5),
            val_metric=every,
            test_metric=every,
            nothing=np.full(2, 0.3, np.float32),
            weights=np.ones(len(metrics), np.int32),
        )
        for name in TRAIN
    ]
    write_family(tmp_path / "family.npz", tables, {})
    train(Family(tmp_path / "family.npz"), "seeing", tmp_path / "policy.zip", 150_000)
    episodes = [Episode(name, 0, 0.1, budget) for name in TRAIN for budget in (0.4, 1.6)]
    ours = play(tables, episodes, sb3_player(tmp_path / "policy.zip")).anytime
    assert ours.mean() > play(tables, episodes, RandomPlayer(0)).anytime.mean() + 0.2


def test_blind_sees_the_price_and_the_clock_alone(family, tmp_path):
    """In training, and afterwards in whole observations."""
    seen = [name in SEEN_BY_THE_BLIND for name in FAMILY_OBSERVATION_NAMES]
    blind, whole = (kind(2, family=family, episode_steps=3) for kind in (BlindVecEnv, FamilyVecEnv))
    for env in (blind, whole):
        env.seed(0)
    first, second = blind.reset(), whole.reset()
    for _ in range(8):
        np.testing.assert_array_equal(first[:, seen], second[:, seen])
        assert not first[:, np.logical_not(seen)].any()
        actions = whole.action_masks().argmax(axis=1)
        (first, *_, infos), (second, *_, others) = blind.step(actions), whole.step(actions)
        for info, other in zip(infos, others, strict=True):
            assert ("terminal_observation" in info) == ("terminal_observation" in other)
            if "terminal_observation" in info:
                assert not info["terminal_observation"][np.logical_not(seen)].any()
    train(family, "blind", tmp_path / "blind.zip", 10_000)
    policy = sb3_player(tmp_path / "blind.zip").policy
    rng = np.random.default_rng(0)
    observations = rng.uniform(-1, 1, (50, len(seen))).astype(np.float32)
    masks = np.ones((50, 91), bool)
    actions, _ = policy.predict(observations, deterministic=True, action_masks=masks)
    zeroed, _ = policy.predict(
        np.where(seen, observations, 0), deterministic=True, action_masks=masks
    )
    np.testing.assert_array_equal(actions, zeroed)


@pytest.mark.parametrize(
    ("kind", "steps", "seed"), [("deaf", 1, 0), ("seeing", 0, 0), ("seeing", 1, -1)]
)
def test_values_that_cannot_be_used_are_refused(family, tmp_path, kind, steps, seed):
    with pytest.raises(InputError, match=r"kind|steps|seed"):
        train(family, kind, tmp_path / "policy.zip", steps, seed)


def test_from_scratch_one_episode_is_that_of_a_new_policy(family):
    """Its design is what the first episode of the same environments finds."""
    episode = Episode(TRAIN[1], 3, 1e-4, 0.4)
    (found,) = learn_from_scratch(family, [episode], 1, seed=5)
    env = scratch._only(family, episode)
    env.seed(5)
    model = ArrayMaskablePPO("MlpPolicy", env, seed=5, **scratch._SETTINGS)
    infos = []

    class Stop(BaseCallback):
        def _on_step(self):
            infos.extend(self.locals["infos"])
            return not self.locals["dones"][0]

    model.learn(1000, callback=Stop())
    assert infos[-1]["budget"] == 0.4
    assert infos[-1]["spent"] <= 0.4
    assert found == infos[-1]["judged"] - float(family.table(TRAIN[1]).nothing[1])


def test_from_scratch_judges_by_the_other_seeds(family):
    """The judged score of a design is that of `play` with the seed of the episode."""
    for seed in (0, 4):
        episode = Episode(TRAIN[0], seed, 1e-4, 0.4)
        env = scratch._only(family, episode)
        env.reset()
        _, _, _, (info,) = env.step(np.array([9]))
        played = play([family.table(TRAIN[0])], [episode], SequencePlayer([[9]]))
        nothing = family.table(TRAIN[0]).nothing[1]
        assert info["judged"] - nothing == pytest.approx(played.final[0], abs=1e-7)
