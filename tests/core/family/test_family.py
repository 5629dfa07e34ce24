"""The family of tasks: its splits, what is measured, and its file."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from rlnas.cost import evaluation_cost, size_of_architecture, training_cost
from rlnas.data.collections import keel, uci
from rlnas.data.generated.made import Made
from rlnas.errors import InputError
from rlnas.family import builder, measuring
from rlnas.family.family_file import Family, load_family, write_family
from rlnas.family.space import ARCHITECTURES, LENGTHS, NUMBERS
from rlnas.family.table import LOSS_STEP, METRIC_STEP, TaskTable
from rlnas.family.tasks import AXES, SPLITS, list_sha256, task_named, tasks
from rlnas.nn.initialization import new_network
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS, Batches, evaluate, train

EVERY = [task for split in SPLITS for task in tasks(split)]
SMALL = task_named("made:linear:rows=453:features=7:classes=5:noise=0.09:useless=0.36:rough=0.41:imbalance=1.8:seed=5")  # fmt: skip # noqa: E501


# --- tasks ---


def test_splits_have_the_promised_sizes_and_real_tasks():
    assert [len(tasks(split)) >= least for split, least in zip(SPLITS, (200, 20, 100), strict=True)]
    assert sum(task.real for task in tasks("test")) * 3 >= len(tasks("test"))
    assert {task.axis for task in EVERY} == set(AXES)


def test_no_data_are_in_two_tasks_or_splits():
    assert len({task.name for task in EVERY}) == len(EVERY)
    origins = {}
    for task in EVERY:
        if task.source.startswith("keel:"):
            origin = keel.base(task.source.removeprefix("keel:"))
            assert origins.setdefault(origin, task.split) == task.split
    seeds = Counter(Made.of_name(task.source).seed for task in EVERY if not task.real)
    assert max(seeds.values()) == 1


def test_only_what_development_saw_is_for_training():
    for task in tasks("train"):
        if task.source.startswith("uci:"):
            assert task.source.removeprefix("uci:") in uci.SEEN
    assert not {task.source for task in EVERY} & {"digits", "breast_cancer"}  # parts of test tables


def test_training_tasks_stay_in_their_ranges_and_each_axis_leaves_one():
    for task in tasks("train"):
        if task.real:
            continue
        made = Made.of_name(task.source)
        assert made.features <= 64
        assert made.classes <= 10
        assert 300 <= made.rows <= 10_000
    beyond = {
        axis: [Made.of_name(task.source) for task in tasks("test") if task.axis == axis]
        for axis in ("features", "classes", "rows", "noise", "useless", "imbalance")
    }
    assert min(made.features for made in beyond["features"]) > 64
    assert min(made.classes for made in beyond["classes"]) > 10
    assert all(made.rows < 300 or made.rows > 10_000 for made in beyond["rows"])
    assert min(made.noise for made in beyond["noise"]) > 0.1
    assert min(made.useless for made in beyond["useless"]) > 0.5
    assert min(made.imbalance for made in beyond["imbalance"]) > 3


def test_list_of_tasks_is_what_was_published():
    """Whoever changes a task makes another family: give it another version."""
    assert list_sha256() == PUBLISHED


PUBLISHED = "88c9063a7a05eb7546d174511041cb8ad202734a1c75c72023778ac2ab2be964"


def test_unknown_names_are_refused_with_a_suggestion():
    with pytest.raises(
        InputError, match=r"unknown task 'keel:leter' \(did you mean keel:letter\?\)"
    ):
        task_named("keel:leter")
    with pytest.raises(InputError, match="unknown split 'tests': expected one of train"):
        tasks("tests")


# --- the space ---


def test_architectures_are_different_and_get_no_wider():
    assert len(set(ARCHITECTURES)) == len(ARCHITECTURES) == len(NUMBERS)
    for architecture in ARCHITECTURES:
        widths, densities = [w for w, _ in architecture], {d for _, d in architecture}
        assert widths == sorted(widths, reverse=True)
        assert len(densities) <= 1


# --- measuring ---


def test_results_are_those_of_training_one_network_by_hand(monkeypatch):
    few = ARCHITECTURES[:3] + ARCHITECTURES[200:202]
    monkeypatch.setattr(measuring, "ARCHITECTURES", few)
    found = measuring.measure(SMALL, 1, None)
    data = measuring.load(SMALL, 1)
    rng = np.random.default_rng((1, 4))
    network = new_network(few[4], data.n_features, data.n_outputs, rng)
    batches = Batches(data.train, rng)
    for at, length in enumerate(np.diff(LENGTHS, prepend=0)):
        trained = train(network, data, batches.take(length), DEFAULT_HYPERPARAMETERS)
        validation, test = (evaluate(network, data, each) for each in (data.validation, data.test))
        assert found["val_metric"][4][at] == round(1000 * validation.metric)
        assert found["test_metric"][4][at] == round(1000 * test.metric)
        assert found["val_loss"][4][at] == round(100 * np.log(validation.loss))
        assert found["train_loss"][4][at] == round(100 * np.log(trained.loss))
    assert found["weights"][4] == network.active_weights
    shares = np.bincount(data.labels[data.train]).argmax()
    assert found["nothing"][1] == round(1000 * np.mean(data.labels[data.test] == shares))


def test_seeds_have_their_own_splits_and_generated_tasks_many_test_samples():
    first, second = (measuring.load(SMALL, seed) for seed in (0, 1))
    assert first.test.size == measuring.JUDGED
    assert first.train.size + first.validation.size == 453
    assert first.fingerprint != second.fingerprint
    assert first.fingerprint == measuring.load(SMALL, 0).fingerprint


def test_some_rows_of_larger_data_are_drawn():
    task = replace(task_named("mnist:1000"), source="digits", rows=300)
    data = measuring.load(task)
    assert data.train.size + data.validation.size + data.test.size == 300
    with pytest.raises(InputError, match="needs 3000 samples, but there are 1797"):
        measuring.load(replace(task, rows=3000))


def test_interrupted_measuring_goes_on(monkeypatch, tmp_path):
    monkeypatch.setattr(measuring, "ARCHITECTURES", ARCHITECTURES[:2])
    monkeypatch.setattr(builder, "_SCHEMA", {})
    first = builder.measure_all(tmp_path, [SMALL], n_seeds=2, n_jobs=1, progress_bar=False)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").glob("*.json")}
    monkeypatch.setattr(builder, "measure", None)
    again = builder.measure_all(tmp_path, [SMALL], n_seeds=2, n_jobs=1, progress_bar=False)
    assert again == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").glob("*.json")} == files
    assert first[SMALL.name][0] != first[SMALL.name][1]


# --- tables and their file ---


def random_table(name: str, seed: int = 0, n_seeds: int = 3) -> TaskTable:
    rng = np.random.default_rng(seed)
    shape = (n_seeds, len(ARCHITECTURES), len(LENGTHS))
    metrics = {n: rng.random(shape, np.float32) for n in ("val_metric", "test_metric")}
    losses = {n: rng.gamma(2, 0.3, shape).astype(np.float32) for n in ("val_loss", "train_loss")}
    return TaskTable(
        task_named(name), f"{seed:064}", 7, 3, 300, 100, 100,
        nothing=rng.random(2, np.float32) / 2, **metrics, **losses,
        test_loss=rng.gamma(2, 0.3, shape[1:]).astype(np.float32),
        weights=(10 ** rng.uniform(0, 6, shape[1])).astype(np.int32),  # half are worth it
        flash=rng.integers(1, 10**6, shape[1], np.int32),
    )  # fmt: skip


NAMES = [SMALL.name, "keel:letter"]


@pytest.fixture
def path(tmp_path):
    write_family(tmp_path / "family.npz", map(random_table, NAMES, (0, 1)), {"rlnas": "1"})
    return tmp_path / "family.npz"


def test_file_keeps_everything_to_a_share_of_the_noise(path):
    family = Family(path)
    assert [task.name for task in family.tasks] == NAMES
    assert family.versions == {"rlnas": "1"}
    for seed, name in enumerate(NAMES):
        found, wanted = family.table(name), random_table(name, seed)
        for field in ("task", "fingerprint", "n_inputs", "n_outputs", "n_train", "n_validation"):
            assert getattr(found, field) == getattr(wanted, field)
        np.testing.assert_array_equal(found.nothing, wanted.nothing)
        for field in ("val_metric", "test_metric"):
            difference = np.abs(getattr(found, field) - getattr(wanted, field))
            assert difference.max() <= noise(getattr(wanted, field)) / 4 + METRIC_STEP / 2
            assert getattr(found, field).min() >= 0
            assert getattr(found, field).max() <= 1, "nothing is rounded to more"
        for field in ("val_loss", "train_loss"):
            difference = np.abs(np.log(getattr(found, field) / getattr(wanted, field)))
            assert difference.max() <= noise(np.log(getattr(wanted, field))) / 2 + LOSS_STEP / 2
        difference = np.abs(np.log(found.test_loss / wanted.test_loss))
        assert difference.max() <= noise(np.log(wanted.val_loss)) / 2 + LOSS_STEP / 2
        for field in ("weights", "flash"):
            np.testing.assert_array_equal(getattr(found, field), getattr(wanted, field))
        assert not found.val_metric.flags.writeable


def noise(values: np.ndarray) -> float:
    """The largest, over lengths, of the median standard deviation between seeds."""
    return float(np.median(values.std(axis=0, ddof=1), axis=0).max())


def test_results_without_noise_are_kept_exactly(tmp_path):
    table = random_table(NAMES[0], n_seeds=4)
    whole = np.round(table.val_metric, 3)[:1].repeat(4, axis=0)
    write_family(tmp_path / "family.npz", [replace(table, val_metric=whole)], {})
    found = Family(tmp_path / "family.npz").table(NAMES[0]).val_metric
    np.testing.assert_allclose(found, whole, atol=1e-6)


def test_judged_score_leaves_the_seed_of_decisions_out():
    table = random_table(NAMES[0])
    wanted = table.test_metric[[0, 2], 5, 1].mean() - 0.1 * table.weights[5] / (76 * 10)
    assert table.judged(1, 0.1)[5, 1] == pytest.approx(wanted)


def test_cost_is_that_of_training_and_evaluating_up_to_a_length():
    table = random_table(NAMES[0])
    size = size_of_architecture(ARCHITECTURES[100], 7, 3)
    wanted = training_cost(size, 24, 128) + 2 * evaluation_cost(size, 100)
    assert table.cost[100, 1] == wanted


def damaged(path, change) -> None:
    arrays = dict(np.load(path))
    about = json.loads(str(arrays["about"]))
    change(arrays, about)
    np.savez(path, **{**arrays, "about": np.array(json.dumps(about))})


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays, about: about.update(format="other"),
        lambda arrays, about: about.update(lengths=[1]),
        lambda arrays, about: about.pop("tasks"),
        lambda arrays, about: about["tasks"]["keel:letter"].update(n_inputs=0),
        lambda arrays, about: about["tasks"]["keel:letter"].update(fingerprint=5),
        lambda arrays, about: about["tasks"]["keel:letter"].pop("n_train"),
        lambda arrays, about: arrays.update({"keel:letter": arrays["keel:letter"][:-1]}),
        lambda arrays, about: arrays.update({"keel:letter": np.zeros(3)}),
        lambda arrays, about: arrays.update({"keel:letter": arrays["keel:letter"][::-1]}),
        lambda arrays, about: arrays.pop("keel:letter"),
        lambda arrays, about: about["tasks"]["keel:letter"].update(nothing=[0.5]),
        lambda arrays, about: about["tasks"]["keel:letter"]["steps"].pop("val_loss"),
        lambda arrays, about: about["tasks"]["keel:letter"]["steps"].update(val_loss=[2**40] * 4),
    ],
)
def test_damaged_or_foreign_file_is_refused_in_one_line(path, change):
    damaged(path, change)
    with pytest.raises(InputError, match="damaged or no family of tasks of this version") as told:
        Family(path).table("keel:letter")
    assert "\n" not in str(told.value)


def test_file_that_is_none_and_unknown_tasks_are_refused(path, tmp_path):
    with pytest.raises(InputError, match="has no task 'keel:wine'"):
        Family(path).table("keel:wine")
    (tmp_path / "text").write_text("text")
    with pytest.raises(InputError, match="damaged or no family"):
        Family(tmp_path / "text")
    with pytest.raises(InputError, match="cannot read"):
        Family(tmp_path / "absent")
    damaged(path, lambda arrays, about: about["tasks"].update(new=about["tasks"]["keel:letter"]))
    with pytest.raises(InputError, match="has the task 'new', which this version lacks"):
        Family(path)


# --- the family that comes with rlnas ---


def test_shipped_family_has_every_task_with_five_seeds():
    family = load_family()
    assert [task.name for task in family.tasks] == [task.name for task in EVERY]
    assert load_family() is family is load_family(family)
    for task in family.tasks[::40]:
        table = family.table(task.name)
        assert (table.n_seeds, table.task) == (builder.N_SEEDS, task)
        assert 0 < table.nothing[1] < 1 or task.regression
        assert table.n_inputs >= 1
