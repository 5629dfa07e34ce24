"""The benchmark of design policies: the protocol, playing, scores, submissions and rivals."""

from rlnas.agents.benchmark.checking import check
from rlnas.agents.benchmark.evaluating import evaluate
from rlnas.agents.benchmark.playing import CallablePlayer, Episode, Played, Player, View, play
from rlnas.agents.benchmark.protocol import Protocol
from rlnas.agents.benchmark.submission import (
    About,
    Submission,
    read_submission,
    write_submission,
)

__all__ = [
    "About",
    "CallablePlayer",
    "Episode",
    "Played",
    "Player",
    "Protocol",
    "Submission",
    "View",
    "check",
    "evaluate",
    "play",
    "read_submission",
    "write_submission",
]
