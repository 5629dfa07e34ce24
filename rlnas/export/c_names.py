"""Names in C code: prefixes that make the symbols and files of a network unique, and strings."""

import re
import unicodedata

from rlnas.errors import InputError

LONGEST = 40
"""Largest length of a name; C99 distinguishes 63 characters, which include a suffix."""

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
    plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode()
    name = "_".join(re.findall("[a-z0-9]+", plain.lower()))
    if not name[:1].isalpha():
        name = f"{_FALLBACK}_{name}"
    name = name[: LONGEST - len(_FALLBACK) - 1].strip("_")  # room for what sets it apart
    return check_name(_freed(name) if _taken(name) else name)


def string_literal(text: str) -> str:
    """Any text as a C string literal in UTF-8, with everything escaped that a compiler might alter.

    A question mark is escaped because two of them begin a trigraph.
    """
    encoded = text.encode("utf-8", "backslashreplace")
    return '"' + "".join(_character(byte) for byte in encoded) + '"'


def _character(byte: int) -> str:
    if chr(byte) in '"\\?':
        return "\\" + chr(byte)
    # three octal digits end by themselves; a hexadecimal escape would go on into what follows
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"


def _taken(name: str) -> bool:
    return name in _TAKEN or name.endswith("_test")  # NAME_test.c is a self-test


def _freed(name: str) -> str:
    return f"{name[: LONGEST - len(_FALLBACK) - 1].strip('_')}_{_FALLBACK}"
