"""Evaluating a player by the protocol."""

from rlnas.agents.benchmark.playing import Played, Player, play
from rlnas.agents.benchmark.protocol import Protocol, oracle_gains
from rlnas.agents.benchmark.scores import normalised
from rlnas.agents.benchmark.submission import About, Submission, versions
from rlnas.family.family_file import Family
from rlnas.files.reading import sha256_of
from rlnas.progress import progress


def evaluate(
    player: Player,
    family: Family,
    about: About,
    protocol: Protocol | None = None,
    progress_bar: bool = True,
) -> Submission:
    """Let a player play all episodes of a protocol.

    Args:
        player: Who decides.
        family: The tables.
        about: Whose result it is.
        protocol: The rules; by default those of the test.
        progress_bar: Whether to show a progress bar.

    Raises:
        InputError: The family does not fit the protocol, or the player returns no actions.
    """
    protocol = protocol or Protocol()
    tables = protocol.tables(family)
    episodes = protocol.episodes([table.task.name for table in tables])
    total = len(episodes) * protocol.episode_steps
    with progress(progress_bar, total=total, unit="steps", unit_scale=True) as bar:
        played = play(tables, episodes, player, protocol.episode_steps, bar.update)
    return scored(played, family, about, protocol)


def scored(played: Played, family: Family, about: About, protocol: Protocol) -> Submission:
    """The result of a player that has played all episodes of a protocol."""
    tables = protocol.tables(family)
    names = [table.task.name for table in tables]
    episodes = protocol.episodes(names)
    best = oracle_gains(tables, episodes, protocol.episode_steps)
    anytime, final = (
        normalised(protocol.shaped(gains), protocol.shaped(oracle), protocol.least_gain)
        for gains, oracle in zip((played.anytime, played.final), best, strict=True)
    )
    return Submission(
        about,
        protocol,
        sha256_of(family.path),
        versions(),
        tuple(names),
        tuple(table.task.axis for table in tables),
        anytime,
        final,
        tuple(episodes),
        played,
    )
