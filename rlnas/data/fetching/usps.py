"""USPS, as the page of *The Elements of Statistical Learning* has it: texts, made into IDX files.

A line is a digit and its 16 x 16 grey values, row by row, from -1 to 1 in steps of 0.001. They are
rounded to 8 bits, 0 for -1 and 255 for 1, which is what most programs keep of them.
"""

import io
from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np

from rlnas.data.fetching.web import download
from rlnas.data.idx import IdxFile, Images, Labels, inflate
from rlnas.errors import InputError

TEXTS = {"zip.train.gz": "train-", "zip.test.gz": "t10k-"}
"""The published texts, and what the names of the IDX files begin with that are made of each."""

_LONGEST = 16_000_000  # bytes; the training samples are 14.5 million


def idx_files(
    site: str, progress_bar: bool, files: Sequence[IdxFile]
) -> Iterator[tuple[IdxFile, IO[bytes]]]:
    """Download texts and make IDX files of them, which are not verified.

    Args:
        site: Address below which the texts are.
        progress_bar: Whether to show progress on a terminal.
        files: The IDX files to make.

    Raises:
        InputError: If there is no connection, or what comes is no such text.
        OSError: If the server answers with an error, or no longer.
    """
    for text, prefix in TEXTS.items():
        wanted = [file for file in files if file.name.startswith(prefix)]
        if wanted:
            stream = download(f"{site}{text}", _LONGEST, progress_bar)
            images, labels = parse(inflate(stream, _LONGEST, text), text)
            for file in wanted:
                values = images if len(file.shape) > 1 else labels
                yield file, io.BytesIO(file.header + values.tobytes())


def parse(text: bytes, label: str) -> tuple[Images, Labels]:
    """The images and digits of a text.

    Args:
        text: Lines of 257 numbers.
        label: What the text is called in messages.

    Returns:
        Images, uint8 `[samples, 256]`; digits, uint8 `[samples]`.

    Raises:
        InputError: If a line is something else.
    """
    try:
        table = np.loadtxt(io.BytesIO(text), ndmin=2)
    except ValueError as error:
        raise InputError(f"{label} is no text of grey values: {error}") from None
    if table.shape[1] != 257:
        raise InputError(f"{label} has {table.shape[1]} numbers in a line, expected 257")
    # From 0 to 2000, so that ties are exact.
    steps = np.rint(table[:, 1:] * 1000).astype(np.int64) + 1000
    images = (steps * 255 + 1000) // 2000
    return images.astype(np.uint8), table[:, 0].astype(np.uint8)
