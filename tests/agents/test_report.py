"""The report: one page with everything, for runs and designs, as a browser shows it."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from rlnas import plots
from rlnas.agents.cli.main import main
from rlnas.agents.designing import rivals as rivals_module
from rlnas.agents.designing.design import design
from rlnas.agents.policies.environments import env_like
from rlnas.agents.policies.episode import play_episode
from rlnas.agents.policies.policy import load_policy
from rlnas.agents.policies.run_config import write_config
from rlnas.agents.reports import report as module
from rlnas.agents.reports.report import write_report
from rlnas.agents.reports.training_sections import draw_rivals
from rlnas.agents.training.watching.evaluations import read_evaluations
from rlnas.data.loading import load_dataset
from rlnas.designs.database import FILE, DesignDatabase
from rlnas.designs.saved import load_design, save_design
from rlnas.errors import InputError
from rlnas.files.json_files import read_json, write_json
from tests.agents.helpers import TINY, tiny

TITLES = [
    "Learning curves",
    "Evaluations",
    "The design",
    "Edit by edit",
    "Accuracy against weights",
]
RIVALS = "Against rivals"

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Page(HTMLParser):
    """Headings, cells, pictures and addresses of a page; that every element is closed."""

    def __init__(self, path: Path):
        super().__init__()
        self.headings: list[str] = []
        self.cells: list[str] = []
        self.facts: list[str] = []  # names and values of the head
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)
        if self.headings and self.open and self.open[-1] == "td":
            self.cells.append(data)
        if not self.headings and self.open and self.open[-1] in ("th", "td"):
            self.facts.append(data)


@pytest.fixture(scope="module")
def copied(runs, tmp_path_factory) -> Path:
    """A run folder, with its report."""
    folder = tmp_path_factory.mktemp("report") / "run"
    shutil.copytree(runs["maskable_ppo"], folder)
    assert write_report(folder) == folder / "report.html"
    return folder


@pytest.fixture(scope="module")
def designed(runs, tmp_path_factory) -> Path:
    """A design for digits, with its report."""
    out = tmp_path_factory.mktemp("report") / "design"
    design(runs["maskable_ppo"], "digits", out, progress_bar=False)
    assert main(["report", str(out)]) == 0
    return out


def test_the_report_of_a_run_has_every_section(copied):
    assert Page(copied / "report.html").headings == [*TITLES, RIVALS]


def test_the_report_of_a_design_of_images_shows_its_pixels(designed):
    page = Page(designed / "report.html")
    assert page.headings == ["The design", "Pixels", "Edit by edit", "Class by class", RIVALS]
    network = load_design(designed).network
    used = np.unique(network.indices[network.indices < 64]).size
    assert f"{used} of 64 pixels are used." in (designed / "report.html").read_text()


def test_the_page_needs_no_network(copied, designed):
    for folder in (copied, designed):
        addresses = [
            value for name, value in Page(folder / "report.html").attributes
            if name in ("src", "href")
        ]  # fmt: skip
        assert addresses
        kinds = ("data:image/png;base64,", "data:image/gif;base64,")
        assert all(value and value.startswith(kinds) for value in addresses)
        assert not re.search(r"url\(|@import|<script", (folder / "report.html").read_text())


def test_the_evaluations_are_told_as_at_the_end_of_the_training(copied):
    found = read_evaluations(copied)
    assert found is not None
    assert found.in_words(copied, 192) in (copied / "report.html").read_text()


@pytest.mark.parametrize("content", ["[]", '{"measure": "score"}'])
def test_damaged_evaluations_are_told(content, copied, tmp_path):
    shutil.copytree(copied, tmp_path / "run")
    (tmp_path / "run" / "evaluations.json").write_text(content)
    with pytest.raises(InputError, match=r"evaluations.json is damaged"):
        write_report(tmp_path / "run")


def test_the_history_is_the_episode_that_the_best_design_was_found_in(copied):
    archive = DesignDatabase(copied / FILE)
    (best,) = archive.best(1)
    episode = archive.episode(best)
    assert best in episode
    assert len(episode) == TINY["episode_steps"]
    first = episode[0].timestep // TINY["num_envs"]
    assert first % TINY["episode_steps"] == 1
    cells = Page(copied / "report.html").cells
    for number, each in enumerate(episode):
        assert cells[cells.index(each.action) - 1].isdigit(), number
        assert f"{each.score:.4f}" in cells


def test_the_history_of_a_design_is_that_of_a_new_episode_with_its_seed(designed, runs):
    env = env_like(runs["maskable_ppo"], "digits", middle=True)
    _, history = play_episode(env, load_policy(runs["maskable_ppo"]), seed=0)
    cells = Page(designed / "report.html").cells
    for number, info in enumerate(history):
        place = cells.index(str(number))
        assert cells[place + 2] == f"{info['val_metric']:.2%}"
        assert cells[place + 4] == f"{info['score']:.4f}"


def test_the_design_is_shown_beside_its_rivals(designed):
    cells = Page(designed / "report.html").cells
    place = cells.index("this design")
    network, _, record = load_design(designed)
    assert cells[place + 1 : place + 4] == [
        f"{network.active_weights:,} weights",
        f"{record['test_accuracy']:.2%}",
        f"{record['balanced_accuracy']:.2%}",
    ]
    width = round(network.active_weights / 74)
    assert cells[place + 4] == f"dense network, hidden layer of {width}, as many batches"
    assert cells[place + 5] == f"{width * 74:,} weights"
    assert cells[place + 8] == "logistic regression"
    for cell in (cells[place + 6], cells[place + 10]):
        assert 0.05 < float(cell.rstrip("%")) / 100 <= 1


def test_the_recall_of_each_class_is_shown(designed):
    cells = Page(designed / "report.html").cells
    for name, share in load_design(designed).record["recalls"].items():
        assert f"{share:.2%}" == cells[len(cells) - cells[::-1].index(name)]


def test_the_head_says_what_was_asked_for_and_what_it_came_from(designed):
    record = load_design(designed).record
    cells = dict(zip(*[iter(Page(designed / "report.html").facts)] * 2, strict=True))
    assert cells["data"] == "digits"
    assert cells["classes"] == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert cells["penalty"] == "0.1 for every 5,624 weights"
    assert cells["seed"] == "0"
    assert record["policy"]["sha256"][:12] in cells["policy"]
    assert f"{record['active_weights']:,} weights; as C code" in cells["size"]
    assert cells["made"].startswith(record["created"][:10])


def test_of_equal_scores_only_the_first_is_bold(designed, tmp_path):
    network, preprocessing, record = load_design(designed)
    steps = [{**record["history"][0], "score": score} for score in (0.5, 0.7, 0.7)]
    save_design(tmp_path, network, preprocessing, {**record, "history": steps})
    page = write_report(tmp_path).read_text()
    assert page.count('<tr class="best">') == 1
    assert re.search(r'<tr class="best"><td>1</td>', page)


@pytest.mark.slow
def test_the_command_films_an_episode_of_a_training_that_has_ended(copied, tmp_path, capsys):
    run = Path(shutil.copytree(copied, tmp_path / "run"))
    assert main(["report", str(run), "--quiet"]) == 0
    page = (run / "report.html").read_text()
    assert page.count("data:image/gif;base64,") == 1
    assert "An episode" in Page(run / "report.html").headings
    made = (run / "film.gif").stat().st_mtime_ns
    assert main(["report", str(run), "--quiet"]) == 0
    assert (run / "film.gif").stat().st_mtime_ns == made, "not again"
    (run / "policy.zip").write_bytes((run / "policy.zip").read_bytes())  # as an extension does
    assert main(["report", str(run), "--quiet"]) == 0
    assert (run / "film.gif").stat().st_mtime_ns > made


def test_nothing_is_filmed_or_drawn_if_the_page_cannot_be_written(
    copied, tmp_path, monkeypatch, capsys
):
    run = Path(shutil.copytree(copied, tmp_path / "run"))
    monkeypatch.setattr(module, "_content", None)
    assert main(["report", str(run), "--out", "/proc/page.html", "--quiet"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot write /proc/page.html" in line
    assert not (run / "film.gif").exists()


def test_steps_are_those_of_whole_rollouts(tmp_path):
    write_config(tmp_path, tiny(tmp_path, total_timesteps=100), [load_dataset("wine")])
    assert "0 of 128" in write_report(tmp_path).read_text()


def test_policies_with_equal_scores_are_all_seen():
    drawn, axes = plots.figure(4, 3)
    draw_rivals({"one": 0.5, "two": 0.5, "three": 0.5}, axes)
    shown = plots.pixels(drawn).reshape(-1, 3)
    for line in axes.lines:
        colour = np.round(255 * np.array(to_rgb(line.get_color())))
        assert (np.abs(shown - colour).max(axis=1) < 40).sum() > 50


def test_without_the_data_the_command_says_that_there_is_no_film(copied, tmp_path, capsys):
    run = Path(shutil.copytree(copied, tmp_path / "run"))
    write_json(run / "config.json", {**read_json(run / "config.json"), "dataset": ["gone.npz"]})
    assert main(["report", str(run), "--quiet"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("no film of an episode: ")
    assert "gone.npz" in first
    assert second == f"report in {run / 'report.html'}"
    assert "data:image/gif" not in (run / "report.html").read_text()


def test_a_report_needs_no_data(designed, tmp_path):
    network, preprocessing, record = load_design(designed)
    gone = {"path": "gone.npz", "absolute": str(tmp_path / "gone.npz")}
    save_design(tmp_path, network, preprocessing, {**record, "source": gone})
    assert "Not compared: " in write_report(tmp_path).read_text()


def test_a_run_in_progress_is_reported_and_said_to_be_so(copied, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(copied / "config.json", folder)
    page = write_report(folder, tmp_path / "page.html").read_text()
    assert "still in progress" in page
    assert "0 of 192" in page
    shutil.copytree(copied, folder, dirs_exist_ok=True)
    (folder / "policy.zip").unlink()
    page = write_report(folder).read_text()
    assert "still in progress" in page
    assert "<h2>Edit by edit</h2>" in page
    assert "still in progress" not in (copied / "report.html").read_text()


def test_what_a_stranger_wrote_into_a_design_is_text(designed, tmp_path):
    network, preprocessing, record = load_design(designed)
    evil = "<script>alert(1)</script>"
    rest: dict[str, Any] = {key: value for key, value in record.items() if key != "format"}
    save_design(
        tmp_path, network, preprocessing, {**rest, "dataset": evil, "source": {"name": evil}}
    )
    page = write_report(tmp_path).read_text()
    assert evil not in page
    assert "&lt;script&gt;" in page
    assert "Not compared: unknown data set" in page


def test_a_folder_that_is_neither_is_refused(tmp_path, capsys):
    with pytest.raises(InputError, match="neither a run nor a design"):
        write_report(tmp_path)
    assert main(["report", str(tmp_path / "nowhere")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_design_is_refused(designed, tmp_path):
    shutil.copytree(designed, tmp_path / "design")
    (tmp_path / "design" / "network.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match="damaged"):
        write_report(tmp_path / "design")


@pytest.mark.parametrize(
    "changes", [{"history": [{"score": 1}]}, {"history": 3}, {"test_accuracy": None}]
)
def test_a_design_with_another_record_is_refused(changes, designed, tmp_path):
    folder = Path(shutil.copytree(designed, tmp_path / "design"))
    record = read_json(folder / "design.json")
    write_json(folder / "design.json", {**record, **changes})
    with pytest.raises(InputError, match="damaged"):
        write_report(folder)


def test_a_design_that_claims_endless_training_is_compared_with_a_bounded_one(
    designed, tmp_path, monkeypatch
):
    network, preprocessing, record = load_design(designed)
    save_design(
        tmp_path, network, preprocessing, record | {"batches": {"episode": 2**53, "all": 1}}
    )
    monkeypatch.setattr(rivals_module, "MOST_BATCHES", 30)
    assert "dense network" in write_report(tmp_path).read_text()


def test_a_best_design_that_is_not_in_the_archive_is_told(copied, tmp_path):
    shutil.copytree(copied, tmp_path / "run")
    network, preprocessing, record = load_design(copied / "best")
    record |= {"val_loss": 0.125}
    save_design(tmp_path / "run" / "best", network, preprocessing, record)
    with pytest.raises(InputError, match="damaged: the best design is not in it"):
        write_report(tmp_path / "run")


@pytest.mark.parametrize(
    "field", ["x" * 200_000, "nan", "1e999", "1e308", "-", "\0"], ids=lambda field: field[:5]
)
def test_a_damaged_table_of_progress_is_told(field, copied, tmp_path):
    shutil.copytree(copied, tmp_path / "run")
    path = tmp_path / "run" / "progress.csv"
    head, first, *rest = path.read_text().splitlines()
    values = first.split(",")
    values[head.split(",").index("score/final")] = field
    path.write_text("\n".join([head, ",".join(values), *rest]))
    with pytest.raises(InputError, match=r"progress.csv is damaged"):
        write_report(tmp_path / "run")


def test_a_row_of_progress_that_is_cut_short_is_left_out(copied, tmp_path):
    shutil.copytree(copied, tmp_path / "run")
    path = tmp_path / "run" / "progress.csv"
    path.write_text(path.read_text()[:-60])
    page = Page(write_report(tmp_path / "run"))
    assert page.headings == [*TITLES, RIVALS]


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_a_browser_shows_the_page_with_its_pictures(copied, tmp_path):
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync")
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-quic")
    shot = tmp_path / "page.png"
    subprocess.run(
        [
            *(str(CHROMIUM), *flags, *quiet, f"--user-data-dir={tmp_path / 'profile'}"),
            *("--window-size=1000,2400", f"--screenshot={shot}"),
            (copied / "report.html").as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    pixels = imread(shot)[..., :3]
    assert pixels.shape == (2400, 1000, 3)
    ink = (pixels < 0.95).any(axis=(1, 2))
    assert ink.mean() > 0.5, "rows of the page with something on them"
    coloured = (np.ptp(pixels, axis=2) > 0.3).sum()
    assert coloured > 1000, "the pictures are drawn"
