"""The templates of files: columns, their heads in two languages, the words they take.

``app/data/templates.json`` is the single definition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from app.data import read_json
from app.intake.text import name_key

Language = Literal["zh", "en"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a template.

    Attributes:
        id: Its name in the code.
        zh: Chinese head, without the unit.
        en: English head, without the unit.
        type: How its cells are read: a name that ``cells`` knows.
        required: Every row fills it.
        words: Name of the word list, where the type is ``word``.
        private: The field of the disclosure, where the value stays out of entries.
    """

    id: str
    zh: str
    en: str
    type: str
    required: bool = False
    words: str | None = None
    private: str | None = None

    def name(self, language: Language) -> str:
        """The head in a language, without the unit."""
        return self.zh if language == "zh" else self.en

    def head(self, language: Language) -> str:
        """The head as files carry it, with kg or % where the column has one."""
        unit = {"mass": " (kg)", "percent": " (%)"}.get(self.type, "")
        return self.name(language) + unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One kind of file.

    Attributes:
        id: Its name in the code and in addresses.
        title_zh: Chinese title.
        title_en: English title.
        fact: Types of the facts that its rows become, separated by ``|``.
        columns: In the order in which files of ours have them.
        group_by: The column whose value rows of one fact share; None where each row
            is a fact of its own.
    """

    id: str
    title_zh: str
    title_en: str
    fact: str
    columns: tuple[Column, ...]
    group_by: str | None = None

    def title(self, language: Language) -> str:
        """The title in a language."""
        return self.title_zh if language == "zh" else self.title_en

    def column(self, column_id: str) -> Column:
        """A column by its id; KeyError where there is none."""
        return _columns(self.id)[column_id]


class UnknownTemplate(KeyError):
    """There is no template of this name."""


@dataclass(frozen=True, slots=True)
class WordList:
    """The words that a column takes, and what each means.

    Attributes:
        meanings: Value by word, the word as ``name_key`` gives it.
        words: For each value the words that stand for it, the Chinese first.
    """

    meanings: Mapping[str, str]
    words: Mapping[str, tuple[str, ...]]

    def word(self, value: str, language: Language) -> str:
        """The word that files of ours use for a value."""
        words = self.words[value]
        return words[0] if language == "zh" else _first_ascii(words)

    def listed(self, language: Language) -> str:
        """One word for each value, for a message."""
        return ", ".join(self.word(value, language) for value in self.words)


def _first_ascii(words: tuple[str, ...]) -> str:
    return next((word for word in words if word.isascii()), words[-1])


@cache
def templates() -> Mapping[str, Template]:
    """All templates, by id."""
    found: dict[str, Any] = read_json("templates.json")["templates"]
    return {name: _template(name, value) for name, value in found.items()}


def _template(name: str, value: Mapping[str, Any]) -> Template:
    columns = tuple(Column(**one) for one in value["columns"])
    rest = {key: one for key, one in value.items() if key != "columns"}
    return Template(id=name, columns=columns, **rest)


def get_template(template_id: str) -> Template:
    """A template by its id.

    Raises:
        UnknownTemplate: There is none.
    """
    try:
        return templates()[template_id]
    except KeyError:
        raise UnknownTemplate(template_id) from None


@cache
def _columns(template_id: str) -> Mapping[str, Column]:
    return {one.id: one for one in templates()[template_id].columns}


@cache
def word_list(name: str) -> WordList:
    """The words of a list of ``templates.json``."""
    found: dict[str, list[str]] = read_json("templates.json")["words"][name]
    meanings = {
        name_key(word): value
        for value, words in found.items()
        for word in (*words, value)
    }
    return WordList(meanings, {value: tuple(words) for value, words in found.items()})
