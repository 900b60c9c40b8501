"""Empty templates to download: the heads, and for XLSX a sheet that explains them."""

from __future__ import annotations

import io

import xlsxwriter

from app.intake.files import new_workbook, write_csv
from app.intake.templates import Column, Language, Template, get_template, word_list

HELP_SHEETS: dict[Language, str] = {"zh": "说明", "en": "help"}
HELP_HEADS = ("中文", "English", "必填 / Needed", "说明", "Meaning", "可填 / Accepted")
VALIDATED_ROWS = 1_000
# Excel keeps a list of choices in at most 255 characters
MAX_CHOICES = 255
WIDE, NARROW = 48, 16
# Columns in which a spreadsheet program must not turn text into numbers or dates
TEXT_TYPES = frozenset({"lot", "text", "hs_code", "facility"})

MEANINGS: dict[str, tuple[str, str]] = {
    "lot": (
        "批次代码（AAAA-BBBB-CCCC）或本场自编批号。",
        "The lot's code (AAAA-BBBB-CCCC) or your own number.",
    ),
    "instant": (
        "日期，或日期加时间（北京时间）：2026-03-05、2026/3/5 8:30、2026年3月5日。"
        "只写日期按中午 12 点计。",
        "Date, or date and time, of Asia/Shanghai: 2026-03-05, 2026/3/5 8:30. "
        "A date alone is noon.",
    ),
    "date": ("日期：2026-03-05、2026年3月5日。", "Date: 2026-03-05."),
    "facility": (
        "场所代码或登记名称。",
        "The facility's code or its registered name.",
    ),
    "material": (
        "物料目录中的代码或名称。",
        "Code or name of a material of the catalogue.",
    ),
    "material_or_loss": (
        "产出行填物料；损耗行填损耗种类；投入行可空。",
        "A material on rows of output, the kind of loss on rows of loss; may be empty "
        "on rows of input.",
    ),
    "word": ("填右侧所列的词之一。", "One of the words on the right."),
    "mass": (
        "表头写明单位：kg 最多 3 位小数，t 最多 6 位小数。",
        "The head names the unit: kg with up to 3 decimals, t with up to 6.",
    ),
    "percent": (
        "质量百分比，最多 4 位小数，如 5.2。",
        "Percentage of mass, up to 4 decimals, such as 5.2.",
    ),
    "hs_code": ("10 位数字，进口批次必填。", "10 digits, needed for imported lots."),
    "country": (
        "国家名称或两位字母代码，进口批次必填。",
        "Name or two-letter code, needed for imported lots.",
    ),
    "quantity": ("数字，最多 3 位小数。", "A number, up to 3 decimals."),
    "text": ("文字，最多 200 字。", "Text of up to 200 characters."),
}
# Where a column means more than its type
MEANINGS_OF_COLUMNS: dict[str, tuple[str, str]] = {
    "run": (
        "本场工序编号；同一工序的各行相同，一行一个物流。",
        "Your number of the run, the same on all its rows; one row a flow.",
    ),
    "transfer": (
        "交接单编号。发出方填发出各列，接收方填接收各列。",
        "Number of the transfer. The sender fills in the dispatch, the receiver the "
        "receipt.",
    ),
    "net": (
        "净重。填写毛重和皮重时，净重 = 毛重 - 皮重。",
        "Net weight; gross less tare where both are given.",
    ),
    "declared_on": ("进口申报日期，进口批次必填。", "Needed for imported lots."),
    "content": (
        "净料（去水、去杂）的金属含量 %；空缺时取目录中的通常值。",
        "Metal content in % of the clean, dry mass; the usual value of the catalogue "
        "where it is empty.",
    ),
    "electricity_kwh": (
        "整个工序的用电量，填一行即可。",
        "Of the whole run; one row is enough.",
    ),
    "gas_m3": (
        "整个工序的用气量，填一行即可。",
        "Of the whole run; one row is enough.",
    ),
    "km": ("整公里数。", "Whole kilometres."),
}
PRIVATE_MEANING = (
    "账本条目中只存加盐摘要，内容可以删除。",
    "The ledger holds only a salted digest; the value can be erased.",
)


def template_csv(template_id: str, language: Language, *, bom: bool = True) -> bytes:
    """An empty CSV file with the heads of a template.

    Args:
        template_id: Such as ``sourced``.
        language: Of the heads.
        bom: Whether a byte order mark begins the file, for spreadsheet programs.

    Raises:
        UnknownTemplate: There is no such template.
    """
    template = get_template(template_id)
    heads = [column.head(language) for column in template.columns]
    return b"".join(write_csv(heads, [], bom=bom))


def template_xlsx(template_id: str, language: Language) -> bytes:
    """An empty XLSX file with the heads of a template and a sheet of explanations.

    Raises:
        UnknownTemplate: There is no such template.
    """
    template = get_template(template_id)
    stream = io.BytesIO()
    with new_workbook(stream) as book:
        _data_sheet(book, template, language)
        _help_sheet(book, template, language)
    return stream.getvalue()


def _data_sheet(
    book: xlsxwriter.Workbook, template: Template, language: Language
) -> None:
    page = book.add_worksheet(template.title(language))
    bold = book.add_format({"bold": True})
    text = book.add_format({"num_format": "@"})
    page.freeze_panes(1, 0)
    for number, column in enumerate(template.columns):
        kept = text if column.type in TEXT_TYPES else None
        page.set_column(number, number, NARROW, kept)
        page.write_string(0, number, column.head(language), bold)
        choices = [] if column.words is None else _words(column, language)
        if choices and len(",".join(choices)) <= MAX_CHOICES:
            page.data_validation(
                1,
                number,
                VALIDATED_ROWS,
                number,
                {"validate": "list", "source": choices},
            )


def _words(column: Column, language: Language) -> list[str]:
    words = word_list(column.words or "")
    return [words.word(value, language) for value in words.words]


def _help_sheet(
    book: xlsxwriter.Workbook, template: Template, language: Language
) -> None:
    page = book.add_worksheet(HELP_SHEETS[language])
    bold = book.add_format({"bold": True})
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    page.set_column(0, 2, NARROW, wrapped)
    page.set_column(3, 5, WIDE, wrapped)
    page.freeze_panes(1, 0)
    for number, head in enumerate(HELP_HEADS):
        page.write_string(0, number, head, bold)
    for row, column in enumerate(template.columns, 1):
        for number, cell in enumerate(_help(column)):
            page.write_string(row, number, cell, wrapped)


def _help(column: Column) -> tuple[str, str, str, str, str, str]:
    zh, en = MEANINGS_OF_COLUMNS.get(column.id, MEANINGS[column.type])
    if column.private is not None:
        zh, en = f"{zh}{PRIVATE_MEANING[0]}", f"{en} {PRIVATE_MEANING[1]}"
    needed = "是 / yes" if column.required else ""
    return column.head("zh"), column.head("en"), needed, zh, en, _accepted(column)


def _accepted(column: Column) -> str:
    names = {"word": column.words, "material_or_loss": "loss"}.get(column.type)
    if names is None:
        return ""
    return "\n".join(" / ".join(words) for words in word_list(names).words.values())
