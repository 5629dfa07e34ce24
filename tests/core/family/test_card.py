"""The data card of the family: its figures are those of the tables, and the page is up to date."""

import numpy as np
import pytest

from rlnas.family.card import ORIGINS, card, luck, noise
from rlnas.family.family_file import Family, load_family, write_family
from rlnas.family.tasks import SPLITS, tasks
from rlnas.files.reading import sha256_of
from tests.core.family.test_family import random_table
from tests.snippets import ROOT

NAMES = ["keel:banana", "uci:airfoil", "mnist:1000", tasks("validation")[-1].name]


@pytest.fixture
def family(tmp_path):
    path = tmp_path / "family.npz"
    write_family(path, map(random_table, NAMES, range(4), [3] * 4), {"rlnas": "9.9"})
    return Family(path)


def test_every_task_has_an_origin():
    every = [task for split in SPLITS for task in tasks(split)]
    assert {task.source.partition(":")[0] for task in every} == set(ORIGINS)


def test_card_has_the_figures_of_the_tables(family):
    text = card(family)
    assert f"SHA-256 `{sha256_of(family.path)}`" in text
    assert "4 of 390 tasks" in text
    assert "with 3 seeds and measured after 6, 24, 96 and 384 batches" in text
    assert "Measured with rlnas 9.9." in text
    assert "| all | 1 | 1 | 2 |" in text
    for name in NAMES:
        table = family.table(name)
        means = table.test_metric[:, :, 3].mean(axis=0)
        (row,) = (line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        cells = [cell.strip() for cell in row.split("|")[1:-1]]
        assert cells[1] == table.task.axis
        assert cells[2] == f"{table.n_train:,} / {table.n_validation:,} / {table.n_test:,}"
        assert cells[8] == f"{means.max():.3f}"
        assert cells[9] == f"{table.weights[means.argmax()]:,}"


def test_noise_and_luck_are_those_of_results_that_differ_by_known_amounts(family):
    table = family.table(NAMES[0])
    shape = table.test_metric.shape
    test = np.full(shape, 0.5, np.float32)
    test[1], test[2] = 0.6, 0.7  # standard deviation 0.1
    validation = np.full(shape, 0.4, np.float32)
    validation[:, 7] = 0.9
    changed = type(table)(**{**vars(table), "test_metric": test, "val_metric": validation})
    assert noise(changed) == pytest.approx(0.1, abs=1e-6)
    assert luck(changed) == pytest.approx(0.9 - 0.6, abs=1e-6)


def test_page_is_the_card_of_the_family_that_comes_with_rlnas():
    page = (ROOT / "docs" / "benchmark_tasks.md").read_text()
    assert page == card(load_family()), "run `make docs`"
