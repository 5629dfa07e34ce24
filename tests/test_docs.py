"""The documents for users of other libraries: their code runs, and warns of nothing."""

import gc
import os
import re
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import pytest

from docs.generate import FOLDER, PAGES, page
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
