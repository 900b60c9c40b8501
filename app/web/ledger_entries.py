"""/ledger/entries and /ledger/search: what was logged, for those whom it concerns.

Whoever may not read an entry sees its place, its hash and its proof, and why no more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Response as FlaskResponse
from flask import redirect, render_template, request, url_for
from flask_babel import gettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.db import reading
from app.models import CheckpointRow, OrganisationRow, SigningKeyRow
from app.publishing import log_policy
from app.queries.cosigned import (
    asks_for_witnesses,
    find_published_checkpoint,
    find_published_covering,
)
from app.queries.errors import NotFound
from app.queries.explorer import (
    MOST_COUNTED,
    EntryQuestion,
    EntrySearch,
    find_erasures,
    find_organisations,
    find_stub,
    list_citing,
    lots_behind,
)
from app.queries.facts import EntryView, Reader, get_entry_view
from app.queries.log import find_checkpoint, get_head
from app.queries.registers import (
    entries_of_leaves,
    keys_by_name,
    organisations_by_code,
)
from app.security import find_actor, require_sign_in
from app.services.access import Actor
from app.services.entry_signatures import check_signatures
from app.services.errors import Forbidden
from app.services.facts import FACT_TYPES, parse_at
from app.web.entry_words import sentence
from app.web.fact_details import references_of
from app.web.fact_sheets import fact_sheet
from app.web.ledger import bp, entry_reader, may_search
from app.web.lists import asked_choice, asked_days, asked_key, asked_text
from app.web.taking_back import may_take_back
from labels.codes import BadCode, parse_code

PAGE = 50
ASKED = ("lot", "organisation", "type", "since", "until")


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


@bp.get("/ledger/entries/<int:index>")
def show_entry(index: int) -> str:
    """One entry: what it says and who signed it; to others its hash and proof alone."""
    actor = find_actor()
    policy = log_policy()
    with reading() as session:
        stub = find_stub(session, index)
        common: dict[str, Any] = {
            "signed_in": actor is not None,
            "stub": stub,
            "size": get_head(session).size,
            "covering": find_published_covering(session, policy, index),
            "asks": asks_for_witnesses(policy),
        }
        view = _readable(session, actor, index)
        if view is None:
            return render_template(
                "ledger/entry_closed.html", reason=_reason(actor), **common
            )
        shown = _shown(session, actor, view)
    return render_template("ledger/entry.html", **common, **shown)


def _readable(session: Session, actor: Actor | None, index: int) -> EntryView | None:
    """The entry, where the caller may read it; entry 0 is everybody's."""
    reader = entry_reader(actor)
    if index == 0:
        reader = Reader(True, reader.organisation_id, reader.organisation_code)
    try:
        return get_entry_view(session, reader, index)
    except NotFound:
        return None


def _reason(actor: Actor | None) -> str:
    if actor is None:
        return "stranger"
    return "role" if not may_search(actor) else "other"


def _shown(session: Session, actor: Actor | None, view: EntryView) -> dict[str, Any]:
    """What the page of a readable entry is made of."""
    reader = entry_reader(actor)
    opens = actor is not None and (
        actor.may("read-lot", "own") or actor.may("read-lot", "other")
    )
    parents = entries_of_leaves(session, view.fact["parents"])
    searches = may_search(actor)
    sheet = fact_sheet(view, references_of(session, view, opens=opens))
    return {
        "entry": view,
        "said": sentence(view),
        "at": parse_at(view.fact["at"]),
        "organisation": organisations_by_code(session, [view.fact["org"]]).get(
            view.fact["org"]
        ),
        "sheet": sheet,
        "signatures": check_signatures(session, view),
        "parents": sorted(
            ((leaf, parents.get(leaf)) for leaf in view.fact["parents"]),
            key=lambda one: (one[1] is None, one[1] or 0),
        ),
        "citing": [(one, sentence(one)) for one in list_citing(session, reader, view)],
        "erasures": find_erasures(session, view.entry_index),
        "reads_keys_of": reader.organisation_code,
        "reads_all": reader.everything,
        "about": next(iter(sheet.lots), None) if searches else None,
        "seen_matches": _seen_matches(session, view),
        "json": json.dumps(view.fact, ensure_ascii=False, indent=2, sort_keys=True),
        "may_take_back": may_take_back(actor, view),
    }


def _seen_matches(session: Session, view: EntryView) -> bool | None:
    """Whether this log signed the checkpoint that the signer had seen.

    None where the log keeps no checkpoint of that size.
    """
    seen = view.fact["seen"]
    if seen is None:
        return None
    row = session.get(CheckpointRow, seen["size"])
    return None if row is None else row.root.hex() == seen["root"]


@bp.get("/ledger/entries/<int:index>/note")
def download_note(index: int) -> FlaskResponse:
    """The entry as it was signed: what the proof is about.

    Raises:
        NotFound: There is none, or the caller may not read it.
    """
    with reading() as session:
        view = _readable(session, find_actor(), index)
    if view is None:
        raise NotFound("no entry {index}", index=index)
    return FlaskResponse(
        view.note,
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="entry-{index}.note"'},
    )


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
    before, after = asked_key("before"), asked_key("after")
    reader, policy = entry_reader(actor), log_policy()
    with reading() as session:
        question = _question(session, faults)
        rows: list[Row] = []
        older = newer = None
        count = 0
        if not faults:
            if after is not None:
                before = None
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


def _rows(session: Session, views: list[EntryView], lot: str | None) -> list[Row]:
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


@bp.get("/entries")
def show_old_register() -> Response:
    """The register under its earlier address."""
    return redirect(_under(url_for("ledger.search")), 301)


@bp.get("/entries/<int:index>")
def show_old_entry(index: int) -> Response:
    """An entry under its earlier address."""
    return redirect(_under(url_for("ledger.show_entry", index=index)), 301)


def _under(path: str) -> str:
    asked = {name: value for name, value in request.args.items() if value}
    return f"{path}?{urlencode(asked)}" if asked else path
