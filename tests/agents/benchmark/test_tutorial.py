"""The tutorial runs as it stands, with one update; its commands accept what it writes."""

import shlex

from rlnas.agents.benchmark import Protocol, read_submission
from rlnas.agents.cli.main import main
from rlnas.family.family_file import load_family
from rlnas.family.tasks import tasks
from tests.snippets import ROOT, fences, run

PAGE = "docs/benchmark_tutorial.md"
TEXT = (ROOT / PAGE).read_text()
CODE = "\n".join(fences(PAGE, "python"))


def test_code_and_commands_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    few = CODE.replace("range(0, 2_000_000, ", "range(0, 1, ")
    assert few != CODE
    run(few, PAGE)
    result = read_submission("mine.json")
    assert result.protocol == Protocol("validation")
    assert result.tasks == tuple(
        task.name for task in load_family().tasks if task.split == "validation"
    )
    commands = [shlex.split(line) for line in TEXT.splitlines() if line.startswith("    rlnas ")]
    assert [words[2] for words in commands] == ["check", "evaluate", "compare"]
    for _, *words in commands:
        assert main(["--quiet", *words]) == 0
    told = capsys.readouterr().out
    assert "mine.json is valid: mine on" in told
    assert "| mine | random |" in told or "| random | mine |" in told
    assert (tmp_path / "report.png").is_file()


def test_page_is_as_short_and_the_tasks_as_many_as_it_says():
    lines = [line for line in CODE.splitlines() if line.strip()]
    assert len([line for line in lines if not line.startswith(("import ", "from "))]) <= 40
    train, validation = tasks("train"), tasks("validation")
    protocol = Protocol()
    each = protocol.n_seeds * len(protocol.penalties) * len(protocol.budgets)
    assert f"Learn on {len(train)} tasks, be scored on {len(validation)} others" in TEXT
    assert f"here {len(validation) * each:,} episodes" in TEXT
