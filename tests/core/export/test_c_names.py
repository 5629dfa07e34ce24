"""Names of exports: what is refused, what becomes of any text, and strings in C."""

import pytest
from hypothesis import given, settings, strategies as st

from rlnas.errors import InputError
from rlnas.export.c.names import LONGEST, check_name, name_from


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("digits", "digits"),
        ("my-data 1", "my_data_1"),
        ("My Data", "my_data"),
        ("synthetic:5", "synthetic_5"),
        ("__init__", "init"),
        ("a__b", "a_b"),
        ("2024", "network_2024"),
        ("café Größe", "cafe_grosse"),
        ("数据", "network"),
        ("", "network"),
        ("../../etc/passwd", "etc_passwd"),
        ('x"; int main() {} //', "x_int_main"),
        ("x" * 300, "x" * (LONGEST - 8)),
        ("features", "features_network"),  # features.h is a header of the C library
        ("NUL", "nul_network"),  # a device of Windows
        ("digits_test", "digits_test_network"),  # digits_test.c is the self-test of digits.c
    ],
)
def test_any_data_set_name_becomes_valid_c_name(text, name):
    assert name_from(text) == name


@settings(max_examples=50)
@given(st.text())
def test_any_text_becomes_a_name_that_is_accepted(text):
    name = name_from(text)
    assert check_name(name) == name
    assert name_from(name) == name[: LONGEST - 8].rstrip("_")


@pytest.mark.parametrize("name", ["digits", "a", "a_1", "mlp2_small", "int", "x" * LONGEST])
def test_plain_name_is_accepted(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "1a", "_a", "a_", "a__b", "A", "aB", "a-b", "a b", "a.b", "../a", "é", "²", "a\n", "a\0"],
)
def test_invalid_or_ambiguous_name_is_refused(name):
    with pytest.raises(InputError, match="cannot name an export: expected at most 40 lower-case"):
        check_name(name)
    with pytest.raises(InputError, match="at most 40"):
        check_name("x" * (LONGEST + 1))


@pytest.mark.parametrize("name", ["string", "features", "stdio", "con", "lpt1", "digits_test"])
def test_name_of_system_header_is_refused_with_suggestion(name):
    with pytest.raises(InputError, match=f"choose another, such as '{name}_network'"):
        check_name(name)
