"""`rlnas compare`."""

from dataclasses import dataclass
from pathlib import Path

from rlnas.agents.cli.job_options import JobOptions
from rlnas.agents.option_types import Option
from rlnas.agents.table_settings import TableSettings


@dataclass(frozen=True)
class Compare(TableSettings, JobOptions):
    """Compare search strategies on the same task with the same budget.

    The same command again continues an interrupted comparison.
    """

    out: Path
    """Folder for the table, the plot and the results."""
    dataset: str = "digits"
    """Table (.csv, .tsv, .parquet), name of a data set, or .npz file of arrays X and y."""
    table: Option[str] = None
    """Look designs up in this table (digits, mnist, or a path) instead of training them."""
    methods: tuple[str, ...] = ("all",)
    """Search strategies to compare, or all that can search the task."""
    seeds: int = 10
    """Number of searches of each strategy."""
    budget: Option[int] = None
    """Number of training batches that a search may spend, by default 100,000; look-ups in a table;
    with --episode-budget units of training cost, by default 100."""
    episode_budget: Option[float] = None
    """Let episodes have a budget of so many units of training cost (1 pays for an episode of a
    dense network of 76 neurons), and judge searches by their anytime score."""
    penalty: float = 0.1
    """Price of the reference number of weights, in accuracy."""

    @property
    def _budget(self) -> int:
        if self.budget is not None:
            return self.budget
        return 100_000 if self.episode_budget is None else 100

    def run(self, shown: bool) -> None:
        """Run the searches, then print the table."""
        from rlnas.agents.experiments.compare import compare
        from rlnas.agents.experiments.compare_report import write_report
        from rlnas.agents.experiments.search_task import SearchTask

        task = SearchTask(
            self.table or self.dataset,
            self.table is not None,
            self.penalty,
            self._budget,
            None if self.data_dir is None else str(self.data_dir),
            columns=self.options.as_json(),
            episode_budget=self.episode_budget,
        )
        methods = task.methods if self.methods == ("all",) else self.methods
        with self.placed():
            results = compare(task, self.out, methods, self.seeds, self.jobs, shown)
        print(write_report(task, results, self.out))
