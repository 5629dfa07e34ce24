"""Puts tables that commands wrote into the pages of prose, between markers: `make docs`."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rlnas import InputError, markdown_table


def with_part(page: str, part: str, content: str) -> str:
    """A page with other content between `<!-- begin PART -->` and `<!-- end PART -->`.

    Raises:
        InputError: the page does not have both of these lines once.
    """
    begin, end = f"<!-- begin {part} -->\n", f"<!-- end {part} -->\n"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    if (page.count(begin), page.count(end), rest.count(end)) != (1, 1, 1):
        raise InputError(f"the page needs the lines {begin.strip()} and {end.strip()}, each once")
    return f"{before}{begin}\n{content.strip()}\n\n{end}{after}"


Rows = list[dict[str, str]]
"""The rows of a table, each as its cells by the heads of their columns."""

ROOT = Path(__file__).parents[1]

NAMES = {
    "heldout:*": "16 held-out tasks",
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "no_edits": "no edits",
    "edit_sequence": "the evolved schedule",
    "magnitude_pruning": "magnitude pruning",
    "saliency_pruning": "saliency pruning",
    "rigl": "RigL",
    "set": "SET",
    "snip": "SNIP",
    "one_pruning": "one pruning",
    "seven_prunings": "seven prunings",
    "prunings_or_linear": "seven prunings or a linear network",
    "widths_or_linear": "twelve dense widths or a linear network",
    "episode": "the best of the episode alone",
    "dense_widths": "twelve dense widths",
    "logistic_regression": "logistic regression",
    "remove_all": "always remove a fifth",
    "random": "random legal actions",
    "best_of_three": "the best of the three, in hindsight",
    "mlp": "multilayer perceptron",
    "gradient_boosting": "gradient boosting",
    "random_forest": "random forest",
}
"""What prose calls data sets and methods; the others have their own names there as well."""

IN_README = {
    "frontier": ("0.003", "0.006", "0.05", "0.12", "0.1", "0.2", "1.2"),
    "transfer": ("edit_sequence", "remove_all", "magnitude_pruning", "saliency_pruning", "rigl"),
    "scoreboard": ("policy", "score", "score at the end"),
    "decisions": ("above best rule", "all", "real tables", "generated tables"),
    "tables": ("design against", "all penalties", "better / tie / worse", "weights, ours / theirs"),
}
"""The penalties, rivals and columns that the README shows."""

ESTIMATES = {
    "number of active weights": ("active weights", "active weights"),
    "SynFlow": ("synflow", "synflow"),
    "Jacobian covariance": ("jacobian covariance", "jacobian covariance"),
    "SNIP": ("snip", "snip"),
    "gradient norm": ("gradient norm", "gradient norm"),
    "validation accuracy, averaged weights, after 1/8 of the epochs (digits) or 1/3 (MNIST)": (
        "validation accuracy, 8 epochs",
        "validation accuracy, 1 epoch",
    ),
    "the same, after 1/2 or 2/3": (
        "validation accuracy, 32 epochs",
        "validation accuracy, 2 epochs",
    ),
    "extrapolated from 1/8 (digits)": ("extrapolated accuracy, 8 epochs", None),
    "extrapolated from 1/4 (digits) or 2/3 (MNIST)": (
        "extrapolated accuracy, 16 epochs",
        "extrapolated accuracy, 2 epochs",
    ),
    "sum of the losses since the last measurement, all epochs": (
        "sum of late losses, 64 epochs",
        "sum of late losses, 3 epochs",
    ),
    "one epoch with inherited weights": (
        "inherited weights, 1 epoch",
        "inherited weights, 1 epoch",
    ),
}
"""The estimates that their page shows: what it calls them, and their names on digits and MNIST."""


def tables(path: str) -> list[Rows]:
    """The tables of a Markdown file of the repository."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", (ROOT / path).read_text(), re.MULTILINE):
        heads, _, *rows = (
            [c.strip() for c in line.split("|")[1:-1]] for line in block.splitlines()
        )
        found.append([dict(zip(heads, cells, strict=True)) for cells in rows])
    return found


def markdown(rows: Rows) -> str:
    """A table as Markdown."""
    return markdown_table(list(rows[0]), [list(row.values()) for row in rows])


def renamed(rows: Rows, columns: dict[str, str]) -> Rows:
    """Some columns of a table: `columns` has their new heads, and the heads they have."""
    return [{new: row[old] for new, old in columns.items()} for row in rows]


def rounded(cell: str, decimals: int) -> str:
    """A cell with fewer decimals."""
    return re.sub(r"\d+\.\d+", lambda match: f"{float(match[0]):.{decimals}f}", cell)


def frontier() -> str:
    """Some penalties of MNIST, the largest designs first."""
    columns = {
        "`--penalty`": "penalty",
        "active weights": "active weights",
        "test accuracy": "controller, test accuracy",
        "test loss": "test loss",
        "gradual magnitude pruning to as many": "magnitude_pruning, test accuracy",
    }
    _, everything = tables("docs/frontier/mnist.md")
    rows = [row for row in everything if row["penalty"] in IN_README["frontier"]]
    rows.sort(key=lambda row: -int(row["active weights"].replace(",", "")))
    return markdown(
        [row | {"test loss": rounded(row["test loss"], 3)} for row in renamed(rows, columns)]
    )


def budgets(dataset: str) -> str:
    """The frontier of a data set by the number of weights at most."""
    rows, _ = tables(f"docs/frontier/{dataset}.md")
    heads = {head: head.removesuffix(", test accuracy") for head in rows[0]}
    return markdown(renamed(rows, {NAMES.get(name, name): head for head, name in heads.items()}))


def transfer(rivals: Sequence[str] | None = None) -> str:
    """By how much the controller is better than some rivals, or all, on unseen data."""
    everything = tables("docs/transfer.md")[0]
    method, *tasks = everything[0]
    heads = {task: " ".join([NAMES[task.split()[0]], *task.split()[1:]]) for task in tasks}
    return markdown(
        [
            {method: NAMES.get(row[method], row[method])}
            | {heads[task]: rounded(row[task], 3) for task in tasks}
            for row in everything
            if rivals is None or row[method] in rivals
        ]
    )


def compared_on_tables() -> str:
    """Scores and regrets of search strategies on both tables, side by side."""
    digits, mnist = (tables(f"docs/compare/table-{name}.md")[0] for name in ("digits", "mnist"))
    others = {row["method"]: row for row in mnist}
    return markdown(
        [
            {
                "method": row["method"],
                "digits: best score": row["best score found"],
                "regret on digits": row["regret"],
                "MNIST: best score": others[row["method"]]["best score found"],
                "regret on MNIST": others[row["method"]]["regret"],
            }
            for row in digits
        ]
    )


def compared(dataset: str) -> str:
    """Scores of search strategies on a data set."""
    columns = {
        "method": "method",
        "best score, validation samples": "best score found",
        "the same design, test samples": "the same design's score on test samples",
        "hypervolume": "hypervolume",
    }
    return markdown(renamed(tables(f"docs/compare/{dataset}.md")[0], columns))


def fits() -> str:
    """What explains the error of random sparse networks, in all studies of capacity."""
    rows = []
    for dataset in ("mnist", "fashion_mnist", "digits"):
        for study in ("width", "depth"):
            found = tables(f"docs/capacity/{dataset}/{study}.md")[0]
            shape = list(found[0])[-1]
            for place, row in enumerate(found):
                count, weights = row["architectures"], row["active weights"]
                low, high = weights.split(" to ")
                first, last = place == 0, place == len(found) - 1
                which = f"up to {high}" if place == 1 else f"from {low}" if last else weights
                rows.append(
                    {
                        "study": f"{NAMES.get(dataset, dataset)}, {study}" if first else "",
                        "architectures, active weights": f"{'all ' * first}{count}, {which}",
                        "weights alone explain": row["R² of weights"],
                        "with shape": row["R² with shape"],
                        "shape multiplies the error by": row[shape].removeprefix("x ")
                        + f" for {shape}" * first,
                    }
                )
    return markdown(rows)


def estimates() -> str:
    """Rank correlations of cheap estimates on both tables, without their intervals."""
    known = []
    for name in ("digits", "mnist"):
        (rows,) = tables(f"docs/estimators/{name}/estimators.md")
        known.append({row["estimate"]: row for row in rows})

    def cell(place: int, name: str | None) -> str:
        if name is None:
            return ""
        row = known[place][name]
        return " / ".join(row[key].split()[0] for key in ("Spearman", "Spearman at fixed weights"))

    heads = ("digits (truth: 64 epochs)", "MNIST (truth: 3 epochs)")
    return markdown(
        [
            {"estimate": title} | {heads[k]: cell(k, name) for k, name in enumerate(names)}
            for title, names in ESTIMATES.items()
        ]
    )


def on_tables(number: int, columns: Sequence[str] = ()) -> str:
    """A table of the study over tables, with its methods as prose calls them.

    Args:
        number: Number of the table in the file of results.
        columns: The columns to show; by default all.
    """
    rows = tables("docs/tables/tables.md")[number]
    key = next(iter(rows[0]))
    named = [row | {key: NAMES.get(row[key], row[key])} for row in rows]
    return markdown([{name: row[name] for name in columns or row} for row in named])


def scores_on_tables() -> str:
    """What the study over tables is about, and its scores."""
    about, *_ = whole("docs/tables/tables.md").partition("\n\n")
    return f"{about} Points of test score:\n\n{on_tables(0)}"


LIMITS = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "r2": "R²"}
"""The studies of searches within limits, and what prose calls their metrics."""


def searches() -> str:
    """By how much the design of a minute is better than tuned models, in each study of searches."""
    rows = []
    for study, metric in LIMITS.items():
        path = f"docs/limits/{study}.md"
        found = {row["design against"]: row for row in tables(path)[0]}
        count = re.match(r"(\d+) [a-z ]*tables of (\d+) origins", whole(path))
        assert count is not None
        rivals = {NAMES[rival]: row["mean"] for rival, row in found.items()}
        rows.append(
            {"judged by": metric, "tables / origins": f"{count[1]} / {count[2]}"}
            | rivals
            | {"weights / the perceptron's": found["mlp"]["weights / theirs"]}
        )
    return markdown(rows)


def limits(study: str) -> str:
    """What a study of searches found, without its table of all data sets."""
    text, _, _ = whole(f"docs/limits/{study}.md").rpartition("\n\n## ")
    return re.sub("^## ", "#### ", text, flags=re.MULTILINE)


def whole(path: str) -> str:
    """All of a file."""
    return (ROOT / path).read_text()


def some_columns(path: str, number: int, columns: Sequence[str] = ()) -> str:
    """Columns of a table, by its place in a file of results; by default all."""
    rows = tables(path)[number]
    return markdown([{name: row[name] for name in columns or row} for row in rows])


def decisions() -> str:
    """What each method of the study of decisions is worth, anytime and at the end, and when."""
    _, anytime, end, shares = tables(DECISIONS)[:4]
    return markdown(
        [
            {name: row[name] for name in IN_README["decisions"]}
            | {"all, at the end": last["all"], "share of the budget": share["all"]}
            for row, last, share in zip(anytime, end, shares, strict=True)
        ]
    )


DECISIONS, SCOREBOARD = "docs/decisions/decisions.md", "docs/benchmark/scoreboard.md"

PARTS: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {
        "tables": partial(on_tables, 0, IN_README["tables"]),
        "searches": searches,
        "frontier": frontier,
        "transfer": partial(transfer, IN_README["transfer"]),
        "decisions": partial(some_columns, DECISIONS, 1, IN_README["decisions"]),
        "scoreboard": partial(some_columns, SCOREBOARD, 0, IN_README["scoreboard"]),
    },
    "docs/frontier.md": {
        "mnist": partial(budgets, "mnist"),
        "fashion_mnist": partial(budgets, "fashion_mnist"),
    },
    "docs/controller.md": {"transfer": transfer},
    "docs/compare.md": {
        "tables": compared_on_tables,
        "digits": partial(compared, "digits"),
        "mnist": partial(compared, "mnist"),
    },
    "docs/benchmark.md": {
        part: partial(whole, f"docs/benchmark/{part}.md") for part in ("scoreboard", "fps")
    },
    "docs/capacity.md": {"fits": fits},
    "docs/cost.md": {"steps": partial(whole, "docs/cost/steps.md")},
    "docs/stock_learners.md": {"learning": partial(whole, "docs/decisions/learning.md")},
    "docs/limits.md": {study: partial(limits, study) for study in LIMITS},
    "docs/decisions.md": {"decisions": decisions},
    "docs/estimators.md": {"estimators": estimates},
    "docs/tables.md": {"scores": scores_on_tables, "accuracies": partial(on_tables, 1)},
    "docs/reference_scores.md": {
        "live": partial(whole, "docs/reference_scores/live.md"),
        "tables": partial(whole, "docs/reference_scores/tables.md"),
    },
}
"""The parts of each page, and what makes their text."""


def with_parts(name: str) -> str:
    """A page of `PARTS` with all its parts made anew."""
    text = (ROOT / name).read_text()
    for part, make in PARTS[name].items():
        text = with_part(text, part, make())
    return text


if __name__ == "__main__":
    for name in PARTS:
        (ROOT / name).write_text(with_parts(name))
