"""Films of episodes: a picture of every moment, the curves up to it, and the design at the end."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rlnas.agents.cli.main import main
from rlnas.agents.policies.environments import env_like
from rlnas.agents.policies.episode import play_episode
from rlnas.agents.policies.policy import load_policy
from rlnas.agents.reports import film as module
from rlnas.agents.reports.film import LAST_SECONDS, SECONDS, as_gif, film
from rlnas.errors import InputError


@pytest.fixture(scope="module")
def filmed(run, tmp_path_factory) -> Path:
    return film(run, tmp_path_factory.mktemp("film") / "new" / "film.gif", progress_bar=False)


def pictures(path: Path) -> list[np.ndarray]:
    with Image.open(path) as film:
        found = []
        for number in range(film.n_frames):
            film.seek(number)
            found.append(np.array(film.convert("RGB")).astype(int))
    return found


def test_there_is_a_picture_of_every_moment_and_of_the_design(filmed):
    found = pictures(filmed)
    assert len(found) == 4 + 1 + 1, "edits, the start, the design"
    assert all(each.shape == (360, 800, 3) for each in found)
    with Image.open(filmed) as opened:
        assert opened.info["loop"] == 0
        opened.seek(1)
        assert opened.info["duration"] == 1000 * SECONDS
        opened.seek(5)
        assert opened.info["duration"] == 1000 * LAST_SECONDS


def test_curves_grow_from_picture_to_picture(filmed):
    def points(each: np.ndarray, colour: tuple[int, int, int]) -> int:
        """Columns right of the network that have a colour."""
        near = (np.abs(each[:, 440:] - colour) < 40).all(axis=2)
        return int(near.any(axis=0).sum())

    for colour in ((31, 119, 180), (214, 39, 40)):
        widths = [points(each, colour) for each in pictures(filmed)]
        assert widths[0] > 0
        assert widths[:5] == sorted(set(widths))


def test_the_titles_are_those_of_the_episode(run, monkeypatch, tmp_path):
    titles = []
    whole = module._picture

    def picture(frames, shown, last, title):  # type: ignore[no-untyped-def]
        titles.append((title, shown, last))
        return whole(frames, shown, last, title)

    monkeypatch.setattr(module, "_picture", picture)
    film(run, tmp_path / "film.gif", seed=3, progress_bar=False)
    best, history = play_episode(env_like(run, middle=True), load_policy(run), seed=3)
    names = [info["action"].replace("_", " ") for info in history[1:]]
    names = ["no edit" if name == "none" else name for name in names]
    refused = ["" if info["applied"] else " (refused)" for info in history[1:]]
    assert titles[0] == ("the start", 0, 0)
    for k, name in enumerate(names):
        assert titles[k + 1] == (f"edit {k + 1} of 4: {name}{refused[k]}", k + 1, k + 1)
    assert titles[-1][0].startswith("the design: the best score, after ")
    assert history[titles[-1][1]]["score"] == best.info["score"]


def test_the_same_episode_gives_the_same_bytes(filmed, run, tmp_path):
    again = film(run, tmp_path / "film.gif", progress_bar=False)
    assert again.read_bytes() == filmed.read_bytes()


@pytest.mark.slow
def test_an_episode_with_a_budget_begins_without_a_network(budget_run, tmp_path):
    path = film(budget_run, tmp_path / "film.gif", progress_bar=False)
    first, second, *_ = pictures(path)
    assert (first[50:310, :440] < 128).sum() < (second[50:310, :440] < 128).sum()


def test_colours_come_back_from_the_file_nearly_as_they_were():
    rng = np.random.default_rng(0)
    colours = rng.integers(256, size=(40, 3), dtype=np.uint8)
    shown = [colours[rng.integers(40, size=(60, 80))] for _ in range(3)]
    found = np.array(Image.open(io.BytesIO(as_gif(iter(shown[:1])))).convert("RGB")).astype(int)
    assert np.abs(found - shown[0]).max() < 10


def test_the_command_films(run, tmp_path, capsys):
    out = tmp_path / "mine.gif"
    assert main(["film", "wine", "--policy", str(run), "--out", str(out), "--quiet"]) == 0
    assert capsys.readouterr().out == f"film in {out}\n"
    assert len(pictures(out)) == 6


@pytest.mark.slow
def test_the_end_of_the_name_may_be_in_capitals(run, tmp_path):
    assert len(pictures(film(run, tmp_path / "film.GIF", progress_bar=False))) == 6


def test_nothing_is_played_if_the_film_cannot_be_written(run, tmp_path, monkeypatch):
    (tmp_path / "film.gif").mkdir()
    monkeypatch.setattr(module, "steps_of_episode", None)
    for out in (tmp_path / "film.gif", "/proc/film.gif"):
        with pytest.raises(InputError, match=f"cannot write {out}: .*; choose another file"):
            film(run, out, progress_bar=False)
    assert not list((tmp_path / "film.gif").iterdir())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--out", "film.mp4"], "film.mp4: expected a name that ends with .gif"),
        (["--policy", "nowhere"], "holds no policy"),
        (["nonsense"], "nonsense"),
        (["--seed", "-1"], "--seed -1"),
        (["--penalty", "-1"], "penalty"),
        (["--out", "file/film.gif"], "cannot write file/film.gif"),
    ],
)
def test_bad_options_are_told_in_one_line(options, told, run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("no folder")
    policy = [] if "--policy" in options else ["--policy", str(run)]
    assert main(["film", *policy, *options, "--quiet"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
