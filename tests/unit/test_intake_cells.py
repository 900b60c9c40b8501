"""One cell to one value: masses, percentages, words, codes, names."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal

import pytest

from app.intake.cells import (
    parse_country,
    parse_hs_code,
    parse_mass,
    parse_material,
    parse_material_or_loss,
    parse_number_text,
    parse_percent,
    parse_quantity,
    parse_text,
    parse_word,
)
from app.intake.dates import Cell
from app.intake.faults import BadCell
from app.intake.templates import get_template, templates, word_list


@pytest.mark.parametrize(
    ("cell", "mass_g"),
    [
        ("12400", 12_400_000),
        ("12,400", 12_400_000),
        ("12 400", 12_400_000),
        ("12\u2009400", 12_400_000),
        ("12\u202f400", 12_400_000),
        ("12\u00a0400", 12_400_000),
        ("12，400", 12_400_000),
        ("12'400", 12_400_000),
        ("12\u2019400", 12_400_000),
        ("１２，４００．５", 12_400_500),
        ("1,234.5", 1_234_500),
        ("+7", 7_000),
        ("0.001", 1),
        ("007.10", 7_100),
        ("12.4000", 12_400),
        ("\u300012.4\u3000", 12_400),
        ("12.4 kg", 12_400),
        ("12.4公斤", 12_400),
        ("1000000000", 10**12),
        (12, 12_000),
        (Decimal("12400.5"), 12_400_500),
        (Decimal("1E+9"), 10**12),
    ],
)
def test_a_weight_in_kg_becomes_whole_grams(cell: Cell, mass_g: int) -> None:
    assert parse_mass(cell, "kg") == mass_g


@pytest.mark.parametrize(
    ("cell", "mass_g"),
    [("12.4", 12_400_000), ("0.000001", 1), ("1,234.5 吨", 1_234_500_000), (1, 10**6)],
)
def test_a_weight_in_t_becomes_whole_grams(cell: Cell, mass_g: int) -> None:
    assert parse_mass(cell, "t") == mass_g


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("12,4oo", "expected a weight such as 12 400 or 12400.5 kg"),
        ("12,40", "expected a weight such as"),
        ("1,23,456", "expected a weight such as"),
        ("1,234 567", "expected a weight such as"),
        ("12.4.5", "expected a weight such as"),
        ("1e5", "expected a weight such as"),
        ("0x10", "expected a weight such as"),
        ("NaN", "expected a weight such as"),
        ("inf", "expected a weight such as"),
        ("∞", "expected a weight such as"),
        ("12⁵", "expected a weight such as"),
        ("½", "expected a weight such as"),
        ("٣", "expected a weight such as"),
        ("一百", "expected a weight such as"),
        ("--5", "expected a weight such as"),
        ("12 4 t", "expected a weight such as"),
        ("#ERROR", "expected a weight such as"),
        ("5\u200b0", "expected a weight such as"),
        ("5\u202e0", "expected a weight such as"),
        ("\ud800", "expected a weight such as"),
        ("9" * 5000, "expected a weight such as"),
        ("12.4 t", "expected kg, as the head of the column says"),
        ("50%", "expected kg, as the head of the column says"),
        ("-5", "expected no negative number"),
        ("－５", "expected no negative number"),
        ("\u22125", "expected no negative number"),
        (-5, "expected no negative number"),
        (Decimal("-0.5"), "expected no negative number"),
        ("0", "expected a weight above 0"),
        ("0.000", "expected a weight above 0"),
        (Decimal("0"), "expected a weight above 0"),
        ("1.0001", "expected at most 3 decimals"),
        (Decimal("1.0001"), "expected at most 3 decimals"),
        (Decimal("1E-400"), "expected at most 3 decimals"),
        ("1000000000.001", "expected at most 1000000000 kg"),
        (Decimal("1E+15"), "expected at most 1000000000 kg"),
        (Decimal("1E+400"), "expected a weight such as"),
        (Decimal("NaN"), "expected a weight such as"),
        (Decimal("Infinity"), "expected a weight such as"),
        (True, "expected a weight such as"),
        (date(2026, 3, 5), "expected a weight such as"),
        (time(8, 30), "expected a weight such as"),
    ],
)
def test_what_is_no_weight_in_kg_is_refused(cell: Cell, expected: str) -> None:
    with pytest.raises(BadCell) as refused:
        parse_mass(cell, "kg")

    assert str(refused.value).startswith(expected)


def test_a_tare_may_be_nothing() -> None:
    assert parse_mass("0", "kg", zero=True) == 0


@pytest.mark.parametrize(
    ("cell", "ppm"),
    [
        ("5.2", 52_000),
        ("５．２％", 52_000),
        ("95 %", 950_000),
        ("0", 0),
        ("100", 1_000_000),
        ("0.0001", 1),
        (Decimal("97.1239"), 971_239),
    ],
)
def test_a_percentage_becomes_whole_ppm(cell: Cell, ppm: int) -> None:
    assert parse_percent(cell) == ppm


@pytest.mark.parametrize("cell", ["100.0001", "0.00001", "-1", "5 kg", "low", 101])
def test_what_is_no_percentage_is_refused(cell: Cell) -> None:
    with pytest.raises(BadCell):
        parse_percent(cell)


def test_a_quantity_becomes_whole_thousandths() -> None:
    assert parse_quantity("1,250.5") == 1_250_500
    assert parse_quantity(0) == 0
    for cell in ("-1", "5 kg", "10000000000000", "1.0001"):
        with pytest.raises(BadCell):
            parse_quantity(cell)


@pytest.mark.parametrize("cell", ["A-\u200b1", "\ufeffA-1", "A\u00ad1", "A\u200d1"])
def test_an_own_number_holds_no_invisible_character(cell: str) -> None:
    with pytest.raises(BadCell, match="hidden character U"):
        parse_number_text(cell)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("A-001", "A-001"),
        (" Ａ－００１ ", "A-001"),
        ("老张-7", "老张-7"),
        (20260305001, "20260305001"),
        (Decimal("12.5"), "12.5"),
        ("007", "007"),
        ("e\u0301", "é"),
    ],
)
def test_an_own_number_is_text_in_one_form(cell: Cell, text: str) -> None:
    assert parse_number_text(cell) == text


@pytest.mark.parametrize(
    "cell",
    ["2.02603E+11", "2E+11", 10**15, Decimal("2.02603E+17")],
)
def test_an_own_number_whose_digits_were_dropped_is_refused(cell: Cell) -> None:
    with pytest.raises(BadCell, match="has dropped the last ones"):
        parse_number_text(cell)


@pytest.mark.parametrize(
    "cell", [date(2026, 3, 5), datetime(2026, 3, 5), time(1), True]
)
def test_an_own_number_that_became_another_value_is_refused(cell: Cell) -> None:
    with pytest.raises(BadCell, match="has made another value of it"):
        parse_number_text(cell)


@pytest.mark.parametrize("text", ["𠮷", "镓", "备注 🚚", "O'Brien", "Straße", "👨‍👩‍👧"])
def test_text_of_every_kind_is_kept(text: str) -> None:
    assert parse_text(text) == text


def test_line_breaks_and_tabs_inside_text_become_blanks() -> None:
    assert parse_text("第一行\r\n第二行\tz") == "第一行 第二行 z"


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("a\x00b", "U+0000"),
        ("a\x07b", "U+0007"),
        ("a\x85b", "U+0085"),
        ("a\ud83d", "U+D83D"),
        ("a\u202eb", "U+202E"),
        ("a\u2066b", "U+2066"),
        ("a\u200fb", "U+200F"),
        ("a\ue000b", "U+E000"),
    ],
)
def test_text_that_hides_or_turns_is_refused(text: str, point: str) -> None:
    with pytest.raises(BadCell) as refused:
        parse_text(text)

    assert point in str(refused.value)


def test_text_that_lost_a_character_on_its_way_is_refused() -> None:
    with pytest.raises(BadCell, match="a character was lost"):
        parse_text("公\ufffd")


def test_text_that_is_too_long_is_refused() -> None:
    assert parse_text("长" * 200) == "长" * 200
    with pytest.raises(BadCell, match="at most 200 characters"):
        parse_text("长" * 201)


@pytest.mark.parametrize(
    ("cell", "code"),
    [("7602000090", "7602000090"), ("7602.0000.90", "7602000090"), (7602000090,) * 2],
)
def test_an_hs_code_is_ten_digits(cell: Cell, code: object) -> None:
    assert parse_hs_code(cell) == str(code)


@pytest.mark.parametrize("cell", ["760200009", "76020000901", "76O2000090", ""])
def test_another_number_of_digits_is_no_hs_code(cell: str) -> None:
    with pytest.raises(BadCell, match="10 digits"):
        parse_hs_code(cell)


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("JP", "JP"),
        ("jp", "JP"),
        ("日本", "JP"),
        ("Japan", "JP"),
        ("美国", "US"),
        ("USA", "US"),
        ("德国", "DE"),
        ("Côte d’Ivoire", "CI"),
        ("香港", "HK"),
        ("中国台湾", "TW"),
        ("韩国", "KR"),
        ("South Korea", "KR"),
        ("NA", "NA"),
    ],
)
def test_a_country_is_known_by_code_and_by_name(cell: str, code: str) -> None:
    assert parse_country(cell) == code


@pytest.mark.parametrize("cell", ["EU", "ZZ", "XK", "欧洲", "Atlantis", "J P", "419"])
def test_what_is_no_country_is_refused(cell: str) -> None:
    with pytest.raises(BadCell):
        parse_country(cell)


def test_every_word_of_every_list_is_read_in_any_case() -> None:
    lists = {
        column.words
        for template in templates().values()
        for column in template.columns
        if column.words is not None
    }
    for name in lists | {"loss"}:
        for value, words in word_list(name).words.items():
            for word in (*words, value):
                for spelling in (word, word.upper(), f" {word} "):
                    assert parse_word(spelling, name, "zh") == value


def test_no_word_of_a_list_stands_for_two_values() -> None:
    for template in templates().values():
        for column in template.columns:
            if column.words is not None:
                listed = word_list(column.words)
                words = [one for found in listed.words.values() for one in found]
                assert len(words) == len(set(words))


def test_an_unknown_word_is_answered_with_those_that_are_known() -> None:
    with pytest.raises(BadCell, match="expected one of: 化验, 申报, 牌号"):
        parse_word("目测", "content_basis", "zh")
    with pytest.raises(BadCell, match="expected one of: assay, declared, grade"):
        parse_word("guess", "content_basis", "en")


@pytest.mark.parametrize(
    "cell", ["AL-SCRAP-MIXED", "al-scrap-mixed", "废铝（混合）", "废铝(混合)"]
)
def test_a_material_is_known_by_code_and_by_name(cell: str) -> None:
    assert parse_material(cell) == "AL-SCRAP-MIXED"


def test_a_name_that_two_materials_have_names_none() -> None:
    with pytest.raises(BadCell):
        parse_material("Old zinc die cast scrap")


def test_an_unknown_material_is_answered_with_the_nearest() -> None:
    with pytest.raises(BadCell, match="perhaps AL-SCRAP-MIXED"):
        parse_material("AL-SCRAP-MIXD")
    with pytest.raises(BadCell, match="perhaps AL-SCRAP-PROFILE"):
        parse_material("铝型材（旧铝型材）")
    with pytest.raises(BadCell, match=r"catalogue$"):
        parse_material("木材")


def test_a_kind_of_loss_stands_where_a_material_may() -> None:
    assert parse_material_or_loss("烧损", "zh") == ("loss", "combustion")
    assert parse_material_or_loss("AL-DROSS", "zh") == "AL-DROSS"
    with pytest.raises(BadCell, match="or a kind of loss: 水分"):
        parse_material_or_loss("木材", "zh")


def test_every_column_of_every_template_has_a_parser() -> None:
    from app.intake.cells import parser_of  # noqa: PLC0415 - only here

    for template in templates().values():
        for column in get_template(template.id).columns:
            assert callable(parser_of(column, "kg", "zh"))
