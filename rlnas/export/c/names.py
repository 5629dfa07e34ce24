"""Words of C code: prefixes of symbols and files, identifiers, literals, texts in comments."""

import re
import unicodedata
from collections.abc import Callable
from itertools import count
from math import isfinite, isnan

import numpy as np

from rlnas.errors import InputError

LONGEST = 40
"""Largest length of a name; C99 distinguishes `SIGNIFICANT` characters, which include a suffix."""

SIGNIFICANT = 63
"""Characters of an identifier that C99 distinguishes."""

_FALLBACK = "network"

# Upper-case letters are left out because macros are the name in upper case, and because some
# file systems do not tell cases apart; double underscores because C++ reserves them.
_VALID = re.compile("[a-z][a-z0-9]*(_[a-z0-9]+)*")

# With NAME.h on the include path, these would hide a header of C or POSIX.
_HEADERS = """
    aio alloca assert complex cpio ctype dirent dlfcn endian errno error fcntl features fenv float
    fmtmsg fnmatch ftw glob grp iconv inttypes iso646 langinfo libgen limits locale malloc math
    memory monetary mqueue ndbm netdb poll pthread pwd regex sched search semaphore setjmp signal
    spawn stdalign stdarg stdatomic stdbit stdbool stdckdint stddef stdint stdio stdlib stdnoreturn
    string strings stropts syslog tar termios tgmath threads time trace uchar ulimit unistd utime
    utmpx values wchar wctype wordexp
"""
_DEVICES = "aux con nul prn " + " ".join(f"com{k} lpt{k}" for k in range(1, 10))  # of Windows
_TAKEN = {*_HEADERS.split(), *_DEVICES.split()}

# Keywords of C and C++ up to C23 and C++23, and macros in lower case of C, compilers and Windows.
_KEYWORDS = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t
    char32_t class co_await co_return co_yield compl concept const const_cast consteval constexpr
    constinit continue decltype default delete do double dynamic_cast else enum explicit export
    extern false float for friend goto if inline int long mutable namespace new noexcept not not_eq
    nullptr operator or or_eq private protected public register reinterpret_cast requires restrict
    return short signed sizeof static static_assert static_cast struct switch template this
    thread_local throw true try typedef typeid typename typeof typeof_unqual union unsigned using
    virtual void volatile wchar_t while xor xor_eq

    assert cdecl complex errno far huge i386 imaginary interface linux near noreturn pascal small
    stderr stdin stdout unix vax
"""
KEYWORDS = frozenset(_KEYWORDS.split())
"""What no member of a structure can be called."""


def check_name(name: str) -> str:
    """The name, if C code and its files can have it.

    Raises:
        InputError: If C code or its files cannot have the name.
    """
    if not _VALID.fullmatch(name) or len(name) > LONGEST:
        raise InputError(
            f"{name!r} cannot name an export: expected at most {LONGEST} lower-case letters, "
            "digits and single underscores between them, a letter first"
        )
    if _taken(name):
        raise InputError(
            f"{name!r} cannot name an export: its files could be taken for others (a header of "
            f"the system, a device, a self-test); choose another, such as {_freed(name)!r}"
        )
    return name


def name_from(text: str) -> str:
    """A name that `check_name` accepts, made from any text, such as the name of a data set.

    Accents are dropped, and characters other than letters and digits separate words: ``my-data 1``
    becomes ``my_data_1``.
    """
    name = words_of(text)
    if not name[:1].isalpha():
        name = f"{_FALLBACK}_{name}"
    name = name[: LONGEST - len(_FALLBACK) - 1].strip("_")  # room for what sets it apart
    return check_name(_freed(name) if _taken(name) else name)


def words_of(text: str) -> str:
    """The ASCII letters, in lower case, and digits of any text, `_` for what is between them."""
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    return "_".join(re.findall("[a-z0-9]+", plain.lower()))


def identifier(words: str, longest: int, is_free: Callable[[str], bool]) -> str:
    """The first of `words`, `words_2`, `words_3`, ... that can be used, cut to a length.

    Args:
        words: What `words_of` returned, at least a letter or digit.
        longest: Largest length.
        is_free: Whether an identifier can be used.
    """
    endings = ("" if number == 1 else f"_{number}" for number in count(1))
    tried = (words[: longest - len(ending)].strip("_") + ending for ending in endings)
    return next(filter(is_free, tried))


def quoted(text: str) -> str:
    """Any text in quotes, in UTF-8, for a comment, which it can neither end nor confuse.

    Characters that are not seen or change the direction of writing are escaped, too.
    """
    shown = "".join(_visible(each) for each in text)
    return '"' + shown.replace("*/", r"*\/").replace("/*", r"/\*") + '"'


def _visible(character: str) -> str:
    if character in '\\"':
        return "\\" + character
    return character if character.isprintable() else f"\\u{{{ord(character):x}}}"


def string_literal(text: str) -> str:
    """Any text as a C string literal in UTF-8, with everything escaped that a compiler might alter.

    A question mark is escaped because two of them begin a trigraph.
    """
    encoded = text.encode("utf-8", "backslashreplace")
    return '"' + "".join(_character(byte) for byte in encoded) + '"'


def number_literal(kind: str, value: float) -> str:
    """A literal of a C type; floats are hexadecimal, which is exact, or the macros of math.h."""
    if kind not in ("float", "double"):
        return str(int(value))
    with np.errstate(over="ignore"):
        value = float(np.float32(value)) if kind == "float" else float(value)
    if not isfinite(value):
        return "NAN" if isnan(value) else "INFINITY" if value > 0 else "-INFINITY"
    # C99 has hexadecimal floats, so that the compiler reads the very same bits
    digits, exponent = value.hex().split("p")
    return f"{digits.rstrip('0').rstrip('.')}p{exponent}" + ("f" if kind == "float" else "")


def _character(byte: int) -> str:
    if chr(byte) in '"\\?':
        return "\\" + chr(byte)
    # three octal digits end by themselves; a hexadecimal escape would go on into what follows
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"


def _taken(name: str) -> bool:
    return name in _TAKEN or name.endswith("_test")  # NAME_test.c is a self-test


def _freed(name: str) -> str:
    return f"{name[: LONGEST - len(_FALLBACK) - 1].strip('_')}_{_FALLBACK}"
