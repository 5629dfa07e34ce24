"""Ids whose real data are not there are skipped; everything else finds the real data."""

import pytest

from tests.compat import helpers


@pytest.fixture
def present(request, monkeypatch):
    """A function that skips the test if an id lacks its data, and says where they are."""

    def check(name: str) -> str:
        if helpers.is_image(name):
            root = request.getfixturevalue("real_data_dir")
            monkeypatch.setenv("RLNAS_DATA_DIR", str(root))
        return name

    return check


@pytest.fixture(params=helpers.IDS)
def name(request, present) -> str:
    """Every id of rlnas."""
    return present(request.param)


@pytest.fixture(params=helpers.SCALAR)
def scalar(request, present) -> str:
    """Every id with a number as reward."""
    return present(request.param)
