"""The end of a design: its length, the rows that it reads, and when a linear network is better."""

import ctypes
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from rlnas.agents.designing import finish as module
from rlnas.agents.designing.design import design
from rlnas.agents.designing.evaluation import evaluate_design, export_design
from rlnas.agents.designing.finish import (
    LINEAR_WAS_BETTER,
    Candidate,
    best_of,
    brief_training,
    candidates,
    finish,
    linear_network,
    merit,
    train_and_test,
)
from rlnas.agents.reports import report
from rlnas.agents.reports.report import write_report
from rlnas.data.dataset import Dataset
from rlnas.data.loading import load_dataset
from rlnas.designs.saved import load_design
from rlnas.nn import training
from rlnas.nn.initialization import random_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import Evaluation
from tests.core.reference import bits, logits, mean_loss, random_dataset

DATA = random_dataset(np.random.default_rng(3), samples=1000)


def small(seed: int = 0) -> SparseNetwork:
    return random_network((6, 5, 3), 0.6, np.random.default_rng(seed))


def other_labels(data: Dataset, rows: np.ndarray) -> Dataset:
    labels = data.labels.copy()
    labels[rows] = (labels[rows] + 1) % data.n_classes
    return replace(data, labels=labels)


def made(data: Path, out: Path, **settings: Any) -> dict[str, Any]:
    """The record of a design by the policy that comes with rlnas."""
    return design(dataset=data, out=out, progress_bar=False, **settings).record


@pytest.fixture
def calls(monkeypatch) -> list[tuple[int, float]]:
    """The number of batches and the weight decay of every call of `train`."""
    found, train = [], training.train

    def noted(network, dataset, order, settings, rates):
        found.append((len(order), settings.weight_decay))
        return train(network, dataset, order, settings, rates)

    monkeypatch.setattr(training, "train", noted)
    return found


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> Path:
    """Samples whose class is a linear function of many features, and few of them."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(300, 100))
    path = tmp_path_factory.mktemp("straight") / "straight.npz"
    np.savez(path, X=x, y=x @ rng.normal(size=100) > 0)
    return path


@pytest.fixture(scope="module")
def linear(straight, tmp_path_factory) -> Path:
    """The design for these samples, which is a linear network."""
    out = tmp_path_factory.mktemp("linear") / "design"
    made(straight, out)
    return out


# --- the brief training and the comparison ---


@pytest.mark.parametrize(
    ("score", "loss", "expected"), [(0.8, 0.5, 0.75), (0.8, 0.0, 0.8), (-1.0, 2.0, -1.2)]
)
def test_the_merit_is_the_score_less_a_tenth_of_the_loss(score, loss, expected):
    assert merit(score, loss) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("found", "best"),
    [
        ([(0.80, 0.5), (0.79, 0.3)], 1),  # 0.75 and 0.76
        ([(0.80, 0.5), (0.79, 0.5)], 0),
        ([(0.79, 0.5), (0.80, 0.5)], 1),
        ([(0.80, 0.5), (0.79, 0.45)], 0),  # 0.75 and 0.745
        ([(0.80, 0.5), (0.80, 0.5)], 0),  # the first of equals
    ],
)
def test_the_best_candidate_has_the_largest_merit(found, best):
    some = [Candidate(small(), Evaluation(0.9, loss), score) for score, loss in found]
    assert best_of(some) is some[best]


def test_the_brief_training_has_500_batches_of_training_samples_and_their_decay(calls):
    one, other, third = small(), small(), small()
    brief_training(one, DATA, 0.1, np.random.default_rng(0))
    assert sum(count for count, _ in calls) == one.steps == 500
    assert {decay for _, decay in calls} == {300 / 600}
    unread = np.concatenate([DATA.validation, DATA.test])
    brief_training(other, other_labels(DATA, unread), 0.1, np.random.default_rng(0))
    brief_training(third, other_labels(DATA, DATA.train[:1]), 0.1, np.random.default_rng(0))
    assert bits(one) == bits(other) != bits(third)


def test_a_candidate_is_judged_on_the_validation_samples_at_the_price_of_its_weights():
    found = brief_training(small(), DATA, 0.3, np.random.default_rng(0))
    outputs = logits(found.network, DATA.standardize(DATA.validation), averaged=True)
    right = outputs.argmax(axis=1) == DATA.labels[DATA.validation]
    assert found.validation.metric == pytest.approx(right.mean())
    price = 0.3 * found.network.active_weights / (76 * (6 + 3))
    assert found.score == pytest.approx(right.mean() - price)


def test_candidates_are_a_copy_of_the_design_and_a_dense_linear_network():
    start = small()
    before = bits(start)
    chosen, dense = candidates(start, DATA, 0.1, seed=5)
    assert bits(start) == before
    alone = brief_training(start.copy(), DATA, 0.1, np.random.default_rng(5))
    assert bits(chosen.network) == bits(alone.network)
    assert dense.network.layer_sizes == (6, 3)
    assert dense.network.active_weights == 6 * 3
    assert chosen.network.steps == dense.network.steps == 500
    again = candidates(start, other_labels(DATA, DATA.test), 0.1, seed=5)
    assert [bits(each.network) for each in again] == [bits(chosen.network), bits(dense.network)]


# --- the training to the end ---


@pytest.mark.parametrize(
    ("samples", "batches"),
    [
        (60, 1000),
        (1000, 1000),
        (8000, 20 * 50),  # 6,400 samples in batches of 128
        (10_000, 20 * 62),
    ],
)
def test_the_end_has_a_thousand_batches_or_twenty_epochs_if_these_are_more(samples, batches):
    network = small()
    finish(network, random_dataset(np.random.default_rng(3), samples=samples), 0)
    assert network.steps == batches


@pytest.mark.parametrize(("samples", "decay"), [(60, 1.0), (1000, 300 / 800), (10_000, 0.1)])
def test_the_weight_decay_of_the_end_follows_the_training_and_validation_samples(
    samples, decay, calls
):
    finish(small(), random_dataset(np.random.default_rng(3), samples=samples), 0)
    assert [each for _, each in calls] == pytest.approx([decay] * len(calls))


def test_the_end_reads_training_and_validation_samples_and_none_of_the_test():
    found = []
    for data in (
        DATA,
        other_labels(DATA, DATA.test),
        other_labels(DATA, DATA.validation[:1]),
        other_labels(DATA, DATA.train[:1]),
    ):
        network = small()
        finish(network, data, 0)
        found.append(bits(network))
    assert found[0] == found[1]
    assert found[0] not in found[2:]


def test_rivals_are_trained_as_long_as_a_design_and_tested_once(monkeypatch):
    looks, measure = [], module.evaluation_metrics

    def noted(network, data, rows):
        looks.append(rows)
        return measure(network, data, rows)

    monkeypatch.setattr(module, "evaluation_metrics", noted)
    one, other = small(), small()
    found = train_and_test(one, DATA, 3)
    brief_training(other, DATA, 0.0, np.random.default_rng(3))
    finish(other, DATA, 3)
    assert bits(one) == bits(other)
    assert one.steps == 1500
    assert len(looks) == 1
    assert looks[0] is DATA.test
    assert found["test_accuracy"] == training.evaluate(one, DATA, DATA.test).metric


# --- designs that are linear networks ---


def test_a_linear_problem_ends_as_a_linear_network_and_its_record_tells_so(linear, straight):
    network, _, record = load_design(linear)
    assert record["linear"]
    assert network.layer_sizes == tuple(record["layer_sizes"]) == (100, 2)
    assert network.active_weights == record["active_weights"] == 200
    assert (network.density, record["density"]) == (1.0, 1.0)
    assert record["layer_densities"] == [1.0]
    assert record["batches"] == {"episode": 0, "all": network.steps}
    assert network.steps == 1500
    assert len(record["initial"]["layer_sizes"]) == 3, "the episode began with a hidden layer"


def test_the_record_of_a_linear_network_has_its_own_accuracies_and_score(linear, straight):
    network, _, record = load_design(linear)
    data = load_dataset(str(straight))
    briefly = linear_network(data, record["seed"])
    for _ in training.annealed_training(briefly, data, data.train, 500, np.random.default_rng(0)):
        pass
    for name, judged, rows in (("val", briefly, data.validation), ("test", network, data.test)):
        outputs, labels = logits(judged, data.standardize(rows), averaged=True), data.labels[rows]
        accuracy = (outputs.argmax(axis=1) == labels).mean()
        assert record[f"{name}_metric"] == pytest.approx(accuracy)
        assert record[f"{name}_loss"] == pytest.approx(mean_loss(outputs, labels), rel=1e-4)
    price = record["penalty"] * 200 / (76 * (100 + 2))
    assert record["score"] == pytest.approx(record["val_metric"] - price)
    measured = evaluate_design(linear)
    assert all(measured[key] == record[key] for key in ("test_accuracy", "active_weights"))


def test_every_export_of_a_linear_network_predicts_as_the_record_tells(linear, straight, tmp_path):
    data, record = load_dataset(str(straight)), load_design(linear).record
    facts = {
        form: export_design(linear, form, tmp_path / form).facts for form in ("c", "npz", "onnx")
    }
    assert [each["test_accuracy"] for each in facts.values()] == [record["test_accuracy"]] * 3
    rows, labels = data.features[data.test].astype(np.float32), data.labels[data.test]
    session = onnxruntime.InferenceSession(tmp_path / "onnx" / "straight.onnx")
    outputs = session.run(None, {session.get_inputs()[0].name: rows})
    by_onnx = next(out for out in outputs if out.shape == (60, 2)).argmax(axis=1)
    library = tmp_path / "code.so"
    source = tmp_path / "c" / "straight.c"
    subprocess.run(["cc", "-std=c99", "-shared", "-fPIC", "-o", library, source], check=True)
    classify = ctypes.CDLL(str(library)).straight_classify
    by_c = np.array([classify(row.ctypes.data_as(ctypes.c_void_p)) for row in rows])
    np.testing.assert_array_equal(by_c, by_onnx)
    assert (by_c == labels).mean() == pytest.approx(record["test_accuracy"])


def test_same_seed_gives_the_same_linear_network(linear, straight, tmp_path):
    record = made(straight, tmp_path / "again")
    first = load_design(linear)
    assert bits(load_design(tmp_path / "again").network) == bits(first.network)
    assert {key: record[key] for key in record if key != "created"} == {
        key: first.record[key] for key in record if key != "created"
    }


def test_the_report_of_a_linear_network_says_so(linear, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "rivals", lambda *_: [])  # they take seconds
    page = write_report(linear, tmp_path / "page.html").read_text()
    assert f"<th>chosen</th><td>{LINEAR_WAS_BETTER}</td>" in page
    assert "100-2, 200 active weights" in page


def test_a_problem_that_no_line_divides_ends_as_a_network_with_hidden_units(tmp_path, monkeypatch):
    x = np.random.default_rng(0).uniform(-1, 1, size=(400, 2))
    path = tmp_path / "xor.npz"
    np.savez(path, X=x, y=x[:, 0] * x[:, 1] > 0)
    record = made(path, tmp_path / "out")
    assert not record["linear"]
    assert record["test_accuracy"] > 0.9
    network = load_design(tmp_path / "out").network
    assert len(network.layer_sizes) > 2
    assert network.layer_sizes == tuple(record["layer_sizes"])
    assert network.active_weights == record["active_weights"]
    assert record["batches"]["all"] == network.steps == record["batches"]["episode"] + 1500
    monkeypatch.setattr(report, "rivals", lambda *_: [])
    page = write_report(tmp_path / "out", tmp_path / "page.html").read_text()
    assert "linear network (without hidden layers)" not in page
