"""Many independent runs side by side, each kept in a file, so that the same call again goes on."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
from tqdm import tqdm

from rlnas.errors import InputError
from rlnas.files import holds_nothing, locked, read_json, write_json


def run_all(
    function: Callable[..., Any],
    calls: Mapping[Path, Sequence[Any]],
    unit: str,
    n_jobs: int = -1,
    progress_bar: bool = True,
) -> list[Any]:
    """Call a function for every file that is not there yet, and write what it returns.

    The work runs in joblib's current backend.

    Args:
        function: returns JSON values.
        calls: for each file the arguments of the call whose result it holds; all in one folder.
        unit: what the progress bar counts.
        n_jobs: workers; -1 for as many as there are processors.
        progress_bar: show one.

    Returns:
        The content of every file, in the order of `calls`.

    Raises:
        InputError: a file cannot be written or read, or another process is working on the folder.
    """
    with locked(next(iter(calls)).parent):
        missing = [path for path in calls if not path.is_file()]
        parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")
        done = parallel(joblib.delayed(_with_path)(path, function, calls[path]) for path in missing)
        with tqdm(
            total=len(calls), initial=len(calls) - len(missing), unit=unit, disable=not progress_bar
        ) as bar:
            for path, result in done:
                write_json(path, result)
                bar.update()
        return [read_json(path) for path in calls]


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
    if (there := read_json(path)) != task:
        raise InputError(f"{folder} holds results of another task, {there}: give another folder")


def _with_path(
    path: Path, function: Callable[..., Any], arguments: Sequence[Any]
) -> tuple[Path, Any]:
    return path, function(*arguments)
