"""/ledger/search: entries by lot, organisation, kind and day, for their readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response as FlaskResponse
from flask import render_template, request
from flask_babel import gettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.db import reading
from app.export.tables import Column
from app.export.tables import Row as TableRow
from app.models import OrganisationRow, SigningKeyRow
from app.publishing import log_policy
from app.queries.cosigned import asks_for_witnesses, find_published_checkpoint
from app.queries.entry_search import (
    MOST_COUNTED,
    EntryQuestion,
    EntrySearch,
    find_organisations,
)
from app.queries.explorer import lots_behind
from app.queries.facts import EntryView, Reader
from app.queries.log import find_checkpoint
from app.queries.registers import keys_by_name, organisations_by_code
from app.security import find_actor, log_reader_for, require_sign_in
from app.services.errors import FieldFault, Forbidden, Refused
from app.services.facts import FACT_TYPES
from app.web.entry_words import sentence, type_name
from app.web.fact_words import holder_name
from app.web.ledger import bp, may_search
from app.web.lists import asked_choice, asked_days, asked_key, asked_text, csv_file
from app.web.numbers import grouped
from app.web.verify import name_of
from labels.codes import BadCode, parse_code

PAGE = 50
ROWS_A_READ = 500
ASKED = ("lot", "organisation", "type", "since", "until")
TITLES = ("账本条目", "Entries of the log")
COLUMNS = (
    Column("entry", "条目", "Entry", "integer"),
    Column("kind", "类型", "Kind", "text"),
    Column("what", "事由", "What happened", "text"),
    Column("at", "时间 (UTC)", "When (UTC)", "text"),
    Column("organisation", "组织编号", "Organisation code", "text"),
    Column("name", "组织", "Organisation", "text"),
    Column("lots", "批次", "Lots", "text"),
    Column("keys", "密钥保管方", "Key kept by", "text"),
    Column("taken_back_by", "撤销条目", "Taken back by entry", "integer"),
    Column("leaf_hash", "叶哈希", "Leaf hash", "text"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """An entry in the list of what was found.

    Attributes:
        view: The entry.
        said: What it says, in a sentence.
        organisation: Who states it.
        lots: Codes of lots that it names, those that it made first.
        holders: Who keeps the keys that signed it.
    """

    view: EntryView
    said: str
    organisation: OrganisationRow | None
    lots: tuple[str, ...]
    holders: tuple[str, ...]


@bp.get("/ledger/search")
def search() -> str | Response | tuple[str, int]:
    """Entries by lot, organisation, type and time, the newest first.

    Raises:
        Forbidden: The caller reads no entries.
    """
    actor = find_actor()
    if not may_search(actor):
        if (turned := require_sign_in()) is not None:
            return turned
        raise Forbidden("your roles read checkpoints and proofs, not entries")
    faults: dict[str, list[str]] = {}
    if request.args.get("format") == "csv":
        return _download(log_reader_for(actor))
    before, after = asked_key("before"), asked_key("after")
    reader, policy = log_reader_for(actor), log_policy()
    with reading() as session:
        question = _question(session, faults)
        rows: list[Row] = []
        older = newer = None
        count = 0
        if not faults:
            before = None if after is not None else before
            asked = EntrySearch(session, reader, question)
            page = asked.page(limit=PAGE, before=before, after=after)
            rows = _rows(session, page.entries, question.lot)
            count = asked.count(page)
            if page.entries:
                older = page.entries[-1].entry_index if page.older else None
                newer = page.entries[0].entry_index if page.newer else None
        logged = find_checkpoint(session)
        published = find_published_checkpoint(session, policy)
    asks = asks_for_witnesses(policy)
    html = render_template(
        "ledger/search.html",
        signed_in=actor is not None,
        reads_all=reader.everything,
        rows=rows,
        count=count,
        most=MOST_COUNTED,
        older=older,
        newer=newer,
        asked={name: request.args.get(name, "").strip()[:100] for name in ASKED},
        narrows=[name for name in ASKED if request.args.get(name, "").strip()],
        types=FACT_TYPES,
        faults=faults,
        asks=asks,
        covered=0 if logged is None else logged.size,
        witnessed=0 if published is None or not asks else published.size,
    )
    return (html, 422) if faults else html


def _download(reader: Reader) -> FlaskResponse:
    """All that the question finds, as CSV."""
    faults: dict[str, list[str]] = {}
    with reading() as session:
        question = _question(session, faults)
    if faults:
        raise Refused([FieldFault(None, name, one[0]) for name, one in faults.items()])

    def rows(session: Session) -> Iterator[TableRow]:
        for views in EntrySearch(session, reader, question).batches(ROWS_A_READ):
            for row in _rows(session, views, question.lot):
                yield _table_row(row)

    def count(session: Session) -> int:
        return EntrySearch(session, reader, question).exact_count()

    return csv_file("entries", TITLES, COLUMNS, count, rows)


def _table_row(row: Row) -> TableRow:
    view = row.view
    return (
        view.entry_index,
        type_name(view.fact["type"]),
        row.said,
        view.fact["at"],
        view.fact["org"],
        "" if row.organisation is None else name_of(row.organisation),
        " ".join(grouped(lot) for lot in row.lots),
        ", ".join(holder_name(one) for one in row.holders),
        view.voided_by,
        view.leaf_hash,
    )


def _question(session: Session, faults: dict[str, list[str]]) -> EntryQuestion:
    """What the address asks for; what it asks wrongly goes into ``faults``."""
    lot = None
    if typed := asked_text("lot"):
        try:
            lot = parse_code(typed)
        except BadCode:
            faults["lot"] = [
                gettext(
                    "found %(found)s, expected the code of a lot such as "
                    "7K3M-9QWX-2HTV",
                    found=typed[:40],
                )
            ]
    organisations = None
    if typed := asked_text("organisation"):
        organisations = find_organisations(session, _code_or_name(typed))
    since, until = asked_days()
    for name, found in (("since", since), ("until", until)):
        if request.args.get(name, "").strip() and found is None:
            faults[name] = [
                gettext(
                    "found %(found)s, expected a date such as 2026-03-05",
                    found=request.args[name].strip()[:40],
                )
            ]
    return EntryQuestion(
        lot, organisations, asked_choice("type", FACT_TYPES), since, until
    )


def _code_or_name(typed: str) -> str:
    try:
        return parse_code(typed)
    except BadCode:
        return typed


def _rows(session: Session, views: Sequence[EntryView], lot: str | None) -> list[Row]:
    behind = lots_behind(
        session,
        [
            data[name]
            for data in (view.fact["data"] for view in views)
            for name in ("transfer", "claim")
            if name in data
        ],
    )
    people = organisations_by_code(session, [view.fact["org"] for view in views])
    keys = keys_by_name(session, {name for view in views for name in view.signers})
    return [
        Row(
            view,
            sentence(view),
            people.get(view.fact["org"]),
            lots_of(view.fact["data"], behind, lot),
            tuple(dict.fromkeys(_holder(keys.get(name)) for name in view.signers)),
        )
        for view in views
    ]


def _holder(key: SigningKeyRow | None) -> str:
    return "operator" if key is None else key.held_by


def lots_of(
    data: Mapping[str, Any], behind: Mapping[str, str], asked: str | None = None
) -> tuple[str, ...]:
    """Codes of the lots that a fact is about: the one asked for, then those it made.

    Args:
        data: Of the fact.
        behind: Lots behind the transfers and claims that it may name.
        asked: The lot that the reader looks for.
    """
    named = [data["lot"]] if data.get("lot") else []
    for side in ("outputs", "inputs"):
        named += [one["lot"] for one in data.get(side, ())]
    named += [
        behind[data[name]]
        for name in ("transfer", "claim")
        if name in data and data[name] in behind
    ]
    if asked in named:
        named.insert(0, asked)
    return tuple(dict.fromkeys(named))
