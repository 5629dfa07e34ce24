"""Players by name: they act as what they name does in `FamilyEnv`; names that lead nowhere."""

import numpy as np
import pytest
from gymnasium import spaces
from sb3_contrib import QRDQN, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO

from rlnas.agents.benchmark import CallablePlayer, Episode, play
from rlnas.agents.benchmark.entrants import player_named
from rlnas.agents.benchmark.rivals import RIVALS
from rlnas.agents.policies.layouts import FAMILY
from rlnas.agents.policies.policy import load_policy, save_edit_sequence, save_policy
from rlnas.envs.family.family_env import FamilyEnv
from rlnas.envs.sb3_vec_env import FamilyVecEnv
from rlnas.errors import InputError
from tests.agents.benchmark.conftest import TRAIN
from tests.agents.helpers import new_policy

EPISODES = [
    Episode(task, seed, 0.1, budget) for task in TRAIN for seed, budget in ((0, 0.5), (3, 2.0))
]
STEPS = 9


@pytest.fixture
def tables(family):
    return [family.table(name) for name in TRAIN]


def stepped(family, episode, model):
    """The actions of a model of Stable-Baselines3 in an episode of `FamilyEnv`."""
    env = FamilyEnv(family, episode_steps=STEPS)
    options = dict(zip(("task", "seed_of_results", "penalty", "budget"), episode, strict=True))
    observation, _ = env.reset(options=options)
    over, actions, state, first = False, [], None, np.ones(1, bool)
    masked = isinstance(model, MaskablePPO)
    while not over:
        more = {"action_masks": env.action_masks()} if masked else {"episode_start": first}
        action, state = model.predict(observation, state=state, deterministic=True, **more)
        first = np.zeros(1, bool)
        actions.append(int(action))
        observation, _, over, *_ = env.step(action)
    return actions


def opinionated(model):
    """Larger weights and no biases, so that actions depend on what is seen."""
    generator = np.random.default_rng(0)
    for weights in model.policy.parameters():
        scale = 1.0 if weights.ndim > 1 else 0.0
        weights.data = weights.new_tensor(scale * generator.normal(size=weights.shape))
    return model


@pytest.mark.parametrize(
    ("algorithm", "policy"),
    [
        (PPO, "MlpPolicy"),
        (A2C, "MlpPolicy"),
        (DQN, "MlpPolicy"),
        (QRDQN, "MlpPolicy"),
        (MaskablePPO, "MlpPolicy"),
        (RecurrentPPO, "MlpLstmPolicy"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_saved_model_acts_as_in_single_environments(algorithm, policy, family, tables, tmp_path):
    env = FamilyVecEnv(1, family=family)
    model = opinionated(algorithm(policy, env, policy_kwargs={"net_arch": [16]}, device="cpu"))
    model.save(tmp_path / "model.zip")
    found = play(tables, EPISODES, player_named(f"sb3:{tmp_path / 'model.zip'}"), STEPS)
    assert found.actions == [stepped(family, episode, model) for episode in EPISODES]
    assert len({action for actions in found.actions for action in actions}) > 1


def test_policy_in_a_folder_acts_as_when_it_is_loaded(tables, tmp_path):
    save_policy(tmp_path, new_policy("maskable_ppo", [8], layout=FAMILY), "maskable_ppo", [8],
                "flat", FAMILY)  # fmt: skip
    found = play(tables, EPISODES, player_named(str(tmp_path)), STEPS)
    assert found.actions == play(tables, EPISODES, CallablePlayer(load_policy(tmp_path)), STEPS)[0]
    (tmp_path / "sequence").mkdir()
    save_edit_sequence(tmp_path / "sequence", [5, 88, 60], FAMILY)
    found = play(tables, EPISODES[1:2], player_named(str(tmp_path / "sequence")), 3)
    assert found.actions == [[5, 88, 60]]


MODULE = """
import numpy as np
from rlnas.agents.benchmark.rivals.simple import RandomPlayer

number = 3

def first(observation, mask):
    return int(np.flatnonzero(mask)[0])

class Seeded(RandomPlayer):
    def __init__(self):
        super().__init__(5)

player = RandomPlayer(5)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "policies_of_mine.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    return "python:policies_of_mine"


def test_function_or_player_of_a_module_in_the_working_directory_plays(module, tables):
    found = play(tables, EPISODES, player_named(f"{module}:first"), STEPS)
    assert {actions[0] for actions in found.actions} == {0}
    wanted = play(tables, EPISODES, RIVALS["random"](5), STEPS).actions
    for name in ("player", "Seeded"):
        assert play(tables, EPISODES, player_named(f"{module}:{name}"), STEPS).actions == wanted


def test_rivals_act_legally_and_by_their_seed(tables):
    for name in ("nothing", "random"):
        first, again, other = (
            play(tables, EPISODES, player_named(name, seed), STEPS).actions for seed in (0, 0, 1)
        )
        assert first == again
        assert (first != other) == (name == "random")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("randon", r"unknown policy 'randon' \(did you mean random\?\): expected nothing, random"),
        ("python:json", "python:json names nothing: expected python:MODULE:NAME"),
        ("python:absent_module:act", "the module 'absent_module' cannot be imported"),
        ("python:json:act", "the module 'json' has no 'act'"),
        ("python:math:pi", "python:math:pi is a float: expected a function"),
        ("sb3:absent.zip", "cannot read absent.zip"),
    ],
)
def test_name_that_leads_nowhere_is_refused_in_one_line(name, message):
    with pytest.raises(InputError, match=message) as told:
        player_named(name)
    assert "\n" not in str(told.value)


def test_file_that_is_no_model_of_the_family_is_refused(tmp_path):
    path = tmp_path / "model.zip"
    path.write_text("text")
    with pytest.raises(InputError, match="holds no model of Stable-Baselines3"):
        player_named(f"sb3:{path}")
    np.savez(path.with_suffix(".npz"), x=np.zeros(3))
    with pytest.raises(InputError, match="holds no model of Stable-Baselines3"):
        player_named(f"sb3:{path.with_suffix('.npz')}")
    PPO("MlpPolicy", "CartPole-v1", device="cpu").save(path)
    with pytest.raises(InputError, match=r"trained on the family, Box\(78,\) and Discrete\(91\)"):
        player_named(f"sb3:{path}")


def test_policy_of_other_episodes_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no policy"):
        player_named(str(tmp_path))
    save_policy(tmp_path, new_policy("ppo", [8]), "ppo", [8], "flat")
    with pytest.raises(InputError, match="trained in episodes with a fixed number of steps: exp"):
        player_named(str(tmp_path))


def test_action_space_of_the_family_is_the_one_that_models_are_checked_for(family):
    env = FamilyEnv(family)
    assert env.observation_space.shape == (len(FAMILY.observations),)
    assert env.action_space == spaces.Discrete(len(FAMILY.actions))
