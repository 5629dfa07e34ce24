"""Resumable jobs: independent calls in parallel, each result in a file, so that a rerun goes on.

The name of a file contains a hash of all that its result depends on, and the file repeats it. So
the result of anything else, such as of other data that were under the same path before, is never
mistaken for it.
"""

import json
import re
import signal
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import starmap
from multiprocessing import parent_process
from pathlib import Path
from reprlib import repr as brief
from typing import Any, NamedTuple, TypeVar

import joblib

from rlnas.errors import InputError
from rlnas.files.folders import holds_nothing, locked
from rlnas.files.json_files import read_json, write_json
from rlnas.files.json_schema import Schema, check_schema, record
from rlnas.progress import progress
from rlnas.validation import check_jobs

Result = TypeVar("Result")
"""A JSON value; of `in_order`, anything."""


class Call(NamedTuple):
    """One job: the arguments of a function, and what identifies its result.

    Attributes:
        label: Beginning of the file's name.
        key: Everything that the result depends on, such as settings and the fingerprint of the
            data, as JSON values.
        arguments: Positional arguments of the function.
        schema: JSON schema of the result.
    """

    label: str
    key: dict[str, Any]
    arguments: tuple[Any, ...]
    schema: Schema

    @property
    def name(self) -> str:
        """Name of the file without its suffix, different for every key."""
        digest = sha256(json.dumps(self.key, sort_keys=True).encode()).hexdigest()
        return f"{re.sub('[^A-Za-z0-9.+-]', '_', self.label)[-80:]}-{digest[:12]}"


def run_all(
    function: Callable[..., Result],
    folder: Path,
    calls: Sequence[Call],
    unit: str,
    n_jobs: int = -1,
    progress_bar: bool = True,
) -> list[Result]:
    """Make every call whose result is not in the folder yet, and write each result to a file.

    The work runs in joblib's current backend, see `joblib.parallel_config`.

    Args:
        function: Returns JSON values.
        folder: Folder of the results; it is created if it does not exist.
        calls: The calls to make.
        unit: What the progress bar calls one of them.
        n_jobs: Number of workers; -1 for one per processor.
        progress_bar: Whether to show a progress bar.

    Returns:
        The result of every call, in the order of the calls.

    Raises:
        InputError: If there can be no such number of workers, a file cannot be written or read, or
            is damaged; or if another process is working on the folder.
    """
    n_jobs = check_jobs(n_jobs)
    files = {folder / f"{call.name}.json": call for call in calls}
    with locked(folder):
        results = {path: _read(path, call) for path, call in files.items()}
        missing = [path for path, result in results.items() if result is None]
        parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
        done = parallel(
            joblib.delayed(_with_path)(path, function, files[path].arguments) for path in missing
        )
        there = len(files) - len(missing)
        with progress(progress_bar, total=len(files), initial=there, unit=unit) as bar:
            for path, result in done:
                write_json(path, {"key": files[path].key, "result": result})
                results[path] = _read(path, files[path])
                bar.update()
    return [results[folder / f"{call.name}.json"] for call in calls]


def in_order(
    function: Callable[..., Result], calls: Iterable[tuple[Any, ...]], workers: int
) -> Iterator[Result]:
    """Make calls in processes, without files.

    Args:
        function: What is called.
        calls: Its arguments; those of a call are asked for when a worker is free.
        workers: Number of processes; with 1, calls are made in this one.

    Yields:
        The results in the order of the calls.
    """
    if workers == 1:
        yield from starmap(function, calls)
        return
    parallel = joblib.Parallel(
        workers, return_as="generator", pre_dispatch=workers, batch_size=1, max_nbytes=None
    )
    results = parallel(joblib.delayed(_undisturbed)(function, each) for each in calls)
    try:
        for result in results:  # noqa: UP028 - `yield from` would close them with a warning
            yield result
    finally:
        with warnings.catch_warnings():
            # Whoever stops asking for results knows that the calls under way are lost.
            warnings.filterwarnings("ignore", ".*adjusting the input task iterator")
            results.close()


def _undisturbed(function: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
    """Call a function in a worker, which leaves an interrupt to the process that waits for it."""
    if parent_process() is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return function(*arguments)


def own_folder(folder: Path, task: dict[str, Any]) -> None:
    """Write the task to a new folder, or check that the folder belongs to the same task.

    Args:
        folder: Folder of the results; it is created if it does not exist.
        task: What is computed there, as JSON values.

    Raises:
        InputError: If the folder holds anything but results of this task, or another process is
            working on it.
    """
    path = folder / "task.json"
    if not path.is_file():
        if folder.exists() and not folder.is_dir():
            raise InputError(f"cannot write to {folder}: it is no folder, choose another")
        if folder.is_dir() and not holds_nothing(folder):
            raise InputError(
                f"{folder} is not empty and holds no results to go on from: give another folder"
            )
        with locked(folder):
            if not path.is_file():  # no other process was faster
                write_json(path, task)
    there, here = read_json(path), _as_read(task)
    if not isinstance(there, dict):
        raise InputError(f"{path} is damaged: expected an object, give another folder")
    others = [key for key in {**here, **there} if there.get(key) != here.get(key)]
    if others:
        differences = "; ".join(
            f"{key} is {brief(there.get(key))}, not {brief(here.get(key))}" for key in others
        )
        raise InputError(
            f"{folder} holds results of another task, whose {differences}: give another folder"
        )


def _read(path: Path, call: Call) -> Any:
    """The result of a call; None if the file does not exist, or holds the result of another call.

    Raises:
        InputError: If the file cannot be read, or is damaged.
    """
    if not path.exists():
        return None
    try:
        found = read_json(path)
        if isinstance(found, dict) and "key" in found and found["key"] != _as_read(call.key):
            return None
        check_schema(found, record(key={}, result=call.schema))
    except ValueError as error:
        reason = str(error) if isinstance(error, InputError) else f"{path} is damaged: {error}"
        raise InputError(f"{reason}; delete it, and the same command computes it anew") from error
    return found["result"]


def _as_read(value: Any) -> Any:
    """A JSON value as it comes back from a file."""
    return json.loads(json.dumps(value))


def _with_path(
    path: Path, function: Callable[..., Result], arguments: Sequence[Any]
) -> tuple[Path, Result]:
    return path, function(*arguments)
