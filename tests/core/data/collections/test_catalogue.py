"""Names of tables: which collection has one, what an unknown name was meant to be."""

import pytest

from rlnas.data.collections.catalogue import COLLECTIONS, KEEL, UCI, collection_of, find
from rlnas.data.loading import load_dataset
from rlnas.errors import InputError


def test_prefix_tells_the_collection():
    assert collection_of("keel:vowel") is KEEL
    assert collection_of("uci:no such table") is UCI
    for other in ("digits", "keel", "synthetic:1", "table.csv", None, 3):
        assert collection_of(other) is None


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("keel:Vowl", "keel:vowel"),
        ("uci:concret", "uci:concrete"),
        ("uci:vowel", "keel:vowel"),
        ("keel:concrete", "uci:concrete"),
        ("openml:yacht", "uci:yacht"),
        ("Concrete", "uci:concrete"),
        ("vowl", "keel:vowel"),
        ("winee", "wine or keel:wine or uci:wine"),
        ("fashion-mnst", "fashion_mnist"),
    ],
)
def test_similar_name_is_suggested_from_all_collections(source, meant):
    with pytest.raises(InputError, match="unknown") as caught:
        load_dataset(source)
    assert f"{source!r} (did you mean {meant}?)" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_data_set_is_told_how_to_list_every_collection():
    with pytest.raises(InputError, match="unknown data set 'qqq': expected digits") as caught:
        load_dataset("qqq")
    for name in COLLECTIONS:
        assert f"{name}:NAME (`rlnas data list --{name}` names all)" in str(caught.value)
    with pytest.raises(InputError, match="unknown UCI table 'uci:qqq': `rlnas data list --uci`"):
        load_dataset("uci:qqq")


def test_name_without_a_collection_is_found_in_none():
    with pytest.raises(InputError, match="expected keel:NAME or uci:NAME"):
        find("vowel")
