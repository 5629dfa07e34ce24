"""A film of an episode: the network being edited, its accuracy and its weights beside it."""

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rlnas import network_views, plots
from rlnas.agents.config import check_seed, shipped
from rlnas.agents.policies.environments import env_like
from rlnas.agents.policies.episode import rank_of, steps_of_episode
from rlnas.agents.policies.policy import load_policy
from rlnas.data.loading import Source
from rlnas.envs.actions import ACTIONS, NO_OP
from rlnas.envs.budget.costs import budget_named
from rlnas.errors import InputError
from rlnas.files.atomic import check_writable, replace_file
from rlnas.files.plain_text import plain
from rlnas.nn.architecture import CONSTANT, in_words, layers_of
from rlnas.nn.network import SparseNetwork
from rlnas.objective import shown_metric, shown_value
from rlnas.progress import progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILM = "film.gif"
"""Name of the film in a run folder, where the report finds it."""

SECONDS, LAST_SECONDS = 0.8, 4.0
"""How long a picture is seen; the last one."""

NOTHING = str(ACTIONS[NO_OP])

_COLOURS = 48  # of a picture; thin lines need no more, and the file stays small


class Frame(NamedTuple):
    """A moment of an episode.

    Attributes:
        network: The network then.
        info: The info of the reset or the step that led there, with words.
    """

    network: SparseNetwork
    info: dict[str, Any]


def film(
    policy: str | Path | None = None,
    out: str | Path = FILM,
    dataset: Source | None = None,
    *,
    penalty: float | None = None,
    budget: float | None = None,
    seed: int = 0,
    data_dir: Path | None = None,
    progress_bar: bool = True,
) -> Path:
    """Play an episode and film it.

    Args:
        policy: Run folder of a training; by default the policy that comes with rlnas, with `budget`
            the one for episodes with a budget.
        out: GIF to write.
        dataset: What `rlnas.load_dataset` takes; by default what the policy was trained on, of
            several the first.
        penalty: Price of the reference number of weights, in accuracy; by default as in training,
            of a range the middle.
        budget: Budget of the episode in units of training cost; by default as in training.
        seed: Seed of the episode.
        data_dir: Folder with IDX files, searched first.
        progress_bar: Show progress.

    Returns:
        The file.

    Raises:
        InputError: The policy, the data set or a value cannot be used, or the file not written.
    """
    path = Path(out)
    if path.suffix.lower() != ".gif":
        raise InputError(f"--out {path}: expected a name that ends with .gif")
    check_writable(path)
    check_seed(seed)
    run = shipped(budget is not None) if policy is None else policy
    chosen = load_policy(run)
    with budget_named("--budget"):
        env = env_like(run, dataset, penalty, data_dir, middle=True, budget=budget)
    frames = [
        Frame(env.current_design, step.info | env.words)
        for step in steps_of_episode(env, chosen, seed)
    ]
    with progress(progress_bar, total=len(frames) + 1, unit="picture", desc="filming") as bar:
        content = as_gif(pictures(frames, bar.update))
    replace_file(path, content)
    return path


def pictures(
    frames: Sequence[Frame], done: Callable[[], Any] = lambda: None
) -> Iterator[np.ndarray]:
    """The pictures of an episode, uint8 `[360, 800, 3]`: each moment, then the best design.

    Args:
        frames: The moments of the episode.
        done: Called after each picture.
    """
    last = len(frames) - 1
    for number, (_, info) in enumerate(frames):
        yield _picture(frames, number, number, _title(info, number, last))
        done()
    best = _best(frames, last)
    when = f"edit {best}" if best else "the start"
    yield _picture(frames, best, last, f"the design: the best score, after {when}")
    done()


def as_gif(shown: Iterator[np.ndarray]) -> bytes:
    """Pictures as an animated GIF, which begins again at its end; the same bytes every time.

    Args:
        shown: uint8 `[height, width, 3]` each.
    """
    from PIL import Image

    # Of Pillow's methods this one is never far off, also for the few thin lines of the curves.
    method, dither = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
    first, *rest = [
        Image.fromarray(each).quantize(_COLOURS, method, dither=dither) for each in shown
    ]
    stream, lengths = io.BytesIO(), [SECONDS] * len(rest) + [LAST_SECONDS]
    milliseconds = [round(1000 * each) for each in lengths]
    first.save(stream, "GIF", save_all=True, append_images=rest, duration=milliseconds, loop=0)
    return stream.getvalue()


def _best(frames: Sequence[Frame], last: int) -> int:
    """The first moment with the best design, up to one of them."""
    return max(range(last + 1), key=lambda number: rank_of(frames[number].info))


def _picture(frames: Sequence[Frame], shown: int, last: int, title: str) -> np.ndarray:
    """One picture; its axes are where those of the others are.

    Args:
        frames: The moments of the episode.
        shown: The moment whose network is drawn.
        last: The moment up to which curves are drawn.
        title: What is written above.
    """
    drawn, axes = plots.figure(8, 3.6)
    drawn.set_layout_engine("none")
    axes.set_position((0.03, 0.14, 0.52, 0.65))
    network, info = frames[shown]
    if network.active_weights:
        network_views.draw_network(network, axes)
        axes.set_title("")
    else:
        axes.axis("off")
        axes.text(0.5, 0.5, "no network yet" if shown == 0 else CONSTANT, ha="center")
    drawn.text(0.03, 0.925, title, fontsize=13, weight="bold")
    made = in_words(layers_of(info)["layer_sizes"], info["active_weights"])
    told = f"{plain(info['dataset'])}: {made}; score {info['score']:.4f}"
    drawn.text(0.03, 0.85, told, fontsize=10, color="0.3")
    _draw_curves(frames, shown, last, drawn)
    return plots.pixels(drawn)


def _title(info: dict[str, Any], number: int, total: int) -> str:
    if number == 0:
        return "the start"
    refused = "" if info["applied"] else " (refused)"
    edit = "no edit" if info["action"] == NOTHING else info["action"].replace("_", " ")
    return f"edit {number} of {total}: {edit}{refused}"


def _draw_curves(frames: Sequence[Frame], shown: int, last: int, drawn: "Figure") -> None:
    """Draw accuracy and weights up to a moment, and ring the best design so far."""
    infos = [frame.info for frame in frames]
    now, steps, best = infos[shown], range(last + 1), _best(frames, last)
    places = {"val_metric": 0.56, "active_weights": 0.14}
    for (key, bottom), colour in zip(places.items(), ("tab:blue", "tab:red"), strict=True):
        axes = drawn.add_axes((0.65, bottom, 0.33, 0.28))
        values = np.array([info[key] for info in infos], float)
        if key == "active_weights":
            values[values == 0] = np.nan  # which has no logarithm
        axes.plot(steps, values[: last + 1], "o-", color=colour, ms=3, lw=1.2)
        axes.plot(best, values[best], "o", ms=9, mfc="none", mec="black")
        axes.set_xlim(-0.5, len(infos) - 0.5)
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=8)
        if key == "val_metric":
            low, high = values.min(), values.max()
            margin = max(0.01, 0.08 * (high - low))
            axes.set_ylim(low - margin, high + margin)
            shown_as = shown_value(now["metric"], now[key])
            title = f"validation {shown_metric(now['metric'])} {shown_as}"
            axes.tick_params(labelbottom=False)
        else:
            plots.log_axis(axes, "y", values)
            title = f"{now[key]:,} active weights"
            axes.set_xlabel("edit; ringed is the best score so far", fontsize=8)
        axes.set_title(title, fontsize=10)
