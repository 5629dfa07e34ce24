"""The documentation: its links lead somewhere, its pages are in the navigation, its code runs."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

import rlnas
import rlnas.agents
import rlnas.agents.benchmark
from rlnas.agents.cli import arguments as cli
from tests.snippets import ROOT, run

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
TUTORIAL = DOCS / "tutorial.md"
WITH_CODE = [
    TUTORIAL,
    DOCS / "export.md",
    *sorted((DOCS / "extend").glob("*.md")),
    *(DOCS / "reference").glob("*.md"),
]
"""Pages whose Python runs, block by block; other tests run that of other pages."""

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@cache
def tokens(page: Path) -> list[Token]:
    """What a page consists of, also within its paragraphs and cells."""
    parsed = MarkdownIt("commonmark").enable("table").parse(page.read_text())
    return [token for block in parsed for token in (block, *(block.children or ()))]


def links(page: Path) -> Iterator[str]:
    """Where the links and pictures of a page lead, but for other sites."""
    for token in tokens(page):
        target = str(token.attrGet("href") or token.attrGet("src") or "")
        if target and "://" not in target:
            yield target


@cache
def anchors(page: Path) -> set[str]:
    """The places on a page that links can name: its headings, and the objects of a reference."""
    found = set()
    for token, inside in zip(tokens(page), tokens(page)[1:], strict=False):
        if token.type == "heading_open":
            text = "".join(child.content for child in inside.children or ())
            found.add(re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-"))
        elif inside.type == "inline" and inside.content.startswith("::: "):
            found.add(inside.content.split()[1])
    return found


def python(page: Path) -> list[str]:
    """The Python blocks of a page; those called `py` import private modules."""
    return [token.content for token in tokens(page) if token.info in ("python", "py")]


@every_page
def test_every_link_leads_to_a_file_and_a_heading(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(target), link


FLOORS = "agents|benchmarks|docs|envs|examples|rlnas|tests"


def paths(text: str) -> set[str]:
    """The paths in backticks; ids of environments and paths with a `NAME` to fill in are none."""
    found = re.findall(rf"`((?:{FLOORS})/[^`\s]*)`", text)
    return {path for path in found if not re.search(r"^rlnas/\w+-v\d+$|NAME|\*", path)}


def names_in_files(text: str) -> list[tuple[str, str]]:
    """Names and paths of "`NAME` in `path`"; several names have commas or "and" between them."""
    name, between = r"`[\w.]+`", r"(?:,\s+|\s+and\s+|\s+or\s+)"
    said = rf"({name}(?:{between}{name})*)\s+in\s+`((?:{FLOORS})/[\w./]+)`"
    return [
        (each, path)
        for names, path in re.findall(said, text)
        for each in re.findall(r"`([\w.]+)`", names)
    ]


@pytest.mark.parametrize(
    "page",
    [ROOT / "CONTRIBUTING.md", *(page for page in PAGES if DOCS / "log" not in page.parents)],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_every_path_in_backticks_exists(page):
    for path in paths(page.read_text()):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", sorted((DOCS / "extend").glob("*.md")), ids=lambda page: page.stem)
def test_the_guides_name_what_is_in_the_files(page):
    for name, path in names_in_files(page.read_text()):
        assert re.search(rf"\b{re.escape(name)}\b", (ROOT / path).read_text()), f"{name} in {path}"


def test_a_path_or_name_that_is_gone_would_be_seen():
    assert paths("`envs/a.py`, `envs/NAME.py` and `rlnas/Digits-v1` in `tests/`") == {
        "envs/a.py",
        "tests/",
    }
    assert names_in_files("the `A`,\n`b_c` and\n`D` in\n`envs/x.py`, `e` of `envs/y.py`") == [
        ("A", "envs/x.py"),
        ("b_c", "envs/x.py"),
        ("D", "envs/x.py"),
    ]
    guides = (page.read_text() for page in (DOCS / "extend").glob("*.md"))
    assert sum(len(names_in_files(text)) for text in guides) >= 20


def test_every_page_is_in_the_navigation_once():
    def pages(entry: object) -> Iterator[str]:
        match entry:
            case list():
                for each in entry:
                    yield from pages(each)
            case dict():
                yield from pages(list(entry.values()))
            case str():
                yield entry

    # The base loader knows no tags, and makes nothing but texts, lists and dicts.
    site = yaml.load((ROOT / "mkdocs.yml").read_text(), yaml.BaseLoader)
    named = [page for page in pages(site["nav"]) if not page.startswith("repository/")]
    written = [page.relative_to(DOCS).as_posix() for page in PAGES[1:]]
    assert sorted(named) == sorted(["index.md", *written])  # the README is the first page


def test_the_reference_has_every_public_name_and_no_other():
    public = {f"rlnas.{name}" for name in set(rlnas.__all__) - {"__version__", "agents"}}
    public |= {f"rlnas.agents.{name}" for name in rlnas.agents.__all__}
    public |= {f"rlnas.agents.benchmark.{name}" for name in rlnas.agents.benchmark.__all__}
    pages = (DOCS / "reference").glob("*.md")
    assert {name for page in pages for name in anchors(page) if "." in name} == public


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(code, id=f"{page.stem}-{number}")
        for page in WITH_CODE
        for number, code in enumerate(python(page))
    ],
)
def test_the_code_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(code, "documentation")


def commands() -> list[str]:
    """The commands of the tutorial."""
    code = "".join(token.content for token in tokens(TUTORIAL) if token.type == "code_block")
    return re.findall(r"^rlnas .*", code, re.MULTILINE)


@pytest.mark.parametrize("command", commands())
def test_the_commands_of_the_tutorial_parse(command):
    found = cli.parse(shlex.split(command)[1:])
    assert found is not None
    assert hasattr(found[0], "run")


def test_the_tutorial_has_code_and_commands():
    assert len(python(TUTORIAL)) >= 3
    assert len(commands()) >= 7


def test_a_broken_anchor_would_be_seen():
    assert "score" in anchors(DOCS / "concepts.md")
    assert "scores" not in anchors(DOCS / "concepts.md")
    assert "rlnas.SparseNetwork" in anchors(DOCS / "reference" / "networks.md")
