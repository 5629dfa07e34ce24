"""The documents for users of other libraries: their code runs, and warns of nothing."""

import gc
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import gymnasium as gym
import pytest
import tyro

import rlnas
from docs import insert
from docs.generate import FOLDER, PAGES, page
from docs.insert import with_part
from rlnas.agents.benchmark import Protocol
from rlnas.agents.cli.commands.frontier import Frontier
from rlnas.errors import InputError
from rlnas.family.space import ARCHITECTURES
from rlnas.family.tasks import SPLITS, tasks
from tests.agents.distributed.helpers import QUIET
from tests.snippets import ROOT, fences, run

DOCUMENTS = [
    "docs/libraries.md",
    "docs/limits.md",
    "docs/tabular_benchmark.md",
    "docs/watching.md",
]


def blocks(language: str) -> list:
    return [
        pytest.param(
            code,
            document,
            id=f"{Path(document).name}-{number}",
            marks=[*QUIET, pytest.mark.ray] if "import ray" in code else [],
        )
        for document in DOCUMENTS
        for number, code in enumerate(fences(document, language))
    ]


# Minari leaves temporary folders to the garbage collector, which warns of them.
@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")
@pytest.mark.parametrize(("code", "document"), blocks("python"))
def test_the_code_runs(code, document, tmp_path, monkeypatch):
    for library in re.findall(r"(?:import|from) (minari|ray\.rllib|tianshou|torchrl)\b", code):
        reason = f"{library} is not installed: `make test-libraries`"
        pytest.importorskip(library, reason=reason, exc_type=ImportError)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    run(code, document)
    gc.collect()


@pytest.mark.slow
@pytest.mark.parametrize(("code", "document"), blocks("sh"))
def test_the_commands_run(code, document, tmp_path):
    done = shell(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def shell(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run commands in a folder, with the programs of this environment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, "PYTHONWARNINGS": "error", "OMP_NUM_THREADS": "1"}
    command = ["bash", "-euc", code]
    return subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False
    )


PROSE = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", ".github/*.md", "docs/**/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)


@pytest.mark.parametrize("document", PROSE)
def test_links_to_files_lead_somewhere(document):
    for link in re.findall(r"\]\((?!http)([^)#]+)", (ROOT / document).read_text()):
        assert (ROOT / document).parent.joinpath(link).exists(), link


def test_there_are_documents_with_links():
    assert {"README.md", "CONTRIBUTING.md", *DOCUMENTS, "docs/log/controller-2026.md"} <= set(PROSE)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_of_an_environment_is_its_docstring(name):
    assert (FOLDER / f"{name}.md").read_text() == page(PAGES[name]), "run `make docs`"


def test_every_environment_has_a_page():
    pages = "".join(page(cls) for cls in PAGES.values())
    for name in gym.registry:
        if name.startswith("rlnas/"):
            assert f"`{name}`" in pages


def test_the_documents_have_code():
    assert len(blocks("python")) >= 8
    assert len(blocks("sh")) >= 1


# --- pages that `make` makes ---


def commands_of(target: str) -> list[list[str]]:
    """The commands of a target of the Makefile, each as its words."""
    dry = ["make", "--dry-run", "--no-print-directory", target]
    text = subprocess.run(dry, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [shlex.split(line) for line in text.replace("\\\n", " ").splitlines()]


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])
def test_make_frontier_has_the_penalties_of_the_page(dataset):
    configs = [
        tyro.cli(Frontier, args=words[2:])
        for words in commands_of("frontier")
        if words[1:2] == ["frontier"]
    ]
    (config,) = (config for config in configs if config.dataset == dataset)
    text = (ROOT / "docs" / "frontier" / f"{dataset}.md").read_text()
    _, table = text.split(f"Means of {config.seeds} seeds with 95 % bootstrap intervals:")
    penalties = [float(row) for row in re.findall(r"^\| ([\d.e-]+) \|", table, re.MULTILINE)]
    assert penalties == sorted(config.penalties)


def test_a_part_of_a_page_is_replaced_and_the_prose_around_it_stays():
    old = "before\n<!-- begin a -->\nold\n<!-- end a -->\nbetween\n![a](a.png)\n"
    other = "<!-- begin b -->\nother\n<!-- end b -->\nafter\n"
    once = with_part(old + other, "a", "# new\n")
    assert once == old.replace("old", "\n# new\n") + other
    assert with_part(once, "a", "# new") == once
    assert with_part(once, "b", "x") == old.replace("old", "\n# new\n") + other.replace(
        "other", "\nx\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<!-- begin a -->\n",
        "<!-- end a -->\n<!-- begin a -->\n",
        2 * "<!-- begin a -->\n<!-- end a -->\n",
    ],
)
def test_a_page_without_the_place_for_a_part_is_refused(text):
    with pytest.raises(InputError, match="<!-- begin a --> and <!-- end a -->, each once"):
        with_part(text, "a", "new")


@pytest.mark.parametrize("part", ["live", "tables"])
def test_the_reference_scores_have_a_place_for_each_part(part):
    text = (ROOT / "docs" / "reference_scores.md").read_text()
    (inside,) = re.findall(f"<!-- begin {part} -->(.*)<!-- end {part} -->", text, re.DOTALL)
    assert "| maskable_ppo |" in inside
    assert with_part(text, part, inside) == text


# --- what is said in two places ---


@pytest.mark.parametrize("name", insert.PARTS)
def test_tables_in_pages_are_those_of_the_stored_results(name):
    assert (ROOT / name).read_text() == insert.with_parts(name), "run `make docs`"


def test_every_part_of_a_page_has_a_source():
    for name in PROSE:
        parts = re.findall("^<!-- begin (.*) -->$", (ROOT / name).read_text(), re.MULTILINE)
        assert parts == list(insert.PARTS.get(name, ()))


@pytest.mark.parametrize(
    ("source", "pages"),
    [
        ("frontier/mnist.md", {"README.md", "docs/frontier.md"}),
        ("frontier/fashion_mnist.md", {"docs/frontier.md"}),
        ("transfer.md", {"README.md", "docs/controller.md"}),
        ("compare/table-mnist.md", {"docs/compare.md"}),
        ("compare/digits.md", {"docs/compare.md"}),
        ("capacity/digits/depth.md", {"docs/capacity.md"}),
        ("estimators/mnist/estimators.md", {"docs/estimators.md"}),
        ("tables/tables.md", {"README.md", "docs/tables.md"}),
        ("reference_scores/live.md", {"docs/reference_scores.md"}),
    ],
)
def test_other_results_make_the_pages_that_show_them_stale(source, pages, tmp_path, monkeypatch):
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
    result = tmp_path / "docs" / source
    before_intervals = re.compile(r"\.(\d)(?=\d*%? \()")
    other = before_intervals.sub(lambda digit: f".{(int(digit[1]) + 1) % 10}", result.read_text())
    result.write_text(other)
    monkeypatch.setattr(insert, "ROOT", tmp_path)
    stale = {name for name in insert.PARTS if (ROOT / name).read_text() != insert.with_parts(name)}
    assert stale == pages


def test_cells_are_rounded_with_their_intervals():
    assert insert.rounded("+0.0516 (-0.0004 to +0.0996)", 3) == "+0.052 (-0.000 to +0.100)"


def test_the_prose_of_the_readme_quotes_stored_results():
    text = (ROOT / "README.md").read_text()
    results = "".join(path.read_text() for path in (ROOT / "docs" / "frontier").glob("*.md"))
    accuracies = re.findall(r"\d\d\.\d\d%", text)
    assert len(accuracies) > 40
    assert [value for value in accuracies if value not in results] == []
    (rows,) = insert.tables("docs/compare/mnist.md")
    (said,) = re.findall(
        r"score (0\.\d+) against (0\.\d+).*?better ones: (0\.\d+)", text, re.DOTALL
    )
    scores = {row["method"]: row["best score found"].split()[0] for row in rows}
    methods = ("controller", "tournament_evolution", "shipped_controller")
    assert list(said) == [insert.rounded(scores[method], 3) for method in methods]


def test_the_page_of_the_controller_has_the_commands_that_make_it():
    page = (ROOT / "docs" / "controller.md").read_text()
    said = [shlex.split(line) for line in re.findall("^    (rlnas .*)", page, re.MULTILINE)]
    made = [words for words in commands_of("controller") if words[0].endswith("/rlnas")]
    assert said == [["rlnas", *words[1:]] for words in made]


def test_the_version_is_the_same_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    released = re.findall(
        r"^## \[([\d.]+)\] - (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    citation = (ROOT / "CITATION.cff").read_text()
    assert rlnas.__version__ == version
    assert released[0] == (
        version,
        *re.findall("^date-released: (.*)", citation, re.MULTILINE),
    )
    assert re.findall("^version: (.*)", citation, re.MULTILINE) == [version]


def test_citation_names_the_version_of_the_benchmark_and_its_size():
    citation = " ".join((ROOT / "CITATION.cff").read_text().split())
    version, n_tasks = Protocol().version, sum(len(tasks(split)) for split in SPLITS)
    assert f"(version {version} of its protocol)" in citation
    assert f"results of {len(ARCHITECTURES)} architectures on {n_tasks} tasks" in citation
    assert f'version: "{version}" notes:' in citation


AVR_TOOLS = ("avr-gcc", "avr-size", "simavr")


@pytest.mark.skipif(
    not all(map(shutil.which, AVR_TOOLS)),
    reason="avr-gcc, avr-libc or simavr is absent (Debian: gcc-avr avr-libc simavr)",
)
def test_the_table_of_the_page_becomes_an_image_that_answers_as_python_does(tmp_path):
    document = "docs/microcontroller.md"
    blocks = [f"({block})" for block in fences(document, "sh")]
    done = shell("\n".join(blocks), tmp_path)
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last == "150 rows, the same class on the device and in Python"
    assert f"`{last}`" in (ROOT / document).read_text()


def test_the_check_of_the_page_fails_for_another_answer(tmp_path):
    *_, check = fences("docs/microcontroller.md", "sh")
    check = check.partition("\n")[2]
    (tmp_path / "python.csv").write_text("species\nsetosa\nvirginica\n")
    for sent, code in (("setosa", 1), ("setosa\nsetosa", 1), ("setosa\nvirginica", 0)):
        (tmp_path / "serial.txt").write_text(f"self-test passed\n{sent}\n")
        assert shell(check, tmp_path).returncode == code
