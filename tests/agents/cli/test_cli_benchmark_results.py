"""`rlnas benchmark evaluate`, `check` and `compare`: files, what is printed, bad input."""

import json

import pytest

from rlnas.agents.benchmark import read_submission
from rlnas.agents.cli.main import main
from rlnas.family.family_file import write_family
from rlnas.family.tasks import tasks
from tests.core.family.test_family import random_table

TASKS = [next(task.name for task in tasks("test") if task.axis == axis) for axis in ("rows", "all")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a family, and the results of two rivals."""
    folder = tmp_path_factory.mktemp("results")
    write_family(folder / "family.npz", map(random_table, TASKS, (0, 1), (5, 5)), {})
    for rival in ("random", "nothing"):
        assert evaluated(folder, rival, folder / f"{rival}.json") == 0
    return folder


def call(folder, command, *options) -> int:
    family = [] if command == "compare" else ["--family", str(folder / "family.npz")]
    return main(["--quiet", "benchmark", command, *map(str, options), *family])


def evaluated(folder, policy, out, *options) -> int:
    return call(folder, "evaluate", "--policy", policy, "--split", "test", "--out", out, *options)


def test_evaluate_writes_a_result_that_check_accepts(folder, capsys):
    told = ["--name", "mine", "--by", "me", "--note", "not tuned", "--seed", "3"]
    out = folder / "more" / "mine.json"
    assert evaluated(folder, "random", out, *told) == 0
    *table, scores, places = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in table[2:]] == ["| rows", "| all"]
    assert scores.startswith("mine on 2 tasks of the split test, 90 episodes: score ")
    assert places == f"result in {out}, plot in {out.with_suffix('.png')}"
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    found = read_submission(out)
    assert (found.about.policy, found.about.by, found.about.note) == ("mine", "me", "not tuned")
    assert found.played.actions != read_submission(folder / "random.json").played.actions
    assert call(folder, "check", out) == 0
    assert capsys.readouterr().out.splitlines() == [f"{out} is valid: {scores}"]


def test_evaluate_gives_the_same_file_again(folder):
    before = (folder / "random.json").read_bytes()
    assert evaluated(folder, "random", folder / "random.json") == 0
    assert (folder / "random.json").read_bytes() == before


def test_compare_writes_tables_and_a_heat_map(folder, capsys):
    results = folder / "random.json", folder / "nothing.json"
    assert call(folder, "compare", *results, "--out", folder / "report.md") == 0
    printed = capsys.readouterr().out
    text = (folder / "report.md").read_text()
    assert text == f"{printed}\n![Scores by axis](report.png)\n"
    assert "| nothing | nothing | 0.000 (0.000 to 0.000) |" in text
    assert (folder / "report.png").read_bytes().startswith(b"\x89PNG")
    assert call(folder, "compare", *results, "--out", folder / "map.png") == 0
    assert (folder / "map.png").read_bytes() == (folder / "report.png").read_bytes()
    assert not (folder / "map.md").exists()


def test_bad_input_is_told_in_one_line(folder, tmp_path, capsys):
    out, good = ["--out", tmp_path / "new.json"], folder / "random.json"
    (tmp_path / "random.json").write_text(good.read_text())
    wrong = json.loads(good.read_text())
    wrong["tasks"][0]["episodes"][0]["anytime"] += 0.1
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    for command, options, message in (
        (
            "evaluate",
            ["--policy", "randon", *out],
            "unknown policy 'randon' (did you mean random?)",
        ),
        ("evaluate", ["--policy", "random", "--split", "tests", *out], "--split 'tests' cannot be"),
        ("evaluate", ["--policy", "random", "--split", "train", *out], "has no task of the split"),
        ("evaluate", ["--policy", "random", "--seed", "-1", *out], "seed"),
        ("evaluate", ["--policy", "random", "--out", tmp_path / "new"], "a name with .json"),
        ("evaluate", ["--policy", "random"], "--out PATH is missing"),
        ("check", [tmp_path / "absent.json"], "cannot read"),
        ("check", [folder / "family.npz"], "is damaged"),
        ("check", [tmp_path / "wrong.json"], "1 episodes do not give what the result says"),
        ("compare", [good, "--out", tmp_path / "new.txt"], "a name with .md or .png"),
        ("compare", [good, tmp_path / "random.json", "--out", tmp_path / "new.md"], "two results"),
        ("compare", ["--out", tmp_path / "new.md"], "nothing to compare"),
    ):
        assert call(folder, command, *options) == 2, message
        told = capsys.readouterr().err.strip()
        assert message in told
        assert "\n" not in told
    assert not (tmp_path / "new.json").exists()
    assert not (tmp_path / "new.md").exists()
