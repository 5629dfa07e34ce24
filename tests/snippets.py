"""Code in documents: found, shortened and run."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def fences(document: str, language: str) -> list[str]:
    """The fenced blocks of one language in a document of the repository."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)


def run(code: str, document: str) -> None:
    """Run a block as a script of its own; thousands of training steps become 64."""
    short = re.sub(r"\b\d+_000\b", "64", code)
    exec(compile(short, document, "exec"), {"__name__": "__main__"})
