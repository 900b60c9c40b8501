"""/ledger: the log as a register: checkpoints, witnesses, keys; for everybody."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Flask, redirect, render_template, request, url_for
from flask import Response as FlaskResponse
from werkzeug.wrappers import Response

from app.db import reading
from app.errors import localise
from app.publishing import log_policy
from app.queries.checkpoints import (
    cosigning_times,
    get_published,
    list_checkpoints,
    neighbours,
)
from app.queries.cosigned import (
    asks_for_witnesses,
    find_published_checkpoint,
    least_witnesses,
)
from app.queries.errors import NotFound
from app.queries.explorer import find_index_of_leaf
from app.queries.facts import find_organisation
from app.queries.log import find_checkpoint, get_head
from app.queries.registers import list_keys
from app.queries.witnesses import list_witnesses
from app.security import find_actor, log_reader_for, require_sign_in
from app.services.access import Actor
from app.services.consistency import check_consistency
from app.services.errors import Forbidden, Refused
from app.services.facts import parse_at
from app.services.genesis import get_trust_root
from app.services.witness_standing import standings
from app.web.entry_names import parse_entry_name
from app.web.entry_words import type_name
from app.web.fact_details import zoned
from app.web.fact_words import holder_brief, holder_name, holder_phrase, private_name
from app.web.lists import asked_key
from app.web.numbers import THIN, instant
from app.web.witness_words import STANDING_WORDS, STATE_TONES, STATE_WORDS
from labels.codes import BadCode, parse_code
from ledger import Verifier

bp = APIBlueprint("ledger", __name__, enable_openapi=False)
CHECKPOINTS = 10
MOST_TYPED = 400


def init_app(app: Flask) -> None:
    """Register the pages and what their templates call."""
    app.add_template_filter(type_name, "fact_name")
    app.add_template_filter(moment)
    app.add_template_filter(zoned)
    app.add_template_filter(count_of, "counted")
    app.add_template_filter(holder_name)
    app.add_template_filter(holder_phrase)
    app.add_template_filter(holder_brief)
    app.add_template_filter(private_name)
    app.register_blueprint(bp)


def moment(at: str) -> str:
    """An instant of an entry, in the zone of the books."""
    return instant(parse_at(at))


def count_of(number: int) -> str:
    """A count with thin spaces between its thousands.

    >>> count_of(1_204_331).replace(THIN, " ")
    '1 204 331'
    """
    return f"{number:,}".replace(",", THIN)


def may_search(actor: Actor | None) -> bool:
    """Whether there is anything that the caller may look for."""
    reader = log_reader_for(actor)
    return reader.everything or reader.organisation_id is not None


@bp.get("/ledger")
def show_ledger() -> str:
    """What the log is, how far it has come, and who watches it."""
    return _front()


def _front(typed: str = "", faults: dict[str, list[str]] | None = None) -> str:
    policy = log_policy()
    before = asked_key("before")
    with reading() as session:
        head = get_head(session)
        root = get_trust_root(session)
        logged = find_checkpoint(session)
        published = find_published_checkpoint(session, policy)
        rows = list_checkpoints(session, policy, CHECKPOINTS + 1, before)
        witnesses = list_witnesses(session, policy)
    return render_template(
        "ledger/front.html",
        signed_in=find_actor() is not None,
        searches=may_search(find_actor()),
        head=head,
        root=root,
        log_key=Verifier.parse(root.log_vkey),
        logged=logged,
        published=published,
        asks=asks_for_witnesses(policy),
        least=0 if policy is None else least_witnesses(policy),
        checkpoints=rows[:CHECKPOINTS],
        before=before,
        older=rows[CHECKPOINTS - 1].size if len(rows) > CHECKPOINTS else None,
        witnesses=witnesses,
        standings=standings(policy),
        standing_words=STANDING_WORDS,
        state_words=STATE_WORDS,
        state_tones=STATE_TONES,
        typed=typed,
        faults=faults or {},
    )


@bp.get("/ledger/find")
def find_entry() -> Response | tuple[str, int]:
    """Lead to the entry with an index or a leaf hash; say where there is none."""
    typed = request.args.get("text", "")[:MOST_TYPED]
    try:
        name = parse_entry_name(typed)
        with reading() as session:
            size = get_head(session).size
            index = name if isinstance(name, int) else find_index_of_leaf(session, name)
        if index is None:
            raise NotFound("no entry of this log has that leaf hash")
        if index >= size:
            raise NotFound("the log has {size} entries, from 0 on", size=size)
    except Refused as refused:
        sentences = [localise(fault) for fault in refused.faults]
        return _front(typed, {"text": sentences}), 422
    except NotFound as missing:
        return _front(typed, {"text": [localise(missing)]}), 404
    return redirect(url_for("ledger.show_entry", index=index))


@bp.get("/ledger/checkpoints/<int:size>")
def show_checkpoint(size: int) -> str:
    """One checkpoint: its text, who cosigned it, and that the log has only grown."""
    policy = log_policy()
    with reading() as session:
        checkpoint = get_published(session, policy, size)
        beside = neighbours(session, size)
        newest = find_checkpoint(session)
        latest = get_published(session, policy, newest.size if newest else size)
        consistency = check_consistency(session, checkpoint, latest)
        times = cosigning_times(session, size)
        root = get_trust_root(session)
    return render_template(
        "ledger/checkpoint.html",
        signed_in=find_actor() is not None,
        checkpoint=checkpoint,
        beside=beside,
        latest=latest,
        consistency=consistency,
        log_key=Verifier.parse(root.log_vkey),
        asks=asks_for_witnesses(policy),
        least=0 if policy is None else least_witnesses(policy),
        witnesses=() if policy is None else policy.witnesses,
        standings=standings(policy),
        standing_words=STANDING_WORDS,
        times=times,
    )


@bp.get("/ledger/checkpoints/<int:size>/note")
def download_checkpoint(size: int) -> FlaskResponse:
    """A checkpoint with all its signatures, as a file."""
    with reading() as session:
        found = get_published(session, log_policy(), size)
    return _file(found.note, f"checkpoint-{size}.txt")


@bp.get("/ledger/keys/<code>")
def show_keys(code: str) -> str | Response:
    """The keys of an organisation: who holds each, from which entry to which.

    Raises:
        NotFound: There is no such organisation.
        Forbidden: The caller reads neither this organisation's entries nor all.
    """
    actor = find_actor()
    reader = log_reader_for(actor)
    if not may_search(actor) and (turned := require_sign_in()) is not None:
        return turned
    try:
        wanted = parse_code(code)
    except BadCode as error:
        raise NotFound("{code} is no code", code=code[:40]) from error
    if not reader.everything and wanted != reader.organisation_code:
        raise Forbidden("the key history of others is read by those who read all")
    with reading() as session:
        organisation = find_organisation(session, wanted)
        if organisation is None:
            raise NotFound("no organisation {code}", code=wanted)
        keys = list_keys(session, organisation.id)
    return render_template(
        "ledger/keys.html",
        signed_in=actor is not None,
        organisation=organisation,
        keys=keys,
        manages=actor is not None
        and actor.may("manage-keys")
        and wanted == actor.organisation_code,
    )


def _file(data: bytes, name: str) -> FlaskResponse:
    return FlaskResponse(
        data,
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
