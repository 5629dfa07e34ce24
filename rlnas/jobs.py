"""Many independent runs side by side, each kept in a file, so that the same call again goes on.

A file is named after what its result came from, and says so inside. A result of anything else, such
as of data that were under the same path before, is never taken for it.
"""

import json
import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from reprlib import repr as brief
from typing import Any, NamedTuple

import joblib

from rlnas.errors import InputError
from rlnas.files.folders import holds_nothing, locked
from rlnas.files.json_files import read_json, write_json
from rlnas.files.json_schema import Schema, check_schema, record
from rlnas.progress import progress


class Call(NamedTuple):
    """One of the runs.

    Attributes:
        label: how its file's name begins.
        key: all that its result depends on, as JSON values: the fingerprint of its data, settings.
        arguments: of the function.
        form: of its result.
    """

    label: str
    key: dict[str, Any]
    arguments: tuple[Any, ...]
    form: Schema

    @property
    def name(self) -> str:
        """Of its file, without the suffix; another one for another key."""
        digest = sha256(json.dumps(self.key, sort_keys=True).encode()).hexdigest()
        return f"{re.sub('[^A-Za-z0-9.+-]', '_', self.label)[-80:]}-{digest[:12]}"


def run_all(
    function: Callable[..., Any],
    folder: Path,
    calls: Sequence[Call],
    unit: str,
    n_jobs: int = -1,
    progress_bar: bool = True,
) -> list[Any]:
    """Call a function for every result that is not there yet, and write what it returns.

    The work runs in joblib's current backend.

    Args:
        function: returns JSON values.
        folder: for the results, a file for each.
        calls: what to call it with.
        unit: what the progress bar counts.
        n_jobs: workers; -1 for as many as there are processors.
        progress_bar: show one.

    Returns:
        The result of every call, in their order.

    Raises:
        InputError: a file cannot be written or read, or is damaged; or another process is working
            on the folder.
    """
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


def own_folder(folder: Path, task: dict[str, Any]) -> None:
    """Note the task in a new folder.

    Args:
        folder: for results.
        task: what they are of, JSON values.

    Raises:
        InputError: the folder holds anything else than results of this task, or another process
            is working on it.
    """
    path = folder / "task.json"
    if not path.is_file():
        if folder.is_dir() and not holds_nothing(folder):
            raise InputError(f"{folder} is not empty and holds no comparison: give another folder")
        with locked(folder):
            if not path.is_file():  # no other process was faster
                write_json(path, task)
    there, here = read_json(path), _as_read(task)
    if not isinstance(there, dict):
        raise InputError(f"{path} is damaged: expected an object, give another folder")
    others = [key for key in {**here, **there} if there.get(key) != here.get(key)]
    if others:
        told = (f"{key} is {brief(there.get(key))}, not {brief(here.get(key))}" for key in others)
        raise InputError(
            f"{folder} holds results of another task, whose {'; '.join(told)}: give another folder"
        )


def _read(path: Path, call: Call) -> Any:
    """The result of a call; None if the file is not there, or holds that of another call.

    Raises:
        InputError: the file cannot be read, or is damaged.
    """
    if not path.exists():
        return None
    try:
        found = read_json(path)
        if isinstance(found, dict) and "key" in found and found["key"] != _as_read(call.key):
            return None
        check_schema(found, record(key={}, result=call.form))
    except ValueError as error:
        told = str(error) if isinstance(error, InputError) else f"{path} is damaged: {error}"
        raise InputError(f"{told}; delete it, and the same command computes it anew") from error
    return found["result"]


def _as_read(value: Any) -> Any:
    """A JSON value as it comes back from a file."""
    return json.loads(json.dumps(value))


def _with_path(
    path: Path, function: Callable[..., Any], arguments: Sequence[Any]
) -> tuple[Path, Any]:
    return path, function(*arguments)
