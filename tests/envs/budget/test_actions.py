"""The actions of episodes with a budget: the table, and which of them are legal."""

from itertools import product

import numpy as np
import pytest

from rlnas.envs.actions import ACTIONS, MAX_DEPTH, MAX_RELATIVE_SIZE, MAX_WIDTH, judge
from rlnas.envs.budget.actions import (
    BUDGET_ACTIONS,
    BUDGET_OPERATIONS,
    EDITS,
    LENGTHS,
    NUMBERS,
    STARTS,
    Start,
    legal_edits,
    legal_starts,
)
from rlnas.nn.architecture import check_architecture
from rlnas.nn.initialization import new_network
from rlnas.scoring import reference_weights


def test_the_table_is_every_edit_with_every_length_every_start_and_stop():
    expected = [*product(EDITS, LENGTHS), *((Start(each), "") for each in STARTS), (None, "")]
    assert [(action.edit, action.length) for action in BUDGET_ACTIONS] == expected
    assert len(set(BUDGET_ACTIONS)) == len(BUDGET_ACTIONS)
    assert [NUMBERS[action] for action in BUDGET_ACTIONS] == list(range(len(BUDGET_ACTIONS)))


def test_the_edits_of_design_env_come_first():
    assert EDITS[: len(ACTIONS)] == ACTIONS


def test_every_operation_has_an_action_and_every_action_a_text_of_its_own():
    assert {action.operation for action in BUDGET_ACTIONS} == set(BUDGET_OPERATIONS)
    texts = {str(action) for action in BUDGET_ACTIONS}
    assert len(texts) == len(BUDGET_ACTIONS)
    assert {"stop", "back, long training", "start linear"} <= texts


def test_lengths_grow():
    assert list(LENGTHS.values()) == sorted(set(LENGTHS.values()))
    assert BUDGET_ACTIONS[-1].share == 0


@pytest.mark.parametrize("architecture", STARTS, ids=str)
def test_a_start_is_an_architecture_that_designs_may_have(architecture):
    assert check_architecture(architecture, MAX_DEPTH, MAX_WIDTH) == architecture


@pytest.mark.parametrize("shape", [(2, 2), (6, 3), (64, 10), (784, 10), (1000, 1000)])
def test_a_start_is_legal_if_the_network_is_within_the_limit_and_paid_for(shape):
    paid = np.arange(len(STARTS)) % 3 > 0
    limit = MAX_RELATIVE_SIZE * reference_weights(*shape)
    networks = [new_network(each, *shape, np.random.default_rng(0)) for each in STARTS]
    small = [network.active_weights <= limit for network in networks]
    legal = legal_starts(*shape, paid)
    for action, is_legal in zip(BUDGET_ACTIONS, legal, strict=True):
        if isinstance(action.edit, Start):
            k = STARTS.index(action.edit.architecture)
            assert is_legal == (paid[k] and small[k]), str(action)
        else:
            assert not is_legal
    assert legal_starts(*shape, np.ones(len(STARTS), bool)).any()


@pytest.mark.parametrize("back", [False, True])
def test_with_a_network_its_edits_are_legal_and_stop_and_no_start(back):
    network = new_network(((8, 0.5), (4, 1.0)), 6, 3, np.random.default_rng(0))
    own = dict(zip(ACTIONS, judge(network).legal, strict=True))
    for action, legal in zip(BUDGET_ACTIONS, legal_edits(judge(network).legal, back), strict=True):
        others = {"start": False, "back": back, "stop": True}
        assert legal == others.get(action.operation, own.get(action.edit)), str(action)
