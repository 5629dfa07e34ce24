"""Architectures: what is one, and that a network of one has its widths and densities."""

from fractions import Fraction

import numpy as np
import pytest

from rlnas.errors import InputError
from rlnas.nn.architecture import check_architecture
from rlnas.nn.initialization import new_network
from tests.core.reference import bits, mask_of

# --- what is one ---


@pytest.mark.parametrize(
    "given",
    [
        ((8, 0.5), (16, 1.0)),
        [[8, 0.5], [16, 1]],
        np.array([[8, 0.5], [16, 1.0]], object),
        (layer for layer in [(8, 0.5), (16, 1)]),
        [(np.int64(8), np.float32(0.5)), (np.uint8(16), Fraction(1))],
    ],
    ids=["tuples", "lists", "array", "generator", "scalars"],
)
def test_layers_in_any_form_become_tuples_of_plain_numbers(given):
    found = check_architecture(given, max_depth=2, max_width=16)
    assert found == ((8, 0.5), (16, 1.0))
    assert isinstance(found, tuple)
    for layer in found:
        assert [type(part) for part in (layer, *layer)] == [tuple, int, float]


def test_no_hidden_layer_is_an_architecture():
    assert check_architecture((), 3, 512) == ()
    assert check_architecture([], 0, 512) == ()


def test_the_largest_depth_and_width_are_accepted():
    architecture = ((1, 1.0), (512, 1e-9), (1, 0.5))
    assert check_architecture(architecture, 3, 512) == architecture


@pytest.mark.parametrize(
    "given",
    [
        ((8, 0.5),) * 3,
        ((0, 0.5),),
        ((-8, 0.5),),
        ((33, 0.5),),
        ((8.0, 0.5),),
        (("8", 0.5),),
        ((8, 0.0),),
        ((8, -0.5),),
        ((8, 1.0001),),
        ((8, float("nan")),),
        ((8, "0.5"),),
        ((8, None),),
        ((8, 0.5), (8, 2)),
        (8, 0.5),
        ((8,),),
        ((8, 0.5, 1),),
        "ab",
        8,
        None,
        {"width": 8},
    ],
)
def test_an_invalid_architecture_is_refused_in_one_line(given):
    with pytest.raises(InputError, match=r"architecture .* cannot be used: expected") as caught:
        check_architecture(given, max_depth=2, max_width=32)
    message = str(caught.value)
    assert str(given) in message
    assert "up to 2 hidden layers, widths from 1 to 32" in message
    assert "\n" not in message


# --- a network of one ---


def blocks(sizes: tuple[int, ...], mask: np.ndarray) -> dict[tuple[int, int], np.ndarray]:
    """For each pair of layers (source, target), which of their connections are active."""
    starts = np.cumsum((0, *sizes))
    return {
        (source, target): mask[
            starts[target] - sizes[0] : starts[target + 1] - sizes[0],
            starts[source] : starts[source + 1],
        ]
        for target in range(1, len(sizes))
        for source in range(target)
    }


@pytest.mark.parametrize(
    "architecture",
    [
        (),
        ((20, 0.5),),
        ((10, 1.0), (4, 0.3)),
        ((20, 0.1), (10, 0.2), (8, 0.7)),
        ((12, 0.001), (5, 0.001)),
    ],
    ids=str,
)
def test_each_layer_has_its_width_and_its_density(architecture):
    """A unit reads its share of the layer before; what nobody reads is read once."""
    network = new_network(architecture, 30, 4, np.random.default_rng(0))
    network.check()
    sizes = (30, *(width for width, _ in architecture), 4)
    assert network.layer_sizes == sizes
    densities = [density for _, density in architecture] + [1.0]
    found = blocks(sizes, mask_of(network))
    for target, density in enumerate(densities, start=1):
        active = found[target - 1, target]
        fan_in = max(1, round(density * sizes[target - 1]))
        assert active.sum(axis=1).min() >= fan_in
        surplus = active.sum() - fan_in * sizes[target]
        read_once = (active.sum(axis=0) == 1).sum()
        assert 0 <= surplus <= read_once * (target > 1)
        if target > 1:
            assert active.any(axis=0).all()
    assert all(not found[pair].any() for pair in found if pair[1] - pair[0] > 1)


def test_the_output_layer_is_dense():
    network = new_network(((7, 0.1), (5, 0.1)), 30, 4, np.random.default_rng(0))
    assert blocks((30, 7, 5, 4), mask_of(network))[2, 3].all()


def test_a_dense_network_has_a_weight_for_every_pair_of_units():
    network = new_network(((76, 1.0),), 784, 10, np.random.default_rng(0))
    assert network.active_weights == 784 * 76 + 76 * 10
    assert new_network((), 64, 10, np.random.default_rng(0)).active_weights == 640


def test_the_same_generator_gives_the_same_network():
    architecture = ((12, 0.25), (6, 0.5))
    one, same, other = (
        new_network(architecture, 20, 3, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert bits(one) == bits(same)
    assert bits(one) != bits(other)


@pytest.mark.parametrize("architecture", [((0, 0.5),), ((8, 0.0),), ((8, 1.5),)])
def test_new_network_refuses_an_impossible_layer(architecture):
    with pytest.raises(InputError, match="cannot be used"):
        new_network(architecture, 20, 3, np.random.default_rng(0))
