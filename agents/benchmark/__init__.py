"""The benchmark of design policies: the protocol, playing, scores, submissions and rivals."""

from rlnas.agents.benchmark.playing import CallablePlayer, Episode, Played, Player, View, play

__all__ = ["CallablePlayer", "Episode", "Played", "Player", "View", "play"]
