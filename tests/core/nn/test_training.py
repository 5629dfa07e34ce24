"""Training: the stream of batches, what is read, what comes out; kernels are tested apart."""

from dataclasses import replace

import numpy as np
import pytest

from rlnas.data.dataset import Dataset
from rlnas.data.loading import load_dataset
from rlnas.errors import InputError
from rlnas.nn import training
from rlnas.nn.initialization import random_network
from rlnas.nn.network import EMA, VALUE, SparseNetwork
from rlnas.nn.running import sample_gradients
from rlnas.nn.training import (
    DEFAULT_HYPERPARAMETERS,
    LONG_TRAINING,
    Batches,
    Hyperparameters,
    final_hyperparameters,
)
from tests.core.reference import bits, network_of, random_dataset, skip_network

DTYPES = (np.uint8, np.float32)
FEATURES = (6, 13)  # fewer than the kernels gather at once, and more
DATA = {dtype: random_dataset(np.random.default_rng(1), dtype=dtype) for dtype in DTYPES}
WIDE = {dtype: random_dataset(np.random.default_rng(1), 13, dtype=dtype) for dtype in DTYPES}


def data_of(features: int, dtype: type) -> Dataset:
    return DATA[dtype] if features == 6 else WIDE[dtype]


def network(inputs: int = 6) -> SparseNetwork:
    return random_network((inputs, 8, 5, 3), 0.5, np.random.default_rng(0))


def poisoned(data: Dataset, rows: np.ndarray) -> Dataset:
    """The same data set with garbage in some rows: extreme features and wrong labels."""
    features, labels = data.features.copy(), data.labels.copy()
    features[rows] = 255 if features.dtype == np.uint8 else np.nan
    labels[rows] = (labels[rows] + 1) % data.n_classes  # in range, else a failure would crash
    return replace(data, features=features, labels=labels)


# --- batches ---


@pytest.mark.parametrize("n", [32, 127, 128, 129, 300, 1000])
def test_every_epoch_of_the_stream_is_a_permutation(n):
    samples = np.random.default_rng(0).permutation(10_000)[:n].astype(np.int32)
    batches = Batches(samples, np.random.default_rng(1))
    size = min(128, n)
    order = batches.take(3 * n)
    assert order.shape == (3 * n, size)
    assert order.dtype == np.int32
    epochs = order.ravel()[: 3 * size * n].reshape(-1, n)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.sort(np.tile(samples, (3 * size, 1))))
    assert len({epoch.tobytes() for epoch in epochs}) == len(epochs)


@pytest.mark.parametrize("n", [40, 128, 300])
def test_batches_do_not_depend_on_how_many_are_taken_at_once(n):
    samples = np.arange(n, dtype=np.int32)
    whole = Batches(samples, np.random.default_rng(0)).take(30)
    batches = Batches(samples, np.random.default_rng(0))
    parts = [batches.take(k) for k in (1, 0, 2, 7, 1, 19)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_data_set_smaller_than_a_batch_is_one_batch():
    samples = np.arange(40, dtype=np.int32)
    order = Batches(samples, np.random.default_rng(0)).take(5)
    np.testing.assert_array_equal(np.sort(order, axis=1), np.tile(samples, (5, 1)))


def test_batches_do_not_change_the_samples_given():
    before = DATA[np.uint8].train.copy()
    Batches(DATA[np.uint8].train, np.random.default_rng(0)).take(20)
    np.testing.assert_array_equal(DATA[np.uint8].train, before)


# --- training and evaluation ---


def test_training_lowers_the_loss_and_raises_the_accuracy_on_digits():
    digits = load_dataset("digits")
    rng = np.random.default_rng(0)
    small = random_network((64, 32, 10), 0.5, rng)
    batches = Batches(digits.train, rng)
    before = training.evaluate(small, digits, digits.validation)
    first = training.train(small, digits, batches.take(10))
    for _ in range(50):
        last = training.train(small, digits, batches.take(10))
    after = training.evaluate(small, digits, digits.validation)
    assert last.loss < 0.3 < first.loss
    assert last.metric > 0.95 > first.metric
    assert after.loss < 0.3 < before.loss
    assert after.metric > 0.9 > before.metric


@pytest.mark.parametrize("features", FEATURES)
def test_training_reports_accuracy_and_loss_before_each_step(features):
    data = data_of(features, np.float32)
    order = Batches(data.train, np.random.default_rng(0)).take(4)
    one = network(features)
    whole = training.train(one, data, order)
    stepwise, seen = network(features), []
    for batch in order:
        seen.append(training.evaluate(stepwise, data, batch, averaged=False))
        training.train(stepwise, data, batch[None])
    assert bits(one) == bits(stepwise)
    assert whole.metric == pytest.approx(np.mean([s.metric for s in seen]))
    assert whole.loss == pytest.approx(np.mean([s.loss for s in seen]), rel=1e-5)


def test_a_network_with_zero_weights_has_the_loss_of_guessing():
    blank = network()
    blank.connections[:] = 0
    data = DATA[np.float32]
    found = training.evaluate(blank, data, data.validation)
    assert found.loss == pytest.approx(np.log(3), rel=1e-6)
    assert found.metric == np.mean(data.labels[data.validation] == 0)


def test_evaluate_uses_averaged_weights_by_default():
    data, trained = DATA[np.float32], network()
    training.train(trained, data, Batches(data.train, np.random.default_rng(0)).take(20))
    average = training.evaluate(trained, data, data.validation)
    assert average == training.evaluate(trained, data, data.validation, averaged=True)
    last = training.evaluate(trained, data, data.validation, averaged=False)
    assert last != average
    trained.connections[EMA] = trained.connections[VALUE]
    trained.units[EMA] = trained.units[VALUE]
    assert training.evaluate(trained, data, data.validation) == last


def test_an_old_network_averages_over_a_hundred_batches():
    old = skip_network((6, 5, 3), np.random.default_rng(0))
    old.steps = 10_000
    before = old.copy()
    training.train(old, DATA[np.uint8], np.arange(16, dtype=np.int32)[None])
    for now, then in ((old.connections, before.connections), (old.units, before.units)):
        expected = 0.99 * then[EMA] + 0.01 * now[VALUE]
        np.testing.assert_allclose(now[EMA], expected, rtol=1e-5, atol=1e-7)


def test_evaluation_changes_nothing():
    one = network()
    before = bits(one)
    training.evaluate(one, DATA[np.uint8], DATA[np.uint8].validation)
    assert bits(one) == before


def test_training_for_no_batches_is_refused():
    with pytest.raises(InputError, match="expected at least one"):
        training.train(network(), DATA[np.uint8], np.empty((0, 128), np.int32))


@pytest.mark.parametrize("sizes", [(5, 4, 3), (7, 3), (6, 4, 2), (6, 10)])
def test_a_network_for_another_data_set_is_refused(sizes):
    data = DATA[np.uint8]
    other = random_network(sizes, 1.0, np.random.default_rng(0))
    message = r"the network has .* 6 features and 3 classes"
    before = bits(other)
    with pytest.raises(InputError, match=message):
        training.train(other, data, np.zeros((1, 8), np.int32))
    with pytest.raises(InputError, match=message):
        training.evaluate(other, data, data.validation)
    with pytest.raises(InputError, match=message):
        list(training.final_training(other, data, 1, np.random.default_rng(0)))
    assert bits(other) == before


# --- what is never read ---


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("features", FEATURES)
def test_training_and_evaluation_read_only_the_rows_given(features, dtype):
    data = data_of(features, dtype)
    results = []
    for train_data, validation_data in (
        (data, data),
        (
            poisoned(data, np.concatenate([data.validation, data.test])),
            poisoned(data, np.concatenate([data.train, data.test])),
        ),
    ):
        one = network(features)
        order = Batches(train_data.train, np.random.default_rng(0)).take(10)
        seen = training.train(one, train_data, order)
        found = training.evaluate(one, validation_data, validation_data.validation)
        results.append((*bits(one), seen, found))
    assert results[0] == results[1]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("features", FEATURES)
def test_final_training_never_reads_the_test_rows(features, dtype):
    results, clean = [], data_of(features, dtype)
    for data in (clean, poisoned(clean, clean.test)):
        one = network(features)
        seen = list(training.final_training(one, data, 3, np.random.default_rng(0)))
        results.append((*bits(one), *seen))
    assert results[0] == results[1]


# --- final training ---


@pytest.fixture
def calls(monkeypatch):
    """The order, the settings and the learning rates of every call of `train`."""
    calls, train = [], training.train

    def record(network, dataset, order, hyperparameters, learning_rates):
        calls.append((order, hyperparameters, learning_rates))
        return train(network, dataset, order, hyperparameters, learning_rates)

    monkeypatch.setattr(training, "train", record)
    return calls


def test_weight_decay_alone_shrinks_weights_that_have_no_gradient():
    data = random_dataset(np.random.default_rng(0))
    features = data.features.copy()
    features[:, 2] = data.mean[2]  # it never differs from its mean
    data = replace(data, features=features)
    one = random_network((6, 3), 1.0, np.random.default_rng(0))
    before = one.connections[VALUE, one.indices == 2].copy()
    batches = training.Batches(data.train, np.random.default_rng(0)).take(10)
    training.train(one, data, batches, Hyperparameters(weight_decay=0.5))
    # Loshchilov & Hutter 2019, algorithm 2.
    left = (1 - DEFAULT_HYPERPARAMETERS.learning_rate * 0.5) ** 10
    np.testing.assert_allclose(one.connections[VALUE, one.indices == 2], before * left, rtol=1e-5)


@pytest.mark.parametrize("epochs", [1, 4, 50])
def test_the_learning_rate_of_final_training_falls_to_zero_along_half_a_cosine(calls, epochs):
    data = DATA[np.uint8]
    list(training.final_training(network(), data, epochs, np.random.default_rng(0)))
    rates = np.concatenate([rates for *_, rates in calls])
    n = epochs * (240 // 128)
    assert rates.size == n
    assert rates[0] == DEFAULT_HYPERPARAMETERS.learning_rate
    assert (np.diff(rates) < 0).all()
    assert (rates > 0).all()
    if epochs == 50:
        assert rates[-1] < 0.01 * rates[0]
        assert rates[n // 2] == pytest.approx(rates[0] / 2)
        assert rates[n // 4] == pytest.approx(rates[0] * (1 + np.sqrt(0.5)) / 2, rel=0.05)


@pytest.mark.parametrize(
    ("n_samples", "decay"),
    [(1, 1.0), (299, 1.0), (300, 1.0), (400, 0.75), (1200, 0.25), (3000, 0.1), (70_000, 0.1)],
)
def test_few_samples_have_a_large_weight_decay_in_final_training(n_samples, decay):
    found = final_hyperparameters(n_samples)
    assert found == replace(LONG_TRAINING, weight_decay=found.weight_decay)
    assert found.weight_decay == pytest.approx(decay, rel=1e-12)


def test_the_weight_decay_of_final_training_follows_the_samples_that_are_trained_on(calls):
    data = random_dataset(np.random.default_rng(1), samples=1000)
    list(training.final_training(network(), data, 1, np.random.default_rng(0)))
    list(training.annealed_training(network(), data, data.train, 3, np.random.default_rng(0)))
    given = replace(LONG_TRAINING, weight_decay=0.4)
    list(training.final_training(network(), data, 1, np.random.default_rng(0), given))
    assert (data.train.size, data.validation.size) == (600, 200)
    assert [settings.weight_decay for _, settings, _ in calls] == [300 / 800, 300 / 600, 0.4]


@pytest.mark.parametrize("batches", [1, 7, 20, 33])
def test_annealed_training_has_the_batches_asked_for_and_reads_no_other_samples(calls, batches):
    data = random_dataset(np.random.default_rng(1), samples=1000)
    one, some = network(), data.train[:300]
    found = training.annealed_training(
        one, data, some, batches, np.random.default_rng(0), at_once=10
    )
    sizes = [10] * (batches // 10) + [batches % 10] * (batches % 10 > 0)
    assert len(list(found)) == len(sizes)
    assert [len(order) for order, *_ in calls] == sizes
    assert one.steps == batches
    assert np.isin(np.concatenate([order.ravel() for order, *_ in calls]), some).all()
    rates = np.concatenate([rates for *_, rates in calls])
    expected = 0.005 + 0.005 * np.cos(np.pi * np.arange(batches) / batches)
    np.testing.assert_allclose(rates, expected, rtol=1e-12)


def test_how_often_annealed_training_reports_does_not_change_the_network():
    data, found = DATA[np.uint8], []
    for at_once in (1, 4, 100):
        one, rng = network(), np.random.default_rng(0)
        list(training.annealed_training(one, data, data.train, 10, rng, at_once=at_once))
        found.append(bits(one))
    assert found[0] == found[1] == found[2]


def test_final_training_passes_over_training_and_validation_samples(calls):
    data = random_dataset(np.random.default_rng(1), samples=1000)
    epochs = list(training.final_training(network(), data, 5, np.random.default_rng(0)))
    assert len(epochs) == 5
    seen, counts = np.unique(
        np.concatenate([order.ravel() for order, *_ in calls]), return_counts=True
    )
    np.testing.assert_array_equal(seen, np.sort(np.concatenate([data.train, data.validation])))
    assert counts.min() >= 4
    assert counts.max() <= 5


def test_final_training_improves_a_network_and_its_seed_decides_the_bits():
    digits = load_dataset("digits")
    results = []
    for _ in range(2):
        rng = np.random.default_rng(0)
        small = random_network((64, 16, 10), 0.5, rng)
        epochs = list(training.final_training(small, digits, 60, rng))
        assert epochs[-1].loss < 0.5 * epochs[0].loss
        assert epochs[-1].metric > epochs[0].metric
        results.append((*bits(small), *epochs))
    assert results[0] == results[1]
    assert training.evaluate(small, digits, digits.test).metric > 0.85


def test_final_training_works_on_a_data_set_smaller_than_a_batch():
    data = random_dataset(np.random.default_rng(0), samples=60)
    one = network()
    epochs = list(training.final_training(one, data, 4, np.random.default_rng(0)))
    assert len(epochs) == 4
    assert one.steps == 4


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("batch_size", 12.5),
        ("learning_rate", -1e-3),
        ("learning_rate", np.inf),
        ("beta1", 1.0),
        ("beta2", 1.0),
        ("epsilon", 0.0),
        ("weight_decay", 1.5),
        ("weight_decay", np.nan),
        ("weight_decay", "0.1"),
        ("ema_decay", True),
    ],
)
def test_a_hyperparameter_out_of_range_is_refused(name, value):
    with pytest.raises(InputError, match=f"{name} .* cannot be used: expected a"):
        Hyperparameters(**{name: value})


def test_hyperparameters_keep_numpy_numbers_as_plain_ones():
    found = Hyperparameters(batch_size=np.int64(7), weight_decay=np.float32(0.5))
    assert (type(found.batch_size), type(found.weight_decay)) == (int, float)
    assert found == Hyperparameters(batch_size=7, weight_decay=0.5)


@pytest.mark.parametrize(("batch_size", "expected"), [(7, 7), (1000, 240)])
def test_batches_have_the_size_asked_for_unless_there_are_fewer_samples(batch_size, expected):
    samples = np.arange(240, dtype=np.int32)
    batches = Batches(samples, np.random.default_rng(0), batch_size)
    assert batches.take(3).shape == (3, expected)


@pytest.mark.parametrize(
    ("name", "value"), [("beta1", 0.5), ("beta2", 0.5), ("epsilon", 0.1), ("ema_decay", 0.5)]
)
def test_every_hyperparameter_of_the_optimiser_changes_training(name, value):
    data, order = DATA[np.uint8], np.arange(32, dtype=np.int32)[None].repeat(30, axis=0)
    one, other = network(), network()
    one.steps = other.steps = 1000
    training.train(one, data, order)
    training.train(other, data, order, Hyperparameters(**{name: value}))
    assert bits(one) != bits(other)


def test_the_learning_rate_of_the_hyperparameters_is_that_of_every_step():
    data, order = DATA[np.uint8], np.arange(32, dtype=np.int32)[None].repeat(3, axis=0)
    one, other = network(), network()
    training.train(one, data, order, Hyperparameters(learning_rate=0.05))
    training.train(other, data, order, learning_rates=np.full(3, 0.05))
    assert bits(one) == bits(other)


def test_final_training_uses_the_batch_size_and_learning_rate_given():
    one = network()
    wanted = Hyperparameters(batch_size=60, learning_rate=0.0)
    before = one.connections[VALUE].copy()
    list(training.final_training(one, DATA[np.uint8], 2, np.random.default_rng(0), wanted))
    assert one.steps == 2 * (240 // 60)
    np.testing.assert_array_equal(one.connections[VALUE], before)


def test_a_network_that_reads_no_input_is_refused():
    mask = np.zeros((3, 9), bool)
    unread = network_of((6, 3), mask, np.random.default_rng(0))
    samples = data_of(6, np.uint8).train[:32]
    for use in (
        lambda: training.train(unread, data_of(6, np.uint8), samples[None]),
        lambda: training.evaluate(unread, data_of(6, np.uint8), samples),
    ):
        with pytest.raises(InputError, match="comes from an input"):
            use()


# --- rows that are not there ---


@pytest.mark.parametrize("row", [-1, -1000, 300, 2**31 - 1])
def test_a_row_that_the_data_set_does_not_have_is_refused(row):
    data, rows = DATA[np.float32], np.array([0, row], np.int32)
    for call in (
        lambda: training.train(network(), data, rows[None]),
        lambda: training.evaluate(network(), data, rows),
        lambda: training.predict(network(), data, rows),
        lambda: sample_gradients(network(), data, rows),
    ):
        with pytest.raises(InputError, match=f"has no row {row}: expected from 0 to 299"):
            call()


@pytest.mark.parametrize(
    "order",
    [np.zeros(5, np.int32), np.zeros((2, 3)), [[0, 1]], None, np.zeros((1, 2, 3), np.int32)],
)
def test_an_order_that_is_no_table_of_rows_is_refused(order):
    with pytest.raises(InputError, match="cannot be read: expected an array of int32"):
        training.train(network(), DATA[np.float32], order)
