"""C code for tables: names and texts of any kind, codes from texts, a self-test, exact size."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from rlnas.columns.encoding import Column, Rule
from rlnas.data.targets import Targets
from rlnas.export.c.code import clear_samples, write_c
from rlnas.export.c.names import KEYWORDS, SIGNIFICANT, quoted
from rlnas.export.c.table import OWN
from tests.core.export.exported import STRICT, c_logits
from tests.core.export.integers import INTEGERS
from tests.core.export.tables import FAR, HOSTILE, Case, case_of, encoding_of
from tests.core.export.test_c_code import network as plain_network, run
from tests.core.export.test_table_exports import CASE, RULES, TABLE

STRICT_CPP = ["-std=c++11", *STRICT[1:]]


def flags_of(columns: tuple[Column, ...]) -> Case:
    """A case in which each code of each column is a feature, and all are read."""
    features = [
        (place, Rule.IS, float(code)) if column.kind == "category" else (place, Rule.VALUE, 0.5)
        for place, column in enumerate(columns)
        for code in range(column.n_codes or 1)
    ]
    return case_of(encoding_of(columns, features), seed=1, rows=200)


def category(name: str, *texts: str, other: bool = False) -> Column:
    return Column(name, "category", texts, other)


# --- names ---

SAME = (
    category("a", "b c", "b-c", "B_C", "missing", "other", "", "<", ">", other=True),
    category("a b", "c", "from text"),
    Column("a missing", "number"),
    category("a_other", "x"),
    category("a from text", "x"),
    category("数", "红", "绿", other=True),
    category("", "2024", "-1", "1"),
    Column("2024", "date"),
    Column("größe", "number"),
    Column("Größe", "boolean"),
)


def constants(header: str) -> dict[str, int]:
    """Constants of enumerations and their codes."""
    return {name: int(code) for name, code in re.findall(r"^    (\w+) = (-?\d+),?", header, re.M)}


@pytest.mark.parametrize(
    "columns",
    [
        SAME,
        tuple(category(name, *HOSTILE, other=True) for name in HOSTILE),
        tuple(category(name, "a", "float") for name in sorted(OWN)),
        tuple(Column(name, "number") for name in sorted(KEYWORDS)),
    ],
    ids=["same", "hostile", "own", "keywords"],
)
def test_columns_and_categories_of_any_name_compile_as_c_and_cpp(columns, tmp_path):
    case = flags_of(columns)
    write_c(case.inference, tmp_path, "network", case.codes)
    c_logits(tmp_path, case.codes, case.inference)
    header = (tmp_path / "network.h").read_text()
    read = {each.name: each for each in columns}
    expected = sum(each.n_codes + 1 for each in columns if each.kind == "category")
    assert len(read) == len(columns)
    assert len(constants(header)) == expected
    (tmp_path / "main.cpp").write_text('#include "network.h"\nint main() { return 0; }\n')
    subprocess.run(["c++", *STRICT_CPP, "-c", "main.cpp"], check=True, cwd=tmp_path)


def test_names_are_those_of_columns_and_categories_where_possible(tmp_path):
    write_c(CASE.inference, tmp_path, "shop", CASE.codes)
    header = (tmp_path / "shop.h").read_text()
    body = re.search(r"typedef struct {\n(.*?)\n} shop_row;", header, re.S)[1]
    assert body.splitlines() == [
        '    float age; /* "age": NAN if missing */',
        '    float since; /* "since": days since 1970-01-01 in UTC, NAN if missing */',
        '    signed char member; /* "member": 0 or 1, -1 if missing */',
        '    enum shop_colour colour; /* "colour" */',
        '    enum shop_size size; /* "size" */',
    ]
    assert constants(header) == {
        "SHOP_COLOUR_MISSING": -1,
        "SHOP_COLOUR_RED": 0,
        "SHOP_COLOUR_GRUN": 1,
        "SHOP_COLOUR_OTHER": 2,
        "SHOP_SIZE_MISSING": -1,
        "SHOP_SIZE_S": 0,
        "SHOP_SIZE_M": 1,
    }
    assert "north" not in header  # of a column that is not read


@pytest.mark.parametrize("prefix", ["n", "n" * 40])
def test_identifiers_differ_in_what_c99_distinguishes(prefix, tmp_path):
    long = "a very long name of a column or a category "
    columns = tuple(
        category(f"{long}{k}", *(f"{long}{j}" for j in range(12)), other=True) for k in range(11)
    )
    case = flags_of(columns)
    write_c(case.inference, tmp_path, prefix, case.codes)
    names = constants((tmp_path / f"{prefix}.h").read_text())
    assert len(names) == 11 * 14
    assert max(map(len, names)) <= SIGNIFICANT
    subprocess.run(["cc", *STRICT, "-c", f"{prefix}.c"], check=True, cwd=tmp_path)


def test_names_of_the_code_itself_are_known(tmp_path):
    networks = {"table": CASE.inference, "far": plain_network(1, 1e8), **INTEGERS}
    for name, inference in networks.items():
        raw = np.ones((1, inference.n_columns))
        for form in ("c", "c-int8", "c-int"):
            write_c(inference, tmp_path / f"{name}-{form}", "net", raw, form)
    numbers = CASE.inference
    targets = Targets(("a", "b", "c"), np.zeros(3), np.ones(3), np.ones(3, np.float32))
    for form in ("c", "c-int8"):
        raw = np.ones((1, numbers.n_columns))
        write_c(replace(numbers, targets=targets), tmp_path / f"numbers-{form}", "net", raw, form)
    texts = [path.read_text().replace("net_test.c", "") for path in tmp_path.rglob("net*.[ch]")]
    found = {name.lower() for text in texts for name in re.findall(r"\bnet_(\w+)", text, re.I)}
    ours = re.compile("(colour|size)(_from_text|_missing|_other|_red|_grun|_s|_m)?")
    assert {name for name in found if not ours.fullmatch(name)} | {"read_double"} == OWN


@settings(max_examples=200)
@given(st.text('*/\\"?\n\r aé\u202e\u2028\x00', max_size=12))
def test_quoted_text_stays_in_its_comment(text):
    shown = quoted(text)
    assert "*/" not in shown
    assert "/*" not in shown
    assert shown.isprintable()
    assert shown.startswith('"')
    assert shown.endswith('"')


# --- codes from texts ---

ASK = """
#include <stdio.h>
#include "network.h"
int main(void) {
    static const char *const texts[] = { TEXTS };
    unsigned k;
    for (k = 0; k < sizeof texts / sizeof *texts; k++) {
        printf("%d %d ", (int)network_colour_from_text(texts[k]),
            (int)network_size_from_text(texts[k]));
    }
    return 0;
}
"""


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_texts_become_the_codes_that_they_have_in_python(language, tmp_path):
    write_c(CASE.inference, tmp_path, "network", CASE.codes)
    texts = ["red", "gr\\303\\274n", "re", "redd", "S", "M", "blue", ""]
    literals = ", ".join([*(f'"{text}"' for text in texts), "0"])
    (tmp_path / f"main.{language}").write_text(ASK.replace("TEXTS", literals))
    compiler, strict = {"c": ("cc", STRICT), "cpp": ("c++", STRICT_CPP)}[language]
    shown = run(tmp_path, *strict, f"main.{language}", compiler=compiler)
    pairs = [(0, -1), (1, -1), (2, -1), (2, -1), (2, 0), (2, 1), (2, -1), (-1, -1), (-1, -1)]
    assert shown.split() == [str(code) for pair in pairs for code in pair]


def test_unused_texts_take_no_memory(tmp_path):
    case = flags_of((category("colour", "unmistakable", "b"),))
    write_c(case.inference, tmp_path, "network", case.codes)
    subprocess.run(["cc", *STRICT, "-O0", "-c", "network.c"], check=True, cwd=tmp_path)
    assert b"unmistakable" not in (tmp_path / "network.o").read_bytes()


# --- rows ---


def test_documented_use_gives_the_class_of_python(tmp_path):
    """A program as a user writes it: constants by name, gaps as the header says."""
    write_c(CASE.inference, tmp_path, "shop", CASE.codes)
    rows = {
        "{ 5.0f, 0.5f, 1, SHOP_COLOUR_RED, SHOP_SIZE_M }": [5, 0.5, 1, 0, 1, 0],
        "{ NAN, NAN, -1, SHOP_COLOUR_MISSING, SHOP_SIZE_MISSING }": [np.nan] * 6,
        "{ NAN, 3.5f, 0, SHOP_COLOUR_OTHER, SHOP_SIZE_S }": [np.nan, 3.5, 0, 2, 0, np.nan],
        "{ 3.0f, NAN, -1, SHOP_COLOUR_GRUN, SHOP_SIZE_MISSING }": [3, np.nan, np.nan, 1, np.nan, 1],
    }
    (tmp_path / "main.c").write_text(f"""
#include <math.h>
#include <stdio.h>
#include "shop.h"
int main(void) {{
    static const shop_row rows[] = {{ {", ".join(rows)} }};
    int k;
    for (k = 0; k < {len(rows)}; k++) {{
        shop_feature features[SHOP_FEATURES];
        shop_encode(&rows[k], features);
        printf("%s%d ", shop_class_name(shop_classify(features)), shop_valid(features));
    }}
    return 0;
}}
""")
    classes = CASE.inference.logits(np.array(list(rows.values()), float)).argmax(axis=1)
    assert len(set(classes.tolist())) > 1
    expected = [f"{CASE.inference.class_names[number]}1" for number in classes]
    assert run(tmp_path, *STRICT, "main.c", "shop.c").split() == expected


def test_only_columns_that_float_cannot_tell_apart_are_double(tmp_path):
    case = case_of(encoding_of(TABLE[:2], [(0, Rule.VALUE, 1.0), (1, Rule.VALUE, 2.0)]), seed=0)
    for offset, kinds in (([0, 0], "float float"), ([0, 1e8], "float double")):
        case.preprocessing.offset.setflags(write=True)
        case.preprocessing.offset[:] = offset
        write_c(case.inference, tmp_path, "network", case.codes)
        header = (tmp_path / "network.h").read_text()
        assert " ".join(re.findall(r"^    (float|double) \w+;", header, re.M)) == kinds


# --- self-test and size ---


@pytest.mark.parametrize("form", ["c", "c-int8", "c-int"])
@pytest.mark.parametrize("far", [False, True])
def test_self_test_has_gaps_and_categories_and_passes(form, far, tmp_path):
    rules = [(k, rule, FAR if far and k < 2 else operand) for k, rule, operand in RULES]
    case = case_of(encoding_of(TABLE, rules), seed=5, far=far, rows=200)
    inference = case.inference
    assert (inference.dtype == np.float64) == far
    write_c(inference, tmp_path, "shop", case.codes, form)
    text = (tmp_path / "shop_test.c").read_text()
    for word in ("NAN", "MISSING", "OTHER", "RED", "GRUN", "-1,", "SIZE_M,"):
        assert word in text
    shown = run(tmp_path, *STRICT, "shop_test.c", "shop.c")
    assert re.fullmatch(r"shop: 0 of ([4-9]|10) samples are wrong\n", shown)


def test_self_test_notices_a_wrong_rule(tmp_path):
    case = case_of(encoding_of(TABLE, RULES), seed=5, rows=200)
    write_c(case.inference, tmp_path, "shop", case.codes)
    source = (tmp_path / "shop.c").read_text()
    assert source.count("row->member < 0 ?") == 1
    (tmp_path / "shop.c").write_text(source.replace("? 1.0f : 0.0f", "? 0.0f : 1.0f"))
    subprocess.run(["cc", *STRICT, "shop_test.c", "shop.c"], check=True, cwd=tmp_path)
    assert subprocess.run([tmp_path / "a.out"], stdout=subprocess.DEVNULL).returncode > 0


def test_samples_with_gaps_that_nothing_replaces_are_in_no_self_test():
    rules = [(0, Rule.VALUE, np.nan), (4, Rule.IS, 1.0)]
    case = case_of(encoding_of(TABLE, rules), seed=2, rows=100)
    assert 0 in case.inference.inputs
    samples = clear_samples(case.inference, case.codes)
    assert len(samples)
    assert np.isfinite(samples[:, 0]).all()
    assert np.isnan(samples[:, 4]).any()


@pytest.mark.parametrize("form", ["c", "c-int8", "c-int"])
@pytest.mark.parametrize("far", [False, True])
def test_footprint_equals_size_of_constants(form, far, tmp_path):
    inference = case_of(encoding_of(TABLE, RULES), seed=5, far=far).inference
    _, footprint = write_c(inference, tmp_path, "shop", CASE.codes, form)
    subprocess.run(["cc", *STRICT, "-O0", "-c", "shop.c"], check=True, cwd=tmp_path)
    lines = subprocess.run(
        ["nm", "--print-size", "--defined-only", "shop.o"],
        check=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    sizes = [int(line.split()[1], 16) for line in lines if line.split()[2] not in "tT"]
    assert sum(sizes) == footprint.flash


def test_files_of_the_self_test_are_left_out_without_clear_samples(tmp_path):
    files, _ = write_c(CASE.inference, tmp_path, "shop", CASE.codes[:0])
    assert files == ["shop.c", "shop.h"]
    subprocess.run(["cc", *STRICT, "-c", "shop.c"], check=True, cwd=Path(tmp_path))
