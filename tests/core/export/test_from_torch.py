"""Networks read from PyTorch modules: the same outputs, pruned weights gone, others refused."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from rlnas.envs.design_env import DesignEnv
from rlnas.errors import InputError
from rlnas.export.torch_module import from_torch
from rlnas.nn.architecture import layers_of
from tests.core.reference import logits, random_dataset

SIZES = (6, 8, 5, 3)


def sequential(*extra: nn.Module, bias: bool = True) -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = [*extra]
    for k, (n_in, n_out) in enumerate(pairwise(SIZES)):
        layers += [nn.ReLU()] * (k > 0) + [nn.Linear(n_in, n_out, bias=bias)]
    return nn.Sequential(*layers)


def outputs(module: nn.Module, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return module.eval()(torch.tensor(x)).numpy()


X = np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)


@pytest.mark.parametrize(
    "module",
    [sequential(), sequential(bias=False), sequential(nn.Flatten(), nn.Dropout(0.5))],
    ids=["plain", "without biases", "with what changes nothing"],
)
@pytest.mark.parametrize("averaged", [False, True])
def test_outputs_equal_module_outputs(module, averaged):
    network = from_torch(module)
    assert network.layer_sizes == SIZES
    found = logits(network, X, averaged)
    np.testing.assert_allclose(found, outputs(module, X), rtol=1e-4, atol=1e-5)


def test_pruned_weights_are_no_connections():
    module = sequential()
    for layer in module:
        if isinstance(layer, nn.Linear):
            prune.l1_unstructured(layer, "weight", amount=0.6)
    network = from_torch(module)
    assert network.active_weights <= round(0.4 * (6 * 8 + 8 * 5 + 5 * 3)) + 1
    np.testing.assert_allclose(logits(network, X), outputs(module, X), rtol=1e-4, atol=1e-5)


def test_units_without_sources_are_folded_into_biases():
    module = sequential()
    with torch.no_grad():
        module[0].weight[2] = 0
        module[0].bias[2] = 0.7
    network = from_torch(module)
    assert network.layer_sizes == (6, 7, 5, 3)
    np.testing.assert_allclose(logits(network, X), outputs(module, X), rtol=1e-4, atol=1e-5)


def test_episode_can_start_from_converted_module():
    network = from_torch(sequential())
    data = random_dataset(np.random.default_rng(5))
    env = DesignEnv(data, network=network, batches_per_step=1, episode_steps=1)
    _, info = env.reset(seed=0)
    assert tuple(layers_of(info)["layer_sizes"]) == SIZES


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(),
        nn.Sequential(nn.Linear(6, 3), nn.ReLU()),
        nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3)),
        nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 3)),
        nn.Sequential(nn.Conv1d(1, 1, 3)),
    ],
)
def test_other_modules_are_refused(module):
    with pytest.raises(InputError, match="expected Linear, ReLU, Linear"):
        from_torch(module)


def test_layers_that_do_not_fit_each_other_are_refused():
    module = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(5, 3))
    with pytest.raises(InputError, match="a layer reads 5 units, the one before has 4"):
        from_torch(module)


def test_module_of_zeros_is_refused():
    module = nn.Sequential(nn.Linear(6, 3))
    nn.init.zeros_(module[0].weight)
    with pytest.raises(InputError, match="outputs are constant"):
        from_torch(module)
