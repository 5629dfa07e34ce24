"""How linear is time in cost? Steps of `BudgetDesignEnv`, timed, against what they are charged.

    python benchmarks/cost.py --out runs/cost

Networks of many sizes on three data sets take steps of every length, with edits and without. Every
episode is played several times, which gives the same steps; the median time of each counts. It is
time of the processor, which others who use the machine change least. What the bookkeeping of a
step takes is the time of a step without its training, its evaluation and its probe, each of which
is timed alone.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import tyro
from matplotlib.figure import Figure
from tqdm import tqdm

from rlnas import (
    BUDGET_ACTIONS,
    Architecture,
    BudgetDesignEnv,
    Dataset,
    InputError,
    SparseNetwork,
    evaluate,
    load_dataset,
    markdown_table,
    reference_weights,
    sample_gradients,
    train,
)

DATASETS = ("wine", "digits", "mnist")
COLOURS = {"wine": "#c2571a", "digits": "#1f5fa8", "mnist": "#2f8f4e"}

ARCHITECTURES: tuple[Architecture, ...] = (
    (),
    *(((width, density),) for width in (4, 12, 40, 128, 512) for density in (0.02, 0.2, 1.0)),
    *(((width, density),) * 2 for width in (12, 40, 128) for density in (0.2, 1.0)),
    *(((width, density),) * 3 for width in (12, 40, 128) for density in (0.2, 1.0)),
)

LIMIT = 2
"""Weights of the networks at most, times the reference number: as many as designs may have."""

EDITS = (
    "none",
    "add_connections all x1.25",
    "remove_connections all /1.25",
    "remove_layer hidden 1",
)
"""What the steps do, in this order, each with every length of training; lengths grow with what was
spent before."""


@dataclass(frozen=True)
class Cost:
    """What to measure, and where to write `cost.png` and `steps.md`."""

    out: Path = Path("runs/cost")
    """Folder for the picture and the tables."""
    data_dir: str | None = None
    """Folder with the IDX files of MNIST; without them MNIST is left out."""
    rounds: int = 3
    """How often every episode is played; the median counts."""


@dataclass(frozen=True)
class Step:
    """A step: what it did, what it was charged, what it took.

    Attributes:
        dataset: name of the data set.
        edited: whether the network was edited.
        weights: connections of the network that was trained.
        batches: training batches.
        cost: multiply-adds.
        seconds: time of each round.
        parts: time of training, evaluation and probe in each round.
    """

    dataset: str
    edited: bool
    weights: int
    batches: int
    cost: int
    seconds: list[float] = field(default_factory=list)
    parts: list[float] = field(default_factory=list)

    @property
    def time(self) -> float:
        """Median time in seconds."""
        return float(np.median(self.seconds))

    @property
    def bookkeeping(self) -> float:
        """Median time in seconds without training, evaluation and probe."""
        return float(np.median(np.subtract(self.seconds, self.parts)))


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    began = time.thread_time()
    call()
    return time.thread_time() - began


def parts(network: SparseNetwork, data: Dataset, batches: int) -> float:
    """Seconds of the training, the evaluation and the probe of a step, on a copy of its network."""
    copy, rng = network.copy(), np.random.default_rng(0)
    order = rng.choice(data.train, (batches, min(128, data.train.size)))
    probed = rng.choice(data.train, min(256, data.train.size))
    return (
        timed(lambda: train(copy, data, order))
        + timed(lambda: evaluate(copy, data, data.validation))
        + timed(lambda: sample_gradients(copy, data, probed).gradients)
    )


def episode(data: Dataset, architecture: Architecture) -> Iterator[Step]:
    """The steps of an episode that starts with an architecture, each with one time."""
    texts = [str(action) for action in BUDGET_ACTIONS]
    env = BudgetDesignEnv(data, budget=1e5, episode_steps=1000)
    _, info = env.reset(seed=0, options={"architecture": architecture})
    if info["active_weights"] > LIMIT * reference_weights(data.n_features, data.n_classes):
        return
    for edit in EDITS:
        for number in (k for k, text in enumerate(texts) if text.startswith(f"{edit}, ")):
            if not env.action_masks()[number]:
                continue
            began = time.thread_time()
            *_, info = env.step(number)
            seconds = time.thread_time() - began
            if info["applied"]:
                spent = parts(env.current_design, data, info["batches"])
                what = data.name, edit != "none", info["active_weights"], info["batches"]
                yield Step(*what, info["cost"], [seconds], [spent])


def measure(data: Dataset, rounds: int) -> list[Step]:
    """The steps of all architectures on a data set, after an episode that is not counted."""
    list(episode(data, ARCHITECTURES[1]))  # compiles what is not yet
    found: list[Step] = []
    for architecture in tqdm(ARCHITECTURES, desc=data.name):
        for same in zip(*(list(episode(data, architecture)) for _ in range(rounds)), strict=True):
            seconds = [each.seconds[0] for each in same]
            found.append(replace(same[0], seconds=seconds, parts=[one.parts[0] for one in same]))
    return found


@dataclass(frozen=True)
class Fit:
    """A line through the logarithms of cost and time, and one with slope 1.

    Attributes:
        slope: of the line; 1 where time is proportional to cost.
        offset: of the line.
        rate: multiply-adds in a second, the median of the steps.
        correlation: of the logarithms.
        linear: correlation of cost and time.
        near: share of the steps within a factor of 2 of the line.
        near_rate: share of the steps within a factor of 2 of the rate.
        spread: 95th over 5th percentile of time over cost.
    """

    slope: float
    offset: float
    rate: float
    correlation: float
    linear: float
    near: float
    near_rate: float
    spread: float


def fit(steps: list[Step]) -> Fit:
    """How time grows with cost."""
    cost, seconds = (np.array([getattr(each, name) for each in steps]) for name in ("cost", "time"))
    x, y = np.log10(cost), np.log10(seconds)
    slope, offset = np.polyfit(x, y, 1)
    rate = np.median(cost / seconds)
    low, high = np.percentile(seconds / cost, [5, 95])
    return Fit(
        slope,
        offset,
        rate,
        np.corrcoef(x, y)[0, 1],
        np.corrcoef(cost, seconds)[0, 1],
        np.mean(np.abs(y - slope * x - offset) < np.log10(2)),
        np.mean(np.abs(np.log10(seconds * rate / cost)) < np.log10(2)),
        high / low,
    )


def picture(steps: list[Step], line: Fit) -> Figure:
    """Time against cost, with the line."""
    drawn = Figure(figsize=(6.4, 4.8), dpi=100, layout="constrained")
    axes = drawn.subplots()
    for name, colour in COLOURS.items():
        chosen = [each for each in steps if each.dataset == name]
        if chosen:
            cost, seconds = zip(*((each.cost, 1e3 * each.time) for each in chosen), strict=True)
            axes.scatter(cost, seconds, s=7, alpha=0.5, color=colour, linewidths=0, label=name)
    ends = np.array([min(each.cost for each in steps), max(each.cost for each in steps)])
    fitted = 1e3 * 10 ** (line.offset + line.slope * np.log10(ends))
    axes.plot(ends, fitted, color="0.2", linewidth=1, label=f"line, slope {line.slope:.2f}")
    for factor in (0.5, 2):
        axes.plot(ends, factor * fitted, color="0.2", linewidth=0.6, linestyle=":")
    axes.set(xscale="log", yscale="log", xlabel="cost of a step, multiply-adds", ylabel="time, ms")
    axes.grid(alpha=0.3)
    axes.legend()
    return drawn


def fits_table(groups: dict[str, list[Step]]) -> str:
    """How linear time is in cost, for each group of steps."""
    heads = ["steps", "number", "cost", "time, ms", "slope", "correlation of logarithms"]
    heads += ["correlation", "within 2x of the line", "multiply-adds per ns", "within 2x of these"]
    rows = []
    for name, steps in groups.items():
        line = fit(steps)
        cost, seconds = [each.cost for each in steps], [1e3 * each.time for each in steps]
        row = [name, f"{len(steps)}", f"{min(cost):.1e} to {max(cost):.1e}"]
        row += [f"{min(seconds):.2g} to {max(seconds):,.0f}", f"{line.slope:.2f}"]
        row += [f"{line.correlation:.3f}", f"{line.linear:.3f}", f"{line.near:.0%}"]
        rows.append([*row, f"{line.rate / 1e9:.2f}", f"{line.near_rate:.0%}"])
    return markdown_table(heads, rows)


def bookkeeping_table(groups: dict[str, list[Step]], parts_of: list[Step]) -> str:
    """What steps take beside training, evaluation and probe, where that is not lost in noise.

    Args:
        groups: the steps of each data set.
        parts_of: all steps, with the time of these parts alone.
    """
    dear = np.median([each.cost for each in parts_of])
    rate = fit([each for each in parts_of if each.cost > dear]).rate
    heads = ["shortest steps", "median, ms", "10 % to 90 %, ms", "multiply-adds in the median"]
    rows = []
    for name, steps in groups.items():
        least = min(each.batches for each in steps)
        kinds = {"without an edit": False, "with an edit": True}
        for kind, edited in kinds.items():
            short = [each for each in steps if each.batches == least and each.edited == edited]
            times = [each.bookkeeping for each in short]
            low, median, high = np.percentile(times, [10, 50, 90])
            row = [f"{name}, {kind}", f"{1e3 * median:.2f}", f"{1e3 * low:.2f} to {1e3 * high:.2f}"]
            rows.append([*row, f"{rate * median:,.0f}"])
    return markdown_table(heads, rows)


def main(cost: Cost) -> None:
    """Measure, write the picture and the tables."""
    groups: dict[str, list[Step]] = {}
    for name in DATASETS:
        try:
            data = load_dataset(name, data_dir=cost.data_dir)
        except InputError as error:
            print(f"without {name}: {error}")
            continue
        groups[name] = measure(data, cost.rounds)
    steps = [step for group in groups.values() for step in group]
    line = fit(steps)
    cost.out.mkdir(parents=True, exist_ok=True)
    picture(steps, line).savefig(cost.out / "cost.png", metadata={"Software": None})
    parts_of = [replace(each, seconds=each.parts) for each in steps]
    fits = fits_table(groups | {"all": steps, "all, without bookkeeping": parts_of})
    tables = fits, bookkeeping_table(groups, parts_of)
    (cost.out / "steps.md").write_text("\n\n".join(tables) + "\n")
    print(*tables, sep="\n\n")


if __name__ == "__main__":
    main(tyro.cli(Cost))
