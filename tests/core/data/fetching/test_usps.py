"""USPS: texts of grey values become verified IDX files."""

import gzip
import hashlib
import io
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from rlnas.data import idx
from rlnas.data.fetching import download, usps
from rlnas.errors import InputError
from tests.core.tiny_idx import names_in

pytestmark = pytest.mark.usefixtures("cache")

SITES = ("https://first.invalid/", "https://second.invalid/")
STEPS = np.arange(2001)
"""Every published grey value is one of these, times 0.001, less 1."""


def text_of(digits: list[int], steps: np.ndarray) -> bytes:
    """Samples as they are published."""
    rows = ([f"{digit}.0000", *(f"{s / 1000 - 1:.4f}" for s in row)] for digit, row in
            zip(digits, steps, strict=True))  # fmt: skip
    return "".join(" ".join(row) + " \n" for row in rows).encode()


def nearest(step: int) -> int:
    """The 8-bit grey value nearest to a published one, in exact arithmetic; of two, the higher."""
    return int(Fraction(step, 2000) * 255 + Fraction(1, 2))


RANDOM = np.random.default_rng(0)
TRAIN, TEST = RANDOM.integers(0, 2001, (6, 256)), RANDOM.integers(0, 2001, (3, 256))
TEXTS = {
    "zip.train.gz": text_of([3, 1, 4, 1, 5, 9], TRAIN),
    "zip.test.gz": text_of([2, 6, 5], TEST),
}


def tiny_usps() -> tuple[idx.IdxSet, dict[str, bytes]]:
    """A set that is made of `TEXTS`, and its files' bytes."""
    pixels = [bytes(nearest(s) for s in steps.ravel()) for steps in (TRAIN, TEST)]
    contents = [pixels[0], bytes([3, 1, 4, 1, 5, 9]), pixels[1], bytes([2, 6, 5])]
    files, raws = [], {}
    for published, content in zip(idx.SETS["mnist"].files, contents, strict=True):
        n = 6 if "train" in published.name else 3
        file = replace(published, shape=(n, 16, 16)[: len(published.shape)])
        raws[file.name] = file.header + content
        files.append(replace(file, sha256=hashlib.sha256(raws[file.name]).hexdigest()))
    return idx.IdxSet("usps", "USPS", ("usps",), tuple(files), texts=SITES), raws


@pytest.fixture
def web(monkeypatch) -> dict[str, bytes]:
    """What the sites answer by address; a tiny set in place of the published one."""
    answers: dict[str, bytes] = {}

    def answer(url: str, size: int, progress_bar: bool) -> io.BytesIO:
        if url not in answers:
            raise InputError("no connection")
        return io.BytesIO(answers[url])

    monkeypatch.setitem(idx.SETS, "usps", tiny_usps()[0])
    monkeypatch.setattr(usps, "download", answer)
    return answers


def test_every_published_grey_value_becomes_the_nearest_of_256():
    rows = np.resize(STEPS, (8, 256))
    images, digits = usps.parse(text_of(list(range(8)), rows), "text")
    assert images.dtype == digits.dtype == np.uint8
    assert images.ravel().tolist() == [nearest(step) for step in rows.ravel()]
    assert digits.tolist() == list(range(8))
    assert [nearest(step) for step in (0, 1000, 2000)] == [0, 128, 255]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"<html>log in to the network</html>", "zip.train.gz is no text of grey values"),
        (TEXTS["zip.train.gz"] + b"6.0 1.0\n", "zip.train.gz is no text of grey values"),
        (b"6.0 1.0\n", "zip.train.gz has 2 numbers in a line, expected 257"),
    ],
)
def test_what_is_no_text_of_grey_values_is_refused(text, message):
    with pytest.raises(InputError, match=message):
        usps.parse(text, "zip.train.gz")


@pytest.mark.parametrize("packed", [False, True])
def test_fetch_stores_idx_files_that_read_then_finds(web, cache, packed):
    web.update({SITES[0] + name: gzip.compress(t) if packed else t for name, t in TEXTS.items()})
    assert download.fetch("usps") == cache / "usps"
    contents = tiny_usps()[1]
    assert {n: (cache / "usps" / n).read_bytes() for n in names_in(cache / "usps")} == contents
    assert [len(array) for array in idx.read("usps")] == [6, 6, 3, 3]


def test_a_missing_text_is_taken_from_the_next_site(web, cache):
    web[f"{SITES[0]}zip.train.gz"] = TEXTS["zip.train.gz"]
    web[f"{SITES[1]}zip.test.gz"] = TEXTS["zip.test.gz"]  # alone, since the rest is there
    download.fetch("usps")
    assert names_in(cache / "usps") == sorted(tiny_usps()[1])


def test_other_samples_are_refused_and_not_stored(web, cache):
    web.update({SITES[0] + name: TEXTS["zip.test.gz"] for name in TEXTS})
    web[f"{SITES[1]}zip.train.gz"] = text_of([3, 1, 4, 1, 5, 8], TRAIN)
    with pytest.raises(InputError, match="USPS could not be fetched: try later") as caught:
        download.fetch("usps")
    assert f"{SITES[0]}: train-images-idx3-ubyte has dimensions" not in str(caught.value)
    assert "train-labels-idx1-ubyte is not the published USPS file" in str(caught.value)
    assert names_in(cache / "usps") == ["train-images-idx3-ubyte"]
