"""Calls in threads: results in order, every call once, and what an error or an interrupt leaves."""

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from rlnas.parallel.threads import Threads


@pytest.fixture(params=[1, 2, 3, 8])
def threads(request) -> Iterator[Threads]:
    made = Threads(request.param, 8)
    yield made
    made.shutdown()


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_results_are_in_the_order_of_the_calls_again_and_again(threads, count):
    for _ in range(3):
        assert threads.run([partial(pow, number, 2) for number in range(count)]) == [
            number**2 for number in range(count)
        ]


def test_every_call_is_made_once(threads):
    seen: list[int] = []
    threads.run([partial(seen.append, number) for number in range(200)])
    assert sorted(seen) == list(range(200))


def test_calls_run_at_the_same_time():
    both = threading.Barrier(2, timeout=20)  # which one thread alone would never pass
    threads = Threads(2, 2)
    threads.run([both.wait, both.wait])
    threads.shutdown()


@pytest.mark.parametrize(("number", "most", "used"), [(3, 2, 2), (2, 3, 2), (1, 9, 1)])
def test_there_are_no_more_threads_than_are_of_use(number, most, used):
    threads = Threads(number, most)
    assert threads.number == used
    threads.shutdown()


def raising(error: BaseException) -> Callable[[], None]:
    def call() -> None:
        raise error

    return call


def test_the_first_error_is_raised_once_all_calls_have_ended(threads):
    seen: list[int] = []
    calls = [partial(seen.append, number) for number in range(20)]
    calls[5:5] = [raising(ValueError("first")), raising(KeyError("second"))]
    with pytest.raises(ValueError, match="first"):
        threads.run(calls)
    assert sorted(seen) == list(range(20))
    assert threads.run([int]) == [0], "the threads are still there"


def test_after_an_interrupt_no_further_call_is_begun():
    seen: list[int] = []
    threads = Threads(1, 1)
    with pytest.raises(KeyboardInterrupt):
        threads.run([int, raising(KeyboardInterrupt()), partial(seen.append, 0)])
    assert seen == []
    threads.shutdown()
