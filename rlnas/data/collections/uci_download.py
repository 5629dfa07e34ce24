"""The UCI tables from the files of a collection on GitHub."""

import gzip
import hashlib
import logging
from pathlib import Path

from rlnas.data.collections import uci
from rlnas.data.collections.stored import encoded, missing, write
from rlnas.data.fetching.web import download
from rlnas.errors import InputError
from rlnas.files.reading import read_bytes

_log = logging.getLogger("rlnas")


def fetch_into(folder: Path, progress_bar: bool = True) -> None:
    """Write the CSV file of every table that is absent or damaged into a folder.

    A published file is the one in the folder if there is one, otherwise it is downloaded.

    Args:
        folder: An existing folder.
        progress_bar: Whether to show progress.

    Raises:
        InputError: If a published file cannot be downloaded or is not the published one, or a file
            cannot be written.
    """
    wanted = missing(uci.TABLES, folder)
    if not wanted:
        return
    _log.info("fetching the UCI tables from %s", uci.REPOSITORY)
    write(wanted, lambda table: _csv(table, _packed(table, folder)), folder, progress_bar)
    _log.info("the %d UCI tables are complete and verified", len(uci.TABLES))


def _packed(table: uci.UciTable, folder: Path) -> bytes:
    """The published file of a table, verified."""
    path = folder / table.packed_name
    if path.is_file():
        packed = read_bytes(path)
        if not _is_published(table, packed):
            raise InputError(
                f"{path} is not the published file, its SHA-256 differs: delete it and fetch again"
            )
        return packed
    try:
        packed = download(table.address, table.packed_size, progress_bar=False).read()
    except (OSError, InputError) as error:
        raise InputError(_by_hand(table, str(error), folder)) from error
    if not _is_published(table, packed):
        why = "what the server sent is not the published file, its SHA-256 differs"
        raise InputError(_by_hand(table, why, folder))
    return packed


def _is_published(table: uci.UciTable, packed: bytes) -> bool:
    return hashlib.sha256(packed).hexdigest() == table.packed_sha256


def _by_hand(table: uci.UciTable, reason: str, folder: Path) -> str:
    return (
        f"uci:{table.name} could not be downloaded ({' '.join(reason.split())[:200]}): try again, "
        f"or get {table.address} on another computer, put it into {folder} as "
        f"{table.packed_name}, all others likewise, and run `rlnas data fetch uci` again"
    )


def _csv(table: uci.UciTable, packed: bytes) -> bytes:
    """The CSV file of a table.

    Raises:
        InputError: If the result is not the published table.
    """
    rows = (line.split(b",") for line in gzip.decompress(packed).splitlines())
    return encoded(table, uci.TARGET, rows)
