"""The study of estimators: what it reads, rebuilds and judges by, on a small real table."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from rlnas import plots
from rlnas.agents.experiments import estimators
from rlnas.agents.experiments.estimators import (
    agreement,
    final_accuracy,
    kendall,
    neighbours,
    rebuilt,
    spearman,
    study,
    tabulated,
    trained,
    weight_bins,
    within_bins,
)
from rlnas.agents.experiments.estimators_report import draw, plot
from rlnas.data import loading
from rlnas.data.dataset import Dataset
from rlnas.errors import InputError
from rlnas.nn.training import evaluate
from rlnas.tabular.builder import build_table
from rlnas.tabular.grid import GRID, Grid
from rlnas.tabular.table import Table

SMALL = Grid((8, 16), (0.25, 0.5), 2)
SAMPLE = 6


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return loading.load_dataset("digits")


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Table:
    folder = tmp_path_factory.mktemp("table")
    return build_table("digits", folder, grid=SMALL, epochs=(2, 4, 8), n_jobs=1, progress_bar=False)


@pytest.fixture(scope="module")
def rows(table, digits) -> list[dict]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimators, "RESAMPLES", 10)
        return study(table, digits, sample=SAMPLE, progress_bar=False)


# --- the estimates ---


def test_the_truth_is_the_other_seeds(table):
    expected = [
        np.mean([table.query(architecture, seed=seed).test_accuracy for seed in (1, 2)])
        for architecture in SMALL.architectures
    ]
    np.testing.assert_allclose(final_accuracy(table), expected)


def test_estimates_do_not_read_the_other_seeds_nor_test_results(table, digits):
    def garbled(values: np.ndarray, seeds: slice) -> np.ndarray:
        other = values.copy()
        other[:, seeds] = 1
        return other

    names = ("val_correct", "val_loss", "train_loss", "active_weights")
    changes = {name: garbled(getattr(table, name), slice(1, None)) for name in names}
    changes |= {name: garbled(getattr(table, name), slice(None)) for name in ("test_correct",)}
    before, after = tabulated(table, digits), tabulated(replace(table, **changes), digits)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one.values, other.values)


def test_the_table_gives_accuracies_and_losses_until_each_epoch_count(table, digits):
    estimates = {estimate.name: estimate for estimate in tabulated(table, digits)}
    accuracy = estimates["validation accuracy, 4 epochs"]
    np.testing.assert_array_equal(accuracy.values, table.columns(4, 0).val_accuracy)
    assert accuracy.cost == pytest.approx(4 * 8 + 359 / 128 / 3)
    losses = [table.columns(epochs, 0).train_loss for epochs in (2, 4, 8)]
    total = estimates["sum of losses, 8 epochs"]
    np.testing.assert_allclose(total.values, -8 * (2 * losses[0] + 2 * losses[1] + 4 * losses[2]))
    assert total.cost == 64
    np.testing.assert_allclose(estimates["sum of late losses, 8 epochs"].values, -32 * losses[2])
    ahead = estimates["extrapolated accuracy, 4 epochs"]
    assert (ahead.values >= accuracy.values).all()
    assert "extrapolated accuracy, 8 epochs" not in estimates


@pytest.mark.parametrize("number", [0, 5, 20])
def test_networks_are_those_of_the_table(table, digits, number):
    network, _ = rebuilt(table, digits, number)
    assert network.active_weights == table.active_weights[number, 0]
    final = trained(table, digits, number)
    for samples, correct in (
        (digits.validation, table.val_correct),
        (digits.test, table.test_correct),
    ):
        found = evaluate(final, digits, samples).metric
        assert found == pytest.approx(correct[number, 0, -1] / samples.size)


def test_neighbours_are_one_notch_away():
    middle = ((16, 1 / 4), (128, 1 / 8))
    found = {GRID.architectures[number] for number in neighbours(GRID, GRID.number(middle))}
    assert found == {
        ((8, 1 / 4), (128, 1 / 8)),
        ((32, 1 / 4), (128, 1 / 8)),
        ((16, 1 / 8), (128, 1 / 8)),
        ((16, 1 / 2), (128, 1 / 8)),
        ((16, 1 / 4), (64, 1 / 8)),
        ((16, 1 / 4), (128, 1 / 16)),
        ((16, 1 / 4), (128, 1 / 4)),
    }
    assert neighbours(GRID, 0).tolist() == [1]


# --- the judgement ---


def test_correlations_are_those_of_scipy_and_a_constant_ranks_nothing():
    a, b = np.random.default_rng(0).random((2, 30)).round(1)
    assert spearman(a, b) == stats.spearmanr(a, b).statistic
    assert kendall(a, b) == stats.kendalltau(a, b).statistic
    for correlation in (spearman, kendall):
        assert correlation(np.ones(30), b) == correlation(a, np.ones(30)) == 0


def test_weights_are_binned_on_a_logarithmic_scale():
    found = weight_bins(np.array([1, 2, 9, 11, 99, 101, 1000]), bins=3)
    np.testing.assert_array_equal(found, [0, 0, 0, 1, 1, 2, 2])
    np.testing.assert_array_equal(weight_bins(np.full(4, 7)) - weight_bins(np.full(4, 7))[0], 0)


def test_bins_count_by_their_size_and_one_alone_does_not():
    a = np.array([1, 2, 3, 1, 2, 9.0])
    b = np.array([1, 2, 3, 5, 4, 0.0])
    bins = np.array([0, 0, 0, 1, 1, 2])
    assert within_bins(spearman, a, b, bins) == pytest.approx((3 * 1 - 2 * 1) / 5)
    assert within_bins(spearman, a, b, np.arange(6)) == 0


def test_intervals_hold_the_correlation_and_narrow_with_more_architectures(monkeypatch):
    monkeypatch.setattr(estimators, "RESAMPLES", 100)
    widths = []
    for n in (40, 640):
        rng = np.random.default_rng(1)
        truth = rng.normal(size=n)
        found = agreement(truth + rng.normal(size=n), truth, np.zeros(n, int), rng)
        assert found["spearman_low"] < found["spearman"] < found["spearman_high"]
        assert found["spearman"] == found["spearman_at_fixed_weights"]
        widths.append(found["spearman_high"] - found["spearman_low"])
    assert widths[1] == pytest.approx(widths[0] / 4, rel=0.5)


# --- the study ---


def test_every_estimator_has_a_row(rows):
    names = [row["estimator"] for row in rows]
    assert len(set(names)) == len(names)
    assert {name.partition(",")[0] for name in names} == {
        "active weights",
        "validation accuracy",
        "sum of losses",
        "sum of late losses",
        "extrapolated accuracy",
        "synflow",
        "gradient norm",
        "snip",
        "jacobian covariance",
        "weights from scratch",
        "inherited weights",
    }
    for row in rows:
        correlations = [value for key, value in row.items() if key.startswith(("spear", "kend"))]
        assert len(correlations) == 8
        assert np.abs(correlations).max() <= 1
        assert row["spearman_low"] <= row["spearman_high"]


def test_only_what_needs_a_network_is_sampled(rows):
    counts = {row["estimator"]: row["architectures"] for row in rows}
    assert counts["active weights"] == len(SMALL.architectures)
    assert counts["synflow"] == counts["inherited weights, 2 epochs"] == SAMPLE


def test_from_scratch_is_what_the_table_has(table, digits):
    numbers = np.array([0, 3, 17])
    found = estimators.measured(table, digits, numbers, np.random.default_rng(0), False)
    scratch = {estimate.name: estimate for estimate in found}["weights from scratch, 2 epochs"]
    expected = table.columns(2, 0).val_accuracy[numbers]
    np.testing.assert_allclose(scratch.values, expected)
    assert scratch.cost == pytest.approx(2 * 8 + 359 / 128 / 3)


def test_a_study_is_reproducible(table, digits, monkeypatch):
    monkeypatch.setattr(estimators, "RESAMPLES", 2)
    first, again = (study(table, digits, 3, seed=3, progress_bar=False) for _ in range(2))
    assert first == again


def test_a_sample_is_drawn_by_the_seed_and_a_large_one_is_all(table, digits, monkeypatch):
    drawn = []
    monkeypatch.setattr(estimators, "RESAMPLES", 1)
    monkeypatch.setattr(estimators, "tabulated", lambda *_: [])
    monkeypatch.setattr(estimators, "measured", lambda t, d, n, *_: drawn.append(n) or [])
    for sample, seed in ((5, 0), (5, 0), (5, 1), (10**9, 0)):
        study(table, digits, sample, seed, progress_bar=False)
    assert len(set(drawn[0])) == 5
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert drawn[0].tolist() != drawn[2].tolist()
    np.testing.assert_array_equal(drawn[3], np.arange(len(table)))


def test_what_cannot_be_studied_is_refused(table, digits):
    columns = ("val_correct", "test_correct", "val_loss", "test_loss", "train_loss")
    names = (*columns, "active_weights")
    one_seed = replace(table, **{name: getattr(table, name)[:, :1] for name in names})
    with pytest.raises(InputError, match="1 seeds cannot be studied"):
        study(one_seed, digits)
    with pytest.raises(InputError, match="made on data set 'digits', not on 'wine'"):
        study(table, loading.load_dataset("wine"))
    with pytest.raises(InputError, match="sample 1 cannot be used: expected a whole number from 2"):
        study(table, digits, sample=1)


# --- the picture ---


def test_the_picture_is_saved(rows, tmp_path):
    plot(rows, tmp_path / "study.png")
    assert (tmp_path / "study.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_has_a_line_for_every_estimator(rows):
    _, axes = plots.figure()
    draw(rows, "spearman", axes)
    labels = axes.get_legend_handles_labels()[1]
    assert sorted(labels) == sorted({row["estimator"].partition(",")[0] for row in rows})
