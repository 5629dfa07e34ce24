"""Rivals of a policy: what anybody could do."""

from rlnas.agents.benchmark.rivals.acting import RIVALS as RIVALS
