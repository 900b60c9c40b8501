"""/ledger/entries: what was logged, for those whom it concerns.

Whoever may not read an entry sees its place, its hash and its proof, and why no more.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from flask import Response as FlaskResponse
from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.db import reading
from app.models import CheckpointRow
from app.publishing import log_policy
from app.queries.cosigned import (
    asks_for_witnesses,
    find_published_covering,
)
from app.queries.errors import NotFound
from app.queries.explorer import (
    find_erasures,
    find_stub,
    list_citing,
)
from app.queries.facts import EntryView, Reader, get_entry_view
from app.queries.log import get_head
from app.queries.registers import (
    entries_of_leaves,
    organisations_by_code,
)
from app.security import find_actor, log_reader_for
from app.services.access import Actor
from app.services.entry_signatures import check_signatures
from app.services.facts import parse_at
from app.web.entry_words import sentence
from app.web.fact_details import references_of
from app.web.fact_sheets import fact_sheet
from app.web.ledger import bp, may_search
from app.web.taking_back import may_take_back

PAGE = 50
ASKED = ("lot", "organisation", "type", "since", "until")


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
    reader = log_reader_for(actor)
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
    reader = log_reader_for(actor)
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
        "about": sheet.lots[0] if searches and len(set(sheet.lots)) == 1 else None,
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
