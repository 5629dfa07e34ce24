"""The code of the page about the benchmark runs, and it says what the protocol says."""

from rlnas.agents.benchmark import Protocol, read_submission
from rlnas.agents.benchmark.scores import TIE
from rlnas.family.tasks import AXES, tasks
from tests.snippets import ROOT, fences, run

PAGE = "docs/benchmark.md"


def test_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = fences(PAGE, "python")
    run(code, PAGE)
    assert read_submission("first_legal.json").tasks == tuple(
        task.name for task in tasks("validation")
    )


def test_page_says_what_the_protocol_says():
    protocol, text = Protocol(), (ROOT / PAGE).read_text()
    each = protocol.n_seeds * len(protocol.penalties) * len(protocol.budgets)
    for said in (
        f"Version {protocol.version}, ",
        f"| penalties | {', '.join(map(str, protocol.penalties))} |",
        f"| budgets | {', '.join(map(str, protocol.budgets))} |",
        f"at most {protocol.episode_steps} |",
        f"{each} a task",
        f"gains are divided by {protocol.least_gain}:",
        f"better by more than {TIE}",
        *(f"`{axis}`" for axis in AXES),
    ):
        assert " ".join(said.split()) in " ".join(text.split())
