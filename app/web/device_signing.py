"""The page on which a browser signs what a form is about to log.

A browser that keeps a key of its own says so by a cookie. Whatever is logged on a page
is then answered with ``SignatureNeeded``: the page shown for it holds what is to be
signed and every field of the form, and sends the form again, with the notes, to where
it came from.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask import Flask, g, render_template, request
from sqlalchemy.orm import Session

from app.db import reading
from app.models import SigningKeyRow
from app.queries.registers import find_key_of_number
from app.schemas.entries import parse_requests
from app.security import current_actor
from app.services.access import Actor
from app.services.device_signing import Device, SignatureNeeded, Unsigned
from app.services.errors import refuse
from app.services.genesis import get_trust_root
from app.services.recording import OwnEntry
from app.web import bp
from app.web.entry_words import fact_sentence, type_name
from ledger import canonical_json

COOKIE = "device-key"
A_YEAR_S = 366 * 24 * 3600
SIGNED = "signed_entries"
"""The field of a form that carries what the browser signed."""
MOST_SIGNED = 20


@dataclass(frozen=True, slots=True)
class Told:
    """An entry that waits for its signature, in words.

    Attributes:
        name: Of its type.
        said: What it says.
    """

    name: str
    said: str


def init_app(app: Flask) -> None:
    """Answer whatever waits for a signature with the page that signs it."""
    app.register_error_handler(SignatureNeeded, show_signing)


@bp.before_request
def take_device() -> None:
    """Note that the browser signs, and what it has signed for this form.

    Raises:
        Refused: What it sent are no signed entries.
    """
    if request.method != "POST":
        return
    actor = current_actor()
    with reading() as session:
        key = chosen_key(session, actor)
    if key is None:
        return
    text = request.form.get(SIGNED, "")
    g.device = Device(key.key_name, _read(text, actor) if text else {})


def chosen_key(session: Session, actor: Actor) -> SigningKeyRow | None:
    """The key that this browser signs with; None: the platform's key does."""
    org, _, number = request.cookies.get(COOKIE, "").partition(".")
    own = actor.organisation_id is not None and org == actor.organisation_code
    if not own or not (number.isascii() and number.isdigit()):
        return None
    key = find_key_of_number(session, actor.organisation_id or 0, int(number[:9]))
    return key if key is not None and key.held_by == "organisation" else None


def _read(text: str, actor: Actor) -> dict[str, OwnEntry]:
    fault = refuse("", "what this browser signed cannot be read")
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        raise fault from None
    fits = isinstance(items, list) and 0 < len(items) <= MOST_SIGNED
    if not fits or not all(isinstance(item, dict) for item in items):
        raise fault
    entries = parse_requests(items, actor.organisation_code)
    if not all(isinstance(one, OwnEntry) for one in entries):
        raise fault
    return {one.entry.fact["id"]: one for one in entries if isinstance(one, OwnEntry)}


def show_signing(needed: SignatureNeeded) -> str:
    """What is to be signed, in words and to the letter; the browser does the rest."""
    with reading() as session:
        root = get_trust_root(session)
    kept = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name != SIGNED
    ]
    told = [
        Told(
            type_name(one.envelope["type"]),
            fact_sentence(one.envelope["type"], one.envelope["data"]),
        )
        for one in needed.entries
    ]
    return render_template(
        "signing/sign.html",
        key_name=needed.key_name,
        changed=needed.changed,
        told=told,
        unsigned=[_out(one) for one in needed.entries],
        log_vkey=root.log_vkey,
        action=request.full_path if request.query_string else request.path,
        kept=kept,
        field=SIGNED,
    )


def _out(one: Unsigned) -> dict[str, Any]:
    return {
        "line": canonical_json(one.envelope, ascii_names=True).decode(),
        "after": list(one.after),
        "disclosures": list(one.disclosures),
    }
