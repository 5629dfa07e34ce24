"""Minari: episodes are recorded with all of their infos, and read again."""

import gc

import gymnasium as gym
import numpy as np
import pytest

minari = pytest.importorskip("minari", reason="Minari is not installed: `make test-libraries`")

from examples import learn_offline
from rlnas.agents.benchmark import Protocol
from tests.compat.helpers import episode, make

pytestmark = pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")


@pytest.mark.parametrize(
    "name", ["rlnas/TabularDigits-v0", "rlnas/Digits-v1", "rlnas/FamilyTrain-v0"]
)
def test_infos_on_disk_are_those_of_the_episodes(name, tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    env = minari.DataCollector(make(name), record_infos=True)
    played = [[outcome[-1] for outcome in episode(env, seed)] for seed in range(3)]
    env.create_dataset(
        "rlnas/test-v0",
        eval_env=name,
        algorithm_name="random legal actions",
        author="a test",
        author_email="none",
        code_permalink="none",
        description="random legal actions",
    )
    env.close()

    dataset = minari.load_dataset("rlnas/test-v0")
    assert isinstance(dataset.recover_environment(), gym.Env)
    assert dataset.total_episodes == 3
    for recorded, infos in zip(dataset.iterate_episodes(), played, strict=True):
        assert set(recorded.infos) == set(infos[0])
        for key, values in recorded.infos.items():
            np.testing.assert_array_equal(values, np.array([info[key] for info in infos]))
    del env, dataset
    gc.collect()  # Minari leaves temporary folders to the collector, which warns of them


def test_example_learns_from_recorded_designs_what_random_actions_lack(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    result = learn_offline.main(episodes=200, epochs=15)
    assert result.protocol == Protocol("validation")
    dataset = minari.load_dataset(learn_offline.NAME)
    steps = learn_offline.steps_of(dataset)
    assert steps.masks[range(dataset.total_steps), steps.actions].all(), "all were legal"
    anytime = [recorded.infos["anytime"][-1] for recorded in dataset.iterate_episodes()]
    first = np.cumsum([0, *(len(recorded.actions) for recorded in dataset.iterate_episodes())])
    np.testing.assert_allclose(steps.returns[first[:-1]], anytime, atol=1e-5)
    blind = learn_offline.learn(steps, epochs=0)
    again = learn_offline.main(episodes=1)  # the data set is there: nothing is recorded
    assert minari.load_dataset(learn_offline.NAME).total_episodes == 200
    before = learn_offline.evaluate(
        blind, learn_offline.load_family(), result.about, result.protocol, progress_bar=False
    )
    assert again.played.actions == result.played.actions
    assert result.anytime.mean() > before.anytime.mean() + 0.1
    assert capsys.readouterr().out.count("score on the validation tasks") == 2
    del dataset
    gc.collect()
