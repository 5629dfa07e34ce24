"""The NumPy network of a policy computes what Stable-Baselines3 computes."""

import numpy as np
import pytest
import torch

from rlnas.agents.config import SHIPPED
from rlnas.agents.policies.environments import env_like
from rlnas.agents.policies.episode import steps_of_episode
from rlnas.agents.policies.features import features_dim, features_of
from rlnas.agents.policies.layouts import LAYOUTS, Layout
from rlnas.agents.policies.network import policy_network, tensor_shapes
from rlnas.agents.policies.policy import TrainedPolicy, load_policy
from rlnas.agents.training.start import start_from
from tests.agents.helpers import ALGORITHMS, new_policy

SAMPLES = 200

every_network = pytest.mark.parametrize(
    ("layout", "features", "net_arch"),
    [
        (layout, features, net_arch)
        for layout in LAYOUTS
        for features in features_of(layout)
        for net_arch in ([], [16], [64, 64], [5, 4, 3])
    ],
    ids=lambda each: each.episodes.replace(" ", "-") if isinstance(each, Layout) else str(each),
)


def observations(layout: Layout, seed: int = 0) -> np.ndarray:
    """Random observations, with some entries at their limits."""
    rng = np.random.default_rng(seed)
    shape = (SAMPLES, len(layout.observations))
    return rng.uniform(-1.3, 1.3, shape).clip(-1, 1).astype(np.float32)


def in_numpy(policy, net_arch, features, layout):
    tensors = {name: value.numpy() for name, value in policy.state_dict().items()}
    return policy_network(tensors, net_arch, features, layout)


@every_network
def test_logits_are_those_of_stable_baselines3(features, net_arch, layout):
    policy = new_policy("ppo", net_arch, features, layout=layout)
    network, seen = in_numpy(policy, net_arch, features, layout), observations(layout)
    with torch.no_grad():
        latent = policy.mlp_extractor.forward_actor(
            policy.extract_features(torch.from_numpy(seen), policy.pi_features_extractor)
        )
        expected = policy.action_net(latent).numpy()
    found = np.array([network.logits(each) for each in seen])
    assert found.dtype == expected.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-5)


@every_network
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_actions_are_those_of_stable_baselines3(algorithm, features, net_arch, layout):
    policy = new_policy(algorithm, net_arch, features, seed=1, layout=layout)
    masked = algorithm == "maskable_ppo"
    network = in_numpy(policy, net_arch, features, layout)
    ours = TrainedPolicy(network, masked, layout=layout)
    seen = observations(layout, 1)
    masks = np.random.default_rng(2).random((SAMPLES, len(layout.actions))) < 0.3
    masks[:, 0] = True
    expected, _ = policy.predict(
        seen, deterministic=True, **({"action_masks": masks} if masked else {})
    )
    assert [ours(*each) for each in zip(seen, masks, strict=True)] == expected.tolist()


@every_network
def test_tensor_shapes_are_those_of_stable_baselines3(features, net_arch, layout):
    policy = new_policy("maskable_ppo", net_arch, features, layout=layout)
    expected = {name: tuple(value.shape) for name, value in policy.state_dict().items()}
    assert tensor_shapes(net_arch, features, layout) == expected
    assert features_dim(features, layout) == policy.features_dim


def test_shipped_controller_acts_in_episodes_as_in_stable_baselines3():
    trained = new_policy("maskable_ppo", [64, 64], "relative")
    start_from(SHIPPED, trained)

    def both(observation: np.ndarray, mask: np.ndarray) -> int:
        action, _ = trained.predict(observation, action_masks=mask, deterministic=True)
        taken.append((ours(observation, mask), int(action)))
        return int(action)

    ours, taken = load_policy(SHIPPED), []
    for seed in range(3):
        list(steps_of_episode(env_like(SHIPPED, "wine", penalty=0.1 * (seed + 1)), both, seed))
    assert [mine for mine, _ in taken] == [theirs for _, theirs in taken]
    assert len({mine for mine, _ in taken}) > 5
