"""Why options cannot be used: one line, where tyro prints a box."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO

from rlnas.errors import InputError

_STYLE = re.compile(r"\x1b\[[0-9;]*m")

_SENTENCES = {
    r"Error parsing (\S+): Could not find valid parse for arguments: \[(.*)\]": (
        r"\1 \2 cannot be used: expected {kind}, with other words before the option"
    ),
    r"Error parsing (\S+): Could not parse arguments \[(.*)\] into .*": (
        r"\1 \2 cannot be used: expected {kind}"
    ),
    r"Error parsing (\S+): (.*)": r"\1 \2",
    r"invalid choice ('.*') for argument '(\S+)'\. Expected one of \((.*?),?\)\.": (
        r"\2 \1 cannot be used: expected \3"
    ),
    r"Missing value for argument '(\S+)'\. Expected 1 values?\.": r"\1 has no value: give one",
    r"Missing value for argument '(\S+)'\. Expected (\d+) values\.": (
        r"\1 has too few values: expected \2"
    ),
}
"""Sentences of tyro, and how they are told here."""

_KINDS = {"INT": "whole numbers", "FLOAT": "numbers"}
"""What lists of values hold, by their names in help texts."""


@dataclass(frozen=True)
class Grammar:
    """What a command can be told.

    Attributes:
        command: The command, such as "rlnas design".
        options: Its options, such as "--seed".
        repeated: Those that are repeated for several values.
        arguments: What help texts call its other arguments, by their names.
    """

    command: str
    options: Sequence[str]
    repeated: Sequence[str]
    arguments: Mapping[str, str]

    def refusal(self, why: str) -> InputError:
        """The error for what cannot be used."""
        return InputError(f"{why} (see `{self.command} --help`)")


@contextmanager
def refusals_in_a_line(grammar: Grammar, words: Sequence[str]) -> Iterator[None]:
    """Turn a refusal that tyro prints on standard error before it exits into an `InputError`.

    Args:
        grammar: The grammar of the command.
        words: The command line.

    Raises:
        InputError: An option is unknown, or tyro refuses what is given.
    """
    _check_options(grammar, words)
    printed = StringIO()
    try:
        with _wide_terminal(), redirect_stderr(printed):
            yield
    except SystemExit as stop:
        if not stop.code:
            raise
        why = _in_a_line(_sections(printed.getvalue()), grammar, words)
        raise grammar.refusal(why) from None


def _option_in(word: str) -> str:
    """The option of a word such as --max_weights=3."""
    return word.partition("=")[0].replace("_", "-")


def _check_options(grammar: Grammar, words: Sequence[str]) -> None:
    """Raise `InputError` for an option that there is not, and name the one that is meant."""
    for word in words:
        if word.startswith("--") and _option_in(word) not in ("--", *grammar.options):
            known = [option[2:] for option in grammar.options]
            close = get_close_matches(_option_in(word)[2:], known, n=1)
            hint = f": did you mean --{close[0]}?" if close else ""
            raise grammar.refusal(f"unknown option {word.partition('=')[0]}{hint}")


@contextmanager
def _wide_terminal() -> Iterator[None]:
    """Let nothing be wrapped."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "10000"
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before


def _sections(box: str) -> list[list[str]]:
    """The lines in a box, without its frame, divided where it has rules."""
    found: list[list[str]] = [[]]
    for line in _STYLE.sub("", box).splitlines()[1:-1]:
        inner = line[2:-2].rstrip()
        if inner and set(inner) <= {"─", "-"}:
            found.append([])
        else:
            found[-1].append(inner)
    return [section for section in found if section]


def _in_a_line(sections: list[list[str]], grammar: Grammar, words: Sequence[str]) -> str:
    """What a box says, in a line."""
    said = " ".join(" ".join(sections[0]).split())
    if (found := re.fullmatch(r"Unrecognized options: (.*)", said)) is not None:
        again = [each for each in grammar.repeated if each in map(_option_in, words)]
        hint = "".join(f", and {option} again for each further value" for option in again)
        return f"unexpected {found[1]!r}: expected options{hint}"
    if (found := re.fullmatch(r"Missing value for argument '(\w+)'\..*", said)) is not None:
        return f"{grammar.arguments[found[1]]} is missing"
    if said.startswith("Missing from"):
        missing = [line.strip() for line in sections[0] if re.match(r" {4}\S", line)]
        return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    for sentence, told in _SENTENCES.items():
        if (match := re.fullmatch(sentence, said)) is not None:
            return match.expand(told).replace("{kind}", _kind_of(match[1], sections))
    return said


def _kind_of(option: str, sections: list[list[str]]) -> str:
    """What values an option takes, by its line in the help text."""
    lines = (line.strip() for section in sections[1:] for line in section)
    shown = next((line for line in lines if line.startswith(f"{option} ")), f"{option} others")
    values = shown.removeprefix(option).strip()
    names = set(re.findall(r"\w+", values))
    return _KINDS.get(names.pop(), values) if len(names) == 1 else values
