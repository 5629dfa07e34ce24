"""MkDocs' hook for the site: README.md is its first page, linked files outside of docs come along.

Links of the Markdown pages lead from file to file of the repository, so that they work wherever it
is browsed. On the site, README.md is `index.md`, and a file outside of docs/ that a page links to
lies in `repository/`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

DOCS = Path(__file__).parent
ROOT = DOCS.parent
FIRST = ROOT / "README.md"

_LINK = re.compile(r"(?<=\]\()(?![a-z]+:)[^)#\s]+")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the first page, and what is linked to outside of docs/."""
    waiting = [FIRST, *(Path(file.abs_src_path) for file in files.documentation_pages())]
    while waiting:
        path = waiting.pop()
        place = _place(path)
        if files.get_file_from_path(place) is None:
            files.append(File.generated(config, place, abs_src_path=str(path)))
        elif path.is_relative_to(DOCS) and path.suffix != ".md":
            continue
        if path.suffix == ".md":
            waiting += [to for to in _linked(path) if files.get_file_from_path(_place(to)) is None]
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """The page with links to where files are on the site."""
    source = Path(page.file.abs_src_path)

    def on_site(link: re.Match[str]) -> str:
        target = (source.parent / link[0]).resolve()
        if not target.is_file():
            return link[0]  # is no link, or a broken one, which MkDocs reports
        up = "../" * page.file.src_uri.count("/")
        return up + _place(target)

    return _LINK.sub(on_site, markdown)


def _place(path: Path) -> str:
    """Where a file of the repository is among the sources of the site."""
    if path == FIRST:
        return "index.md"
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    return f"repository/{path.relative_to(ROOT).as_posix()}"


def _linked(page: Path) -> Iterator[Path]:
    """The files of the repository that a page links to."""
    for link in _LINK.findall(page.read_text()):
        target = (page.parent / link).resolve()
        if target.is_file():
            yield target
