"""/entries: the log as a register that people read, and the proof of each entry.

Whoever is signed in reads what concerns their organisation; a public log is read by
everybody.
"""

from __future__ import annotations

from datetime import datetime

from apiflask import APIBlueprint
from flask import Flask, current_app, render_template
from flask import Response as FlaskResponse
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.config import Settings
from app.db import reading
from app.publishing import log_policy
from app.queries.cosigned import find_published_covering
from app.queries.errors import NotFound
from app.queries.facts import (
    EntryView,
    Reader,
    count_entries,
    get_entry_view,
    list_entries,
)
from app.queries.log import DatabaseTiles, find_checkpoint, get_head
from app.queries.registers import (
    entries_of_leaves,
    keys_by_name,
    organisations_by_code,
)
from app.security import find_actor, reader_for, require_sign_in
from app.services.facts import FACT_TYPES, parse_at
from app.web.entry_words import sentence, type_name
from app.web.lists import asked_choice, asked_key
from app.web.numbers import instant
from app.web.taking_back import may_take_back
from ledger import ProofFile, format_proof_file, prove_inclusion

bp = APIBlueprint("entries", __name__, enable_openapi=False)
PAGE = 50


@bp.before_request
def _let_in() -> Response | None:
    settings: Settings = current_app.config["SETTINGS"]
    return None if settings.log_readers == "public" else require_sign_in()


def init_app(app: Flask) -> None:
    """Register the pages and what their templates call."""
    app.add_template_filter(type_name, "fact_name")
    app.add_template_filter(moment)
    app.register_blueprint(bp)


def moment(at: str) -> str:
    """An instant of an entry, as the reader writes it, in the zone of the books."""
    found: datetime = parse_at(at)
    return str(instant(found))


@bp.get("/entries")
def show_entries() -> str:
    """The newest entries that the reader may read, and how far the log has come."""
    reader = reader_for(find_actor())
    kind = asked_choice("type", FACT_TYPES)
    before, after = asked_key("before"), asked_key("after")
    with reading() as session:
        head = get_head(session)
        checkpoint = find_checkpoint(session)
        if after is not None:
            views = list_entries(
                session, reader, after=after, limit=PAGE + 1, fact_type=kind
            )[::-1]
        else:
            views = list_entries(
                session,
                reader,
                before=head.size if before is None else before,
                limit=PAGE + 1,
                fact_type=kind,
            )
        more = len(views) > PAGE
        if more:
            views = views[1:] if after is not None else views[:-1]
        count = count_entries(session, reader, kind)
        people = organisations_by_code(session, [view.fact["org"] for view in views])
    is_newer = more if after is not None else before is not None
    is_older = more or after is not None
    return render_template(
        "entries/list.html",
        signed_in=find_actor() is not None,
        told=[(view, sentence(view)) for view in views],
        organisations=people,
        head=head,
        checkpoint=checkpoint,
        covered=0 if checkpoint is None else checkpoint.size,
        types=[name for name in FACT_TYPES if name != "log.genesis"],
        chosen=kind,
        count=count,
        everything=reader.everything,
        older=str(views[-1].entry_index) if views and is_older else None,
        newer=str(views[0].entry_index) if views and is_newer else None,
    )


@bp.get("/entries/<int:index>")
def show_entry(index: int) -> str:
    """One entry: what it says, who signed it, what it rests on, its proof."""
    reader = reader_for(find_actor())
    with reading() as session:
        view = _get(session, reader, index)
        covering = find_published_covering(session, log_policy(), index)
        size = get_head(session).size
        people = organisations_by_code(session, [view.fact["org"]])
        keys = keys_by_name(session, view.signers)
        parents = entries_of_leaves(session, view.fact["parents"])
    return render_template(
        "entries/entry.html",
        signed_in=find_actor() is not None,
        entry=view,
        said=sentence(view),
        organisation=people.get(view.fact["org"]),
        keys=keys,
        parents=[(leaf, parents.get(leaf)) for leaf in view.fact["parents"]],
        lines=_lines(view.fact["data"]),
        covering=covering,
        size=size,
        may_take_back=may_take_back(find_actor(), view),
    )


@bp.get("/entries/<int:index>/proof")
def download_proof(index: int) -> FlaskResponse:
    """The proof of an entry as a ``.tlog-proof`` file (C2SP tlog-proof)."""
    reader = reader_for(find_actor())
    with reading() as session:
        _get(session, reader, index)
        checkpoint = find_published_covering(session, log_policy(), index)
        if checkpoint is None:
            raise NotFound("entry {index} is under no checkpoint yet", index=index)
        path = prove_inclusion(DatabaseTiles(session), index, checkpoint.size)
        proof = ProofFile(index, tuple(path), checkpoint.note)
    return FlaskResponse(
        format_proof_file(proof),
        content_type="text/plain; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="entry-{index}.tlog-proof"'
        },
    )


@bp.get("/entries/<int:index>/note")
def download_note(index: int) -> FlaskResponse:
    """The entry as it was signed: what the proof is about."""
    reader = reader_for(find_actor())
    with reading() as session:
        view = _get(session, reader, index)
    return FlaskResponse(
        view.note,
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="entry-{index}.note"'},
    )


def _get(session: Session, reader: Reader, index: int) -> EntryView:
    if index >= 2**53:
        raise NotFound("no entry {index}", index=index)
    return get_entry_view(session, reader, index)


def _lines(value: object, path: str = "") -> list[tuple[str, str]]:
    """Every field of the data with its value, flat: (path, text)."""
    if isinstance(value, dict):
        found = []
        for name in sorted(value):
            found += _lines(value[name], f"{path}.{name}" if path else name)
        return found
    if isinstance(value, list):
        found = []
        for n, one in enumerate(value, 1):
            found += _lines(one, f"{path}[{n}]")
        return found
    return [(path, str(value))]
