"""Puts a generated part into a page of prose, between its markers: `make scores`.

python docs/insert.py PAGE PART FILE
"""

import sys
from pathlib import Path

from rlnas.errors import InputError
from rlnas.files.atomic import replace_file


def with_part(page: str, part: str, content: str) -> str:
    """A page with other content between `<!-- begin PART -->` and `<!-- end PART -->`.

    Raises:
        InputError: the page does not have both of these lines once.
    """
    begin, end = f"<!-- begin {part} -->\n", f"<!-- end {part} -->\n"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    if (page.count(begin), page.count(end), rest.count(end)) != (1, 1, 1):
        raise InputError(f"the page needs the lines {begin.strip()} and {end.strip()}, each once")
    return f"{before}{begin}\n{content.strip()}\n\n{end}{after}"


if __name__ == "__main__":
    path, name, source = sys.argv[1:]
    text = with_part(Path(path).read_text(), name, Path(source).read_text())
    replace_file(path, text.encode())
