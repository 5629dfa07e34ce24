"""Checking a submission: every episode is played again from its actions, and compared."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rlnas.agents.benchmark.evaluating import scored
from rlnas.agents.benchmark.playing import Episode, Played, View, play
from rlnas.agents.benchmark.rivals.lists import look_up_lists
from rlnas.agents.benchmark.submission import Submission
from rlnas.errors import InputError
from rlnas.family.family_file import Family
from rlnas.family.table import TaskTable
from rlnas.files.reading import sha256_of

TOLERANCE = 1e-9
"""Largest difference that another machine may make."""


def check(submission: Submission, family: Family) -> None:
    """Check that a submission is whole, and that its episodes give what it says.

    It is not checked who chose the actions, nor on what.

    Args:
        submission: The submission.
        family: The tables that it was made with.

    Raises:
        InputError: It was made with other tables, has other tasks than the split of its protocol,
            or says something else than its episodes give.
    """
    protocol = submission.protocol
    if submission.family != (found := sha256_of(family.path)):
        raise InputError(
            f"the result was made with another family of tasks, with SHA-256 "
            f"{submission.family[:12]}…: expected {found[:12]}…, that of {family.path}"
        )
    tables = protocol.tables(family)
    names = tuple(table.task.name for table in tables)
    if outside := [name for name in submission.tasks if name not in names]:
        raise InputError(
            f"the result has the task {outside[0]!r}, which is not in the split '{protocol.split}'"
        )
    if missing := [name for name in names if name not in submission.tasks]:
        raise InputError(
            f"the result lacks {len(missing)} of the {len(names)} tasks of the split "
            f"'{protocol.split}', such as {missing[0]!r}: expected all"
        )
    if submission.tasks != names:
        raise InputError("the tasks of the result are in another order: expected the family's")
    given = submission.played
    again = _again(tables, submission)
    for what in ("anytime", "final", "spent"):
        _check_same(what, getattr(given, what), getattr(again, what), submission.episodes)
    redone = scored(again, family, submission.about, protocol)
    for what in ("anytime", "final"):
        wrong = np.abs(getattr(submission, what) - getattr(redone, what)).max(axis=1) > TOLERANCE
        if wrong.any():
            place = int(wrong.argmax())
            raise InputError(
                f"the {what} scores of the task {names[place]!r} are not what its episodes give: "
                f"{getattr(submission, what)[place].mean():.6f} on average, expected "
                f"{getattr(redone, what)[place].mean():.6f}"
            )
    if submission.axes != redone.axes:
        raise InputError("the axes of the tasks are not those of the family")


def _again(tables: Sequence[TaskTable], submission: Submission) -> Played:
    """What the moves of a submission give.

    Raises:
        InputError: An episode is over before its last move, or goes on after it.
    """
    episodes, given = submission.episodes, submission.played
    if given.designs:
        again = look_up_lists(tables, episodes, given.actions)
    else:
        player = _Recorded(episodes, given.actions)
        again = play(tables, episodes, player, submission.protocol.episode_steps)
    for episode, moves, done in zip(episodes, given.actions, again.actions, strict=True):
        if moves != done:
            raise InputError(
                f"the episode {_named(episode)} has {len(moves)} moves, of which the rules allow "
                f"{len(done)}"
            )
    return again


class _Recorded:
    """A player that repeats what was recorded.

    Args:
        episodes: The episodes, for messages.
        actions: The actions of each.
    """

    def __init__(self, episodes: Sequence[Episode], actions: Sequence[list[int]]):
        self.episodes, self.actions = episodes, actions

    def begin(self, n: int) -> None:
        """From the first action."""
        self._step = 0

    def act(self, view: View) -> NDArray[np.int64]:
        """The next action of each episode.

        Raises:
            InputError: There are no more.
        """
        found = np.zeros(view.running.size, np.int64)
        for place in np.flatnonzero(view.running).tolist():
            if self._step >= len(self.actions[place]):
                raise InputError(
                    f"the episode {_named(self.episodes[place])} goes on after its "
                    f"{self._step} actions: expected all of them"
                )
            found[place] = self.actions[place][self._step]
        self._step += 1
        return found


def _check_same(
    what: str,
    given: NDArray[np.float64],
    again: NDArray[np.float64],
    episodes: Sequence[Episode],
) -> None:
    wrong = np.abs(given - again) > TOLERANCE
    if wrong.any():
        place = int(wrong.argmax())
        raise InputError(
            f"{int(wrong.sum())} episodes do not give what the result says, such as "
            f"{_named(episodes[place])}: {what} {given[place]:.6f}, expected {again[place]:.6f}"
        )


def _named(episode: Episode) -> str:
    return (
        f"of {episode.task!r} with seed {episode.seed}, penalty {episode.penalty:g} and budget "
        f"{episode.budget:g}"
    )
