"""The update steps of sparse trainings."""

import pytest

from rlnas.agents.sparse_training.schedule import update_steps


@pytest.mark.parametrize(
    ("batches", "first", "interval", "last"),
    [(8, 5, 5, 5), (100, 5, 5, 70), (500, 12, 12, 372), (2000, 50, 50, 1450)],
)
def test_update_steps_are_evenly_spaced_and_spare_the_last_quarter(batches, first, interval, last):
    found = list(update_steps(batches))
    assert found == list(range(first, last + 1, interval))
    assert last < 3 * batches / 4 <= last + interval


def test_a_training_of_fewer_than_eight_batches_has_no_update_step():
    assert [bool(update_steps(batches)) for batches in range(9)] == [False] * 8 + [True]
