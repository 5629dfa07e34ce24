"""Workers that step environments, wherever they are; one that is lost is replaced.

With every answer a worker reports the moment that each of its environments is in. When it is lost,
another one plays these episodes again, to the same bits, and is asked the same question.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from rlnas.agents.distributed.worker import Answer, Past, Question
from rlnas.envs.replay import Moment
from rlnas.errors import InputError

ATTEMPTS = 5
"""Workers that may be lost, one after the other, over the same question."""

_log = logging.getLogger(__name__)


class Lost(Exception):
    """A worker will not answer; the message says why."""


class RemoteWorker(Protocol):
    """A `Worker` in another process."""

    def ask(self, question: Question) -> None:
        """Send a question, and do not wait."""

    def answer(self, attempt: int) -> Answer:
        """Wait for the answer to the question.

        Args:
            attempt: how many workers were lost over this question.

        Raises:
            Lost: there will be none.
            Exception: that which answering raised.
        """

    def end(self) -> None:
        """End the process."""


class Plan(NamedTuple):
    """How environments are spread over workers, and how these are started.

    Attributes:
        parts: numbers of the environments of each worker; neighbours are together.
        start: starts a worker for the environments with some numbers, of which something is known;
            or, if the last argument is true, one in the place of another. It does not wait.
        kind: what such a worker is called in messages.
    """

    parts: list[list[int]]
    start: Callable[[list[int], list[Past], bool], RemoteWorker]
    kind: str


def even_parts(num_envs: int, num_workers: int) -> list[list[int]]:
    """Numbers of the environments of each worker, as many for each as can be."""
    return [part.tolist() for part in np.array_split(np.arange(num_envs), num_workers)]


class WorkerPool:
    """Workers, of which a lost one is replaced by one that continues its episodes.

    Args:
        plan: the workers.
    """

    def __init__(self, plan: Plan):
        self.parts, self.start, self.kind = plan
        self.pasts = [Past(None, {}) for part in self.parts for _ in part]
        self.workers = [self._started(part, False) for part in self.parts]
        self.asked: list[Question | None] = [None] * len(self.parts)

    @property
    def moments(self) -> list[Moment]:
        """The moment that each environment is in, as the workers have reported it."""
        return [past.moment for past in self.pasts if past.moment is not None]

    def ask(self, questions: Sequence[Question]) -> list[Any]:
        """The results of the questions, one for each worker."""
        self.send(questions)
        return self.receive()

    def send(self, questions: Sequence[Question]) -> None:
        """Ask each worker a question, and do not wait."""
        for number, question in enumerate(questions):
            if self.asked[number] is not None:  # an interrupt: nobody took its answer
                self._replace(number)
            self.asked[number] = question
            self.workers[number].ask(question)

    def receive(self) -> list[Any]:
        """Wait for the results, in order, and remember the moments of the environments.

        The first exception is raised once all have answered.

        Raises:
            InputError: too many workers were lost.
        """
        outcomes = [self._outcome(number) for number in range(len(self.parts))]
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        return [outcome.value for outcome in outcomes if isinstance(outcome, Answer)]

    def remember(self, name: str, value: Any, numbers: Iterable[int]) -> None:
        """Note an attribute that is set of some of the environments, for their next worker."""
        for number in numbers:
            self.pasts[number].attributes[name] = value

    def close(self) -> None:
        """End the workers."""
        for worker in self.workers:
            worker.end()

    def _started(self, part: list[int], again: bool) -> RemoteWorker:
        return self.start(part, [self.pasts[index] for index in part], again)

    def _replace(self, number: int) -> None:
        self.workers[number].end()
        self.workers[number] = self._started(self.parts[number], True)

    def _outcome(self, number: int) -> Answer | Exception:
        """The answer of a worker, or the exception that it raised."""
        try:
            answer = self._answer(number)
        except Exception as error:
            return error
        for index, (state, best) in zip(self.parts[number], answer.moments, strict=True):
            moment, attributes = self.pasts[index]
            if best is None and moment is not None:
                best = moment.best
            self.pasts[index] = Past(Moment(state, best), attributes)
        return answer

    def _answer(self, number: int) -> Answer:
        """The answer of a worker; one that is lost is replaced and asked the same."""
        question = self.asked[number]
        assert question is not None
        for attempt in range(ATTEMPTS):
            try:
                answer = self.workers[number].answer(attempt)
            except Lost as error:
                cause = str(error)
            except Exception:
                self.asked[number] = None
                raise
            else:
                self.asked[number] = None
                return answer
            _log.warning(
                "%s %d was lost (%s): another one plays its episodes again",
                *(self.kind, number, cause),
            )
            self._replace(number)
            self.workers[number].ask(question)
        raise InputError(
            f"{ATTEMPTS} times a {self.kind} was lost over one step, the last time by {cause}"
        )
