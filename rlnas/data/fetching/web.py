"""Downloading one file of known size from the web."""

import io
from typing import IO, Any

from rlnas.errors import InputError
from rlnas.progress import on_terminal, progress

_TIMEOUT = 10  # seconds without a sign of life from a server


class _Bounded(io.BytesIO):
    """A buffer that aborts a download of more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > self.limit:
            raise InputError("the server sends more bytes than the file has")
        return super().write(data)


def download(url: str, size: int, progress_bar: bool = True) -> IO[bytes]:
    """The content of a file on the web, which is not verified.

    Args:
        url: Its address.
        size: Its length in bytes; a download that becomes longer than compression explains is
            aborted.
        progress_bar: Whether to show progress on a terminal.

    Raises:
        InputError: If there is no connection, or the server sends too much.
        OSError: If the server answers with an error, or no longer.
    """
    import pooch  # both here, since they take 100 ms to import
    import requests  # what pooch downloads with

    buffer = _Bounded(size + 1024)  # compression can lengthen a file, by a few bytes
    shown = progress_bar and on_terminal()  # elsewhere the log has a line for every file
    with progress(shown, total=size, unit="B", unit_scale=True) as bar:
        download = pooch.HTTPDownloader(progressbar=bar, chunk_size=65536, timeout=_TIMEOUT)
        try:
            download(url, buffer, None)
        except requests.ConnectionError as error:
            raise InputError("no connection") from error
    buffer.seek(0)
    return buffer
