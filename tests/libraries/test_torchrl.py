"""TorchRL: specs hold, masks are kept, in single environments and in vectors."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

pytest.importorskip("torchrl", reason="TorchRL is not installed: `make test-libraries`")

from tensordict.nn import ProbabilisticTensorDictModule, TensorDictModule, TensorDictSequential
from torchrl.data import Binary
from torchrl.envs import (
    ActionMask,
    Compose,
    DTypeCastTransform,
    EnvBase,
    GymEnv,
    GymWrapper,
    TransformedEnv,
    check_env_specs,
    default_info_dict_reader,
)
from torchrl.modules import MaskedCategorical

from tests.compat.helpers import is_family, make, short, what_pays

# A vector in mode "SameStep" is wrapped in a transform by TorchRL itself.
pytestmark = pytest.mark.filterwarnings("ignore:Nested TransformedEnvs are:UserWarning")

N = 3
STEPS = 12

NAMES = ["rlnas/TabularDigits-v0", "rlnas/Digits-v1", "rlnas/FamilyTrain-v0"]

each_name = pytest.mark.parametrize("name", NAMES)


def single(name: str) -> gym.Env:
    return make(name)


def same_step(name: str) -> gym.vector.VectorEnv:
    return gym.make_vec(name, N, "vector_entry_point", autoreset_mode="SameStep", **short(name))


def disabled(name: str) -> gym.vector.VectorEnv:
    return gym.make_vec(name, N, "vector_entry_point", autoreset_mode="Disabled", **short(name))


each_kind = pytest.mark.parametrize("kind", [single, same_step, disabled])


def masked(env: Any) -> EnvBase:
    """As the document says."""
    n_actions = env.action_space.n if isinstance(env, gym.Env) else env.single_action_space.n
    env = GymWrapper(env, categorical_action_encoding=True)
    mask = Binary(n_actions, shape=(*env.batch_size, n_actions), dtype=torch.int8)
    env.set_info_dict_reader(default_info_dict_reader(["action_mask"], spec=[mask]))
    to_bool = DTypeCastTransform(torch.int8, torch.bool, in_keys=["action_mask"])
    return TransformedEnv(env, Compose(to_bool, ActionMask()))


def assert_legal(rollout: Any) -> None:
    legal = rollout["action_mask"]
    assert legal.dtype == torch.bool
    assert legal.gather(-1, rollout["action"].unsqueeze(-1)).all()
    assert not legal.all(), "some actions are illegal"


@each_name
@each_kind
def test_data_are_as_their_specs_say(name, kind):
    env = GymWrapper(kind(name))
    check_env_specs(env)
    rollout = env.rollout(STEPS, break_when_any_done=False)
    ended, of_four_steps = rollout["next", "terminated"].sum(), STEPS // 4
    least = of_four_steps * max(1, env.batch_size.numel())
    assert ended >= least if is_family(name) else ended == least  # which may stop before
    assert not rollout["next", "truncated"].any()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((name, kind) for name in NAMES for kind in (single, same_step)),
        *((name, disabled) for name in NAMES if not is_family(name)),  # which may stop: see below
    ],
)
def test_random_actions_within_the_mask_are_legal(name, kind):
    torch.manual_seed(0)
    env = masked(kind(name))
    check_env_specs(env)
    rollout = env.rollout(STEPS, break_when_any_done=False)
    assert rollout.batch_size == (*env.batch_size, STEPS)
    assert_legal(rollout)


@pytest.mark.parametrize("kind", ["single", "SameStep"])
def test_random_actions_are_legal_where_episodes_differ_in_length(kind):
    torch.manual_seed(0)
    rollout = masked(long(kind)).rollout(100, break_when_any_done=False)
    assert rollout["next", "terminated"].sum() > 4
    assert_legal(rollout)


def test_in_mode_disabled_random_actions_fail_where_episodes_differ_in_length():
    """The document says so; should it work one day, the document has more to recommend."""
    torch.manual_seed(0)
    with pytest.raises(RuntimeError, match="invalid multinomial distribution"):
        masked(long("Disabled")).rollout(100, break_when_any_done=False)


def long(kind: str) -> Any:
    """Episodes of the family, which end when the budget is spent or the agent stops."""
    name = "rlnas/FamilyTrain-v0"
    if kind == "single":
        return gym.make(name)
    return gym.make_vec(name, N, "vector_entry_point", autoreset_mode=kind)


@each_name
@each_kind
def test_actions_of_a_policy_with_masks_are_legal(name, kind):
    torch.manual_seed(0)
    env = masked(kind(name))
    inputs = env.observation_spec["observation"].shape[-1]
    logits = torch.nn.Linear(inputs, env.action_spec.space.n)
    policy = TensorDictSequential(
        TensorDictModule(logits, in_keys=["observation"], out_keys=["logits"]),
        ProbabilisticTensorDictModule(
            in_keys={"logits": "logits", "mask": "action_mask"},
            out_keys=["action"],
            distribution_class=MaskedCategorical,
            default_interaction_type="random",
        ),
    )
    assert_legal(env.rollout(STEPS, policy, break_when_any_done=False))


@each_name
def test_infos_of_a_vector_become_tensors_at_the_ends_of_episodes_too(name):
    env = GymWrapper(same_step(name))
    rollout = env.rollout(STEPS, break_when_any_done=False)
    scores, after = rollout[what_pays(name)], rollout["next", what_pays(name)]
    gains = (after - scores).float().unsqueeze(-1)
    torch.testing.assert_close(rollout["next", "reward"], gains, atol=1e-6, rtol=0)
    if name == "rlnas/Digits-v1":
        sizes = rollout["next", "layer_sizes"]
        assert sizes.shape == (N, STEPS, 5)
        assert len(np.unique(np.count_nonzero(sizes, axis=-1))) > 1, "depths differ"


@each_name
def test_a_vector_that_resets_in_the_next_step_is_refused(name):
    envs = gym.make_vec(name, N, "vector_entry_point", **short(name))
    with pytest.raises(RuntimeError, match="SAME_STEP or DISABLED"):
        GymWrapper(envs)
    envs.close()


def test_an_id_with_its_prefix_runs_in_processes_of_torchrl():
    name = "rlnas/Digits-v1"
    env = GymEnv(f"rlnas:{name}", num_envs=2, **short(name))
    rollout = env.rollout(STEPS, break_when_any_done=False)
    assert rollout["next", "terminated"].sum() == 2 * STEPS // 4
    env.close()
