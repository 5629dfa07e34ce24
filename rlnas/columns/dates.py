"""Dates that are written as texts, in the usual ways."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np

DATE_FORMATS = ("", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%b %d, %Y")
"""How the dates of a column are written, perhaps with a time after them; "" is ISO 8601.

Of several that fit, the first is taken.
"""

DAY = 86_400
"""Seconds."""

_PARTS = {"%d": r"(?P<d>\d\d?)", "%m": r"(?P<m>\d\d?)", "%Y": r"(?P<Y>\d{4})"}
_PARTS["%b"] = r"(?P<b>[A-Za-z]{3})"
_TIME = r"(?: (?P<H>\d\d?):(?P<M>\d\d)(?::(?P<S>\d\d))?)?"
_PATTERNS = {  # strptime would take ten times as long
    written: re.compile(
        re.sub("%[a-zA-Z]", lambda part: _PARTS[part[0]], written.replace(".", r"\.")) + _TIME,
        re.ASCII,
    )
    for written in DATE_FORMATS
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LIKE_A_DATE = re.compile(r"\d{1,4}([-/.])\d\d?\1\d{1,4}(?!\d)|[A-Za-z]{3} \d\d?, \d{4}", re.ASCII)
_EXAMPLE = datetime(2026, 12, 31)  # of which no other order of its parts is a date
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_date(text: str, written: str = "") -> float | None:
    """Days since 1970-01-01, in UTC, of a date and perhaps time; None if the text is none.

    Args:
        text: The text.
        written: How it is written, one of `DATE_FORMATS`.
    """
    try:
        found = _moment(text, written) if written else datetime.fromisoformat(text)
    except ValueError:
        return None
    if found is None:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return (found - _EPOCH).total_seconds() / DAY


def _moment(text: str, written: str) -> datetime | None:
    """The moment that a text is in a format, None if it has another form; not yet in a time zone.

    Raises:
        ValueError: If there is no such day or time.
    """
    found = _PATTERNS[written].fullmatch(text)
    if found is None:
        return None
    parts = found.groupdict()
    month = _MONTHS.index(parts["b"].title()) + 1 if "b" in parts else int(parts["m"])
    hour, minute, second = (int(parts[name] or 0) for name in "HMS")
    return datetime(int(parts["Y"]), month, int(parts["d"]), hour, minute, second)


def day_as_text(days: float) -> str:
    """The date of a code, in ISO 8601."""
    return str(np.datetime64(int(days // 1), "D"))


def example(written: str) -> str:
    """A date in a format."""
    return _EXAMPLE.strftime(written or "%Y-%m-%d")


def date_formats(texts: Iterable[str]) -> dict[str, int]:
    """The `DATE_FORMATS` that texts have, and how many of the different texts have each.

    Empty if fewer than half of them look like dates. 2026 and 20261126 are numbers.
    """
    known = set(texts)
    if 2 * sum(_LIKE_A_DATE.match(text) is not None for text in known) < len(known):
        return {}
    counts = {
        written: sum(parse_date(text, written) is not None for text in known)
        for written in DATE_FORMATS
    }
    return {written: count for written, count in counts.items() if count}
