"""Hostile files: whatever the bytes, a reader gives a clean load or one clear error.

`make fuzz` mutates 10,000 files for each reader (`RLNAS_FUZZ`).
"""

import gzip
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlnas import plots
from rlnas.agents.designing.design import design
from rlnas.agents.policies.policy import load_policy
from rlnas.agents.policies.run_config import read_train_config
from rlnas.agents.reports.report import write_report
from rlnas.agents.training.checkpoint import FOLDER
from rlnas.agents.training.ppo import restored, train
from rlnas.data import idx, loading
from rlnas.designs.database import FILE, DesignDatabase
from rlnas.designs.saved import load_design
from rlnas.errors import InputError
from rlnas.frames.reading import read_frame
from rlnas.tabular.table import Table
from tests.agents.helpers import tiny
from tests.core.tables import random_table
from tests.core.tiny_idx import IMAGES, SET, store

FILES = int(os.environ.get("RLNAS_FUZZ", "40"))
"""Mutated for each reader."""

MEMORY = 2**28
"""Bytes that reading a file of some kilobytes may take beyond what the process has."""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return train(tiny(tmp_path_factory.mktemp("fuzz") / "run"), progress_bar=False)


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes changed, numbers in text changed, a part cut out, doubled, or the end cut off."""
    found = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        if not found:
            return bytes(found)
        # Headers, where files say how large they are, are at the beginning or at the end.
        place = int(len(found) * (rng.random() ** 3))
        if rng.random() < 0.2:
            place = len(found) - 1 - place
        match rng.integers(6):
            case 0:
                found[place] = int(rng.integers(256))
            case 1:
                found[place] ^= 1 << int(rng.integers(8))
            case 2:
                del found[place:]
            case 3:
                del found[place : place + int(rng.integers(1, 20))]
            case 4:
                found[place:place] = found[place : place + int(rng.integers(1, 20))]
            case 5:
                digits = [k for k, byte in enumerate(found[:4000]) if 48 <= byte <= 57]
                if digits:
                    found[digits[int(rng.integers(len(digits)))]] = 48 + int(rng.integers(10))
    return bytes(found)


@contextmanager
def limited_memory() -> Iterator[None]:
    """Let allocations fail that would bring the process beyond `MEMORY`."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def read_idx(folder: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(idx.SETS, "mnist", SET)
        return idx.read("mnist", folder / "idx")


def read_npz(folder: Path) -> Any:
    return loading.load_dataset(str(folder / "data.npz"))


def read_network(folder: Path) -> Any:
    network = load_design(folder / "best").network
    network.check()
    return network


def read_checkpoint(folder: Path) -> Any:
    config = read_train_config(folder)
    with restored(config, loading.load_datasets("wine"), folder) as found:
        return found.model


def store_people(folder: Path) -> None:
    """Store a table with texts, quotes, numbers, dates and missing values in every format."""
    polars = pytest.importorskip("polars")
    days = [date(2026, 1, 1 + k % 28) for k in range(80)]
    names = ["Ann", 'Bo "B", jr.', "Zoë\nZ", None] * 20
    people = {"name": names, "age": [*range(79), None], "day": days, "tall": [True, False] * 40}
    frame = polars.DataFrame(people)
    frame.write_csv(folder / "people.csv")
    (folder / "people.csv.gz").write_bytes(
        gzip.compress((folder / "people.csv").read_bytes(), mtime=0)
    )
    frame.write_parquet(folder / "people.parquet")


READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "network": ("best/network.safetensors", read_network),
    "design": ("best/design.json", lambda folder: load_design(folder / "best")),
    "policy weights": ("policy.safetensors", load_policy),
    "policy": ("policy.json", load_policy),
    "configuration": ("config.json", read_train_config),
    "archive": (FILE, lambda folder: DesignDatabase(folder / FILE).best(limit=10**6)),
    "table": ("table.npz", lambda folder: Table.load(folder / "table.npz")),
    "data set": ("data.npz", read_npz),
    "text": ("people.csv", lambda folder: read_frame(folder / "people.csv")),
    "compressed text": ("people.csv.gz", lambda folder: read_frame(folder / "people.csv.gz")),
    "parquet": ("people.parquet", lambda folder: read_frame(folder / "people.parquet")),
    "idx": (f"idx/{IMAGES}.gz", read_idx),
    "report": ("design/design.json", lambda folder: write_report(folder / "design")),
    "checkpoint": (f"{FOLDER}/000000000128.checkpoint", read_checkpoint),
}


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory) -> Path:
    """A copy of a run with files of the other kinds beside it."""
    whole = tmp_path_factory.mktemp("fuzz") / "run"
    shutil.copytree(run, whole)
    random_table().save(whole / "table.npz")
    rng = np.random.default_rng(0)
    np.savez(whole / "data.npz", X=rng.normal(size=(80, 5)), y=rng.integers(3, size=80))
    store_people(whole)
    store(whole / "idx", compress=True)
    design(run, "wine", whole / "design", progress_bar=False)
    for path in sorted((whole / FOLDER).iterdir()):
        if path.name != "000000000128.checkpoint":
            path.unlink()
    return whole


def test_too_large_an_allocation_would_be_noticed():
    with limited_memory(), pytest.raises(MemoryError):
        np.ones(2 * MEMORY, np.uint8)


@pytest.mark.parametrize("name", READERS)
def test_a_mutated_file_is_read_or_refused(name, folder, monkeypatch):
    monkeypatch.setattr(plots, "png", lambda figure: b"")  # takes a second, and reads no file
    file, read = READERS[name]
    path = folder / file
    content = path.read_bytes()
    read(folder)
    rng = np.random.default_rng(len(name))
    loads = 0
    try:
        for _ in range(FILES):
            changed = mutated(content, rng)
            if name == "checkpoint" and rng.random() < 0.8:  # as one who knows the checksum
                rest = changed.partition(b"\n")[2]
                changed = sha256(rest).hexdigest().encode() + b"\n" + rest
            path.write_bytes(changed)
            try:
                with limited_memory():
                    read(folder)
                loads += 1
            except InputError:
                pass  # anything else, also MemoryError, would fail the test
    finally:
        path.write_bytes(content)
    print(f"{name}: {FILES} files, {loads} loaded, {FILES - loads} refused")
