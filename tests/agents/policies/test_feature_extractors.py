"""What policies read of an observation."""

from typing import get_args, get_type_hints

import numpy as np
import pytest
import torch
from gymnasium import spaces

from rlnas.agents.config import TrainConfig
from rlnas.agents.policies.feature_extractors import EXTRACTORS, SlotEncoder
from rlnas.agents.policies.features import FEATURES, features_dim, features_of, relative_names
from rlnas.agents.policies.layouts import BUDGET, LAYOUTS, LIVE, STEPS, Layout, layout_of
from rlnas.envs.observations import OBSERVATION_NAMES, SLOT_NAMES

SPACE = spaces.Box(-1, 1, (len(OBSERVATION_NAMES),), np.float32)
SLOT = 11
FIRST_SLOT = len(OBSERVATION_NAMES) - SLOT * len(SLOT_NAMES)


def observation(seed: int = 0, layout: Layout = STEPS) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, len(layout.observations), generator=generator)


def extract(name: str, observations: torch.Tensor, layout: Layout = STEPS) -> torch.Tensor:
    torch.manual_seed(0)
    extractor, arguments = EXTRACTORS[name]
    space = spaces.Box(-1, 1, (len(layout.observations),), np.float32)
    with torch.no_grad():
        return extractor(space, **arguments)(observations)


def test_every_choice_of_features_has_an_extractor():
    assert (
        set(EXTRACTORS) == set(FEATURES) == set(get_args(get_type_hints(TrainConfig)["features"]))
    )


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        pytest.param(name, layout, id=f"{name}-{layout.episodes.replace(' ', '-')}")
        for layout in LAYOUTS
        for name in features_of(layout)
    ],
)
def test_extractor_output_has_features_dim_entries(name, layout):
    seen = observation(layout=layout)
    assert extract(name, seen, layout).shape == (1, features_dim(name, layout))


def test_flat_reads_everything():
    assert torch.equal(extract("flat", observation()), observation())


def test_blind_reads_the_step_count_alone():
    seen = observation()
    other = observation(seed=1)
    place = OBSERVATION_NAMES.index("progress")
    other[0, place] = seen[0, place]
    assert torch.equal(extract("blind", seen), extract("blind", other))
    assert torch.equal(extract("blind", seen), seen[:, [place]])


def test_blind_reads_the_step_count_alone_in_episodes_with_a_budget():
    """Their progress also tells what was spent, and so how large the networks are."""
    seen = observation(layout=BUDGET)
    place = BUDGET.observations.index("steps")
    assert torch.equal(extract("blind", seen, BUDGET), seen[:, [place]])


def test_observations_of_episodes_with_a_budget_begin_with_those_of_the_others():
    length = len(STEPS.observations)
    assert BUDGET.observations[:length] == STEPS.observations
    assert [layout_of(spaces.Box(-1, 1, (len(each.observations),))) for each in LIVE] == [*LIVE]
    further = BUDGET.observations[length:]
    assert further
    assert relative_names(BUDGET) == (*relative_names(STEPS), *further)


@pytest.mark.parametrize("name", ["flat", "slots", "relative"])
def test_policies_with_a_budget_read_what_is_told_about_it(name):
    seen, further = observation(layout=BUDGET), len(STEPS.observations)
    for column in range(further, len(BUDGET.observations)):
        other = seen.clone()
        other[0, column] -= 0.5
        assert not torch.equal(extract(name, seen, BUDGET), extract(name, other, BUDGET))


def test_relative_reads_everything_but_the_size_of_the_task():
    assert set(OBSERVATION_NAMES) - set(relative_names(STEPS)) == {
        *("classes", "features", "samples", "size"),
        *(f"{slot}_{name}" for slot in SLOT_NAMES for name in ("connections", "fan_in")),
    }
    kept = [OBSERVATION_NAMES.index(name) for name in relative_names(STEPS)]
    assert torch.equal(extract("relative", observation()), observation()[:, kept])


def test_layers_share_an_encoder():
    seen = observation()
    swapped = seen.clone()
    first, second = (slice(FIRST_SLOT + k * SLOT, FIRST_SLOT + (k + 1) * SLOT) for k in (0, 1))
    swapped[:, first], swapped[:, second] = seen[:, second], seen[:, first]
    codes, exchanged = (extract("slots", each)[:, FIRST_SLOT:] for each in (seen, swapped))
    codes, exchanged = (each.unflatten(1, (len(SLOT_NAMES), -1)) for each in (codes, exchanged))
    assert torch.equal(codes[:, [1, 0, 2, 3]], exchanged)
    assert not torch.equal(codes, exchanged)


def test_slot_entries_influence_only_the_code_of_their_layer():
    extractor = SlotEncoder(SPACE)
    seen = observation().requires_grad_()
    codes = extractor(seen)[0, FIRST_SLOT:].unflatten(0, (len(SLOT_NAMES), -1))
    for slot, code in enumerate(codes):
        (slope,) = torch.autograd.grad(code.sum(), seen, retain_graph=True)
        own = np.flatnonzero(slope[0].numpy())
        start = FIRST_SLOT + slot * SLOT
        assert own.tolist() == [*range(FIRST_SLOT), *range(start, start + SLOT)]
