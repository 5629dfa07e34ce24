"""`rlnas benchmark build-family`: the tables of some tasks, and what cannot be built."""

import numpy as np

from rlnas.agents.cli.main import main
from rlnas.family import measuring
from rlnas.family.family_file import Family
from tests.core.family.test_family import SMALL

BUILD = ["benchmark", "build-family", "--jobs", "1", "--quiet", "--out"]


def test_built_family_has_the_results_of_its_tasks(tmp_path, capsys):
    assert main([*BUILD, str(tmp_path), "--tasks", SMALL.name, "--seeds", "1"]) == 0
    assert capsys.readouterr().out.startswith(f"1 tasks in {tmp_path / 'family.npz'}")
    table = Family(tmp_path / "family.npz").table(SMALL.name)
    assert table.n_seeds == 1
    assert table.fingerprint == measuring.load(SMALL).fingerprint
    best = np.unravel_index(table.val_metric[0].argmax(), table.val_metric[0].shape)
    assert table.val_metric[0][best] > table.nothing[0]
    assert table.weights[0] == 7 * 5


def test_what_cannot_be_built_is_told_in_one_line(tmp_path, capsys):
    for options, message in (
        (["--tasks", SMALL.name, "--split", "test"], "--tasks and --split: give one of them"),
        (["--tasks", "keel:leter"], "unknown task 'keel:leter' (did you mean keel:letter?)"),
        (["--tasks", SMALL.name, "--seeds", "0"], "seeds"),
    ):
        assert main([*BUILD, str(tmp_path), *options]) == 2
        told = capsys.readouterr().err.strip()
        assert message in told
        assert "\n" not in told
