"""Action sequences: drawn and mutated uniformly, among the actions that a place allows."""

import numpy as np

from rlnas.agents.search.episodes.sequences import SequenceSpace

ANY = SequenceSpace(3, np.arange(4))
STARTED = SequenceSpace(3, np.array([0, 1, 2, 9]), starts=np.array([5, 6, 8]))


def test_a_mutant_has_one_other_action_drawn_uniformly():
    rng, parent, counts = np.random.default_rng(0), (0, 2, 1), np.zeros((3, 4))
    for _ in range(3600):
        child = ANY.mutated(parent, rng)
        (place,) = (k for k in range(3) if child[k] != parent[k])
        counts[place, child[place]] += 1
    assert (counts[[0, 1, 2], parent] == 0).all()
    others = counts[counts > 0]
    assert others.size == 9
    assert np.abs(others - 400).max() < 80  # four standard deviations


def test_a_sequence_that_needs_a_start_keeps_one_through_mutations():
    rng = np.random.default_rng(0)
    seen: list[set[int]] = [set(), set(), set()]
    actions = STARTED.random(rng)
    for _ in range(400):
        for place, action in enumerate(actions):
            seen[place].add(action)
        actions = STARTED.mutated(actions, rng)
    assert seen == [{5, 6, 8}, {0, 1, 2, 9}, {0, 1, 2, 9}]


def test_random_sequences_have_each_action_equally_often():
    rng = np.random.default_rng(0)
    drawn = np.array([STARTED.random(rng) for _ in range(4000)])
    for place, choices in enumerate([STARTED.starts, STARTED.actions, STARTED.actions]):
        found, counts = np.unique(drawn[:, place], return_counts=True)
        assert found.tolist() == choices.tolist()
        assert np.abs(counts - 4000 / choices.size).max() < 4 * np.sqrt(4000 / choices.size)


def test_the_first_sequence_has_the_smallest_number_at_each_place():
    assert ANY.first() == (0, 0, 0)
    assert STARTED.first() == (5, 0, 0)
