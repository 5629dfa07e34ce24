"""Folds share the training and validation samples out, and leave given splits alone."""

from dataclasses import replace

import numpy as np
import pytest

from rlnas.data.folds import folds
from rlnas.data.loading import load_dataset

WINE = load_dataset("wine")


def test_folds_share_the_training_and_validation_samples_out():
    made = folds(WINE)
    assert made[0] is WINE
    known = np.sort(np.concatenate([WINE.train, WINE.validation])).tolist()
    for each in made:
        assert np.sort(np.concatenate([each.train, each.validation])).tolist() == known
        assert (each.test == WINE.test).all()
    held = np.concatenate([each.validation for each in made])
    assert np.sort(held).tolist() == known, "each is held out once"
    shares = [np.bincount(each.labels[each.validation]) / each.validation.size for each in made]
    assert np.ptp(shares, axis=0).max() < 0.1


def test_enough_validation_samples_need_no_folds(monkeypatch):
    monkeypatch.setattr("rlnas.data.folds.JUDGED", 2 * WINE.validation.size)
    assert len(folds(WINE)) == 2
    monkeypatch.setattr("rlnas.data.folds.JUDGED", WINE.validation.size)
    assert folds(WINE) == [WINE]


@pytest.mark.parametrize("option", ["groups", "time_column", "validation_file"])
def test_validation_samples_that_are_given_are_the_only_ones(option):
    given = replace(WINE, source={"path": "wine.csv", "options": {option: "x"}})
    assert folds(given) == [given]


def test_folds_of_numbers_are_drawn_at_random():
    x = np.random.default_rng(0).normal(size=(100, 2))
    data = load_dataset((x, x[:, 0]), task="regression")
    made = folds(data)
    held = np.concatenate([each.validation for each in made])
    assert np.sort(held).tolist() == np.sort(np.concatenate([data.train, data.validation])).tolist()
