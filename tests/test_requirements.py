"""Tests run with versions that `pyproject.toml` allows, and with the lowest ones."""

import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.snippets import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
LIBRARIES = "libraries"  # Tianshou accepts no newer filelock and pandas: versions of its own
SITE = "docs"  # wants a newer Jinja than rlnas does, and takes no part in tests


def pins(file: str) -> dict[str, Version]:
    """The exact versions in a file of constraints."""
    lines = (ROOT / file).read_text().splitlines()
    pairs = (line.split("==") for line in lines if "==" in line and not line.startswith("#"))
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def requirements(extras: set[str]) -> list[Requirement]:
    return [Requirement(line) for extra in sorted(extras) for line in EXTRAS[extra]]


@pytest.mark.parametrize(
    ("file", "extras"),
    [
        ("constraints.txt", EXTRAS.keys() - {LIBRARIES}),
        ("constraints-lowest.txt", EXTRAS.keys() - {LIBRARIES, SITE}),
        ("constraints-libraries.txt", {LIBRARIES}),
    ],
)
def test_pinned_versions_are_allowed(file, extras):
    exact = pins(file)
    for requirement in requirements(extras):
        assert exact[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_the_lowest_versions_that_are_allowed_are_tested():
    exact = pins("constraints-lowest.txt")
    for requirement in requirements(EXTRAS.keys() - {LIBRARIES, SITE}):
        (floor,) = requirement.specifier
        assert floor.operator == ">="
        if requirement.name != "torch":  # the file says why
            assert exact[canonicalize_name(requirement.name)] == Version(floor.version), requirement
