"""Both languages are complete: a missing translation fails here."""

from __future__ import annotations

import re

from tools import translations

# 请求 is a request, 申请 an application: neither is a courtesy
SHOUTED = re.compile("[!！]|(?<!申)请(?!求)|成功")


def test_every_text_is_translated_and_compiled() -> None:
    assert list(translations.faults()) == []


def test_chinese_has_no_exclamation_marks_and_no_courtesies() -> None:
    shouted = [
        message.string
        for message in translations.read("zh")
        if message.id and SHOUTED.search(re.sub(r"\{[^}]*\}", "", str(message.string)))
    ]

    assert shouted == []


def test_chinese_sentences_end_as_chinese_sentences_do() -> None:
    odd = [
        message.string
        for message in translations.read("zh")
        if isinstance(message.string, str)
        and isinstance(message.id, str)
        and re.search(r"[一-鿿][.,:;?]($|\s)", message.string)
    ]

    assert odd == []
