"""The documents for users of other libraries: their code runs, and warns of nothing."""

import gc
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import pytest
import tyro

from docs.generate import FOLDER, PAGES, page
from docs.insert import with_part
from rlnas.agents.cli.commands.frontier import Frontier
from rlnas.errors import InputError
from tests.snippets import ROOT, fences, run

DOCUMENTS = ["docs/libraries.md", "docs/tabular_benchmark.md"]


def blocks(language: str) -> list:
    return [
        pytest.param(code, document, id=f"{Path(document).name}-{number}")
        for document in DOCUMENTS
        for number, code in enumerate(fences(document, language))
    ]


# Minari leaves temporary folders to the garbage collector, which warns of them.
@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")
@pytest.mark.parametrize(("code", "document"), blocks("python"))
def test_the_code_runs(code, document, tmp_path, monkeypatch):
    for library in re.findall(r"(?:import|from) (minari|tianshou|torchrl)\b", code):
        pytest.importorskip(library, reason=f"{library} is not installed: `make test-libraries`")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    run(code, document)
    gc.collect()


@pytest.mark.parametrize(("code", "document"), blocks("sh"))
def test_the_commands_run(code, document, tmp_path):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, "PYTHONWARNINGS": "error", "OMP_NUM_THREADS": "1"}
    command = ["bash", "-euc", code]
    shell = subprocess.run(
        command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
    )
    assert shell.returncode == 0, shell.stderr
    assert shell.stderr == ""


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_to_files_lead_somewhere(document):
    links = re.findall(r"\]\((?!http)([^)#]+)", (ROOT / document).read_text())
    assert links
    for link in links:
        assert (ROOT / document).parent.joinpath(link).exists(), link


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
