"""Calls in threads: compiled loops release the interpreter lock, so that they use all cores."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from rlnas.validation import check_count


class Threads:
    """A number of threads that share calls, of which the caller is one.

    Args:
        number: number of threads; by default that of the processors.
        most: the largest number that is of use.

    Raises:
        InputError: the number is no whole number from 1.
    """

    def __init__(self, number: int | None, most: int):
        if number is not None:
            number = check_count("num_threads", number)
        self.number = min(number or os.cpu_count() or 1, most)
        self._others = ThreadPoolExecutor(max(self.number - 1, 1), thread_name_prefix="rlnas")

    def run(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        """Results of the calls, in their order; each thread takes the next one when it is free.

        The first exception is raised once all have ended: a caller who goes on after it must find
        no environment still moving.
        """
        results: list[Any] = [None] * len(calls)
        errors: dict[int, BaseException] = {}
        left = iter(list(enumerate(calls)))  # which threads may share, unlike a generator
        helpers = min(self.number, len(calls)) - 1
        futures = [self._others.submit(_work, left, results, errors) for _ in range(helpers)]
        _work(left, results, errors)
        wait(futures)
        if errors:
            raise errors[min(errors)]
        return results

    def shutdown(self) -> None:
        """End the threads; may be called twice."""
        self._others.shutdown()


def _work(
    left: Iterator[tuple[int, Callable[[], Any]]],
    results: list[Any],
    errors: dict[int, BaseException],
) -> None:
    """Carry out calls as long as there are any."""
    for place, call in left:
        try:
            results[place] = call()
        except BaseException as error:
            errors[place] = error
            if not isinstance(error, Exception):  # an interrupt: no thread is to begin another call
                deque(left, maxlen=0)
