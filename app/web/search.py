"""/search: where a scanned or typed text leads.

A code, with or without hyphens; the address on a label; a yard's own number; the index
of an entry; the hash of a leaf. One thing that bears the name is opened at once,
several are listed, and what bears it nowhere becomes the filter of the lots.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import redirect, render_template, url_for
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app.db import reading
from app.queries.claims import get_claim
from app.queries.errors import NotFound
from app.queries.facts import Reader
from app.queries.finding import (
    Found,
    find_code,
    find_entry,
    find_leaf,
    find_own_number,
)
from app.queries.home import find_labelled_lot
from app.queries.lot_pages import get_readable_lot
from app.queries.runs import get_run
from app.queries.transfers import get_transfer
from app.security import current_actor, reader_for
from app.web import bp
from app.web.lists import asked_text
from app.web.transfers import scope_of
from labels.codes import BadCode, code_sha256, parse_code

MOST_TYPED = 200
HASH_SIZE = 32
HEXADECIMAL = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
LABEL_ADDRESS = re.compile(r"/v/([^/?#]+)/?$", re.IGNORECASE)
INDEX = re.compile(r"[0-9]{1,16}", re.ASCII)
SORTS = {
    "lot": _l("Lot"),
    "run": _l("Run"),
    "transfer": _l("Transfer"),
    "claim": _l("Claim"),
    "label": _l("Label"),
    "entry": _l("Entry of the log"),
    "organisation": _l("Organisation"),
}
_LOOKS: dict[str, Callable[..., object]] = {
    "run": get_run,
    "transfer": get_transfer,
    "claim": get_claim,
}


@bp.get("/search")
def search() -> Response | str:
    """Open what bears the name, list it, or look for it among the lots."""
    text = asked_text("text", MOST_TYPED)
    if not text:
        return redirect("/lots")
    actor = current_actor()
    reader = reader_for(actor)
    with reading() as session:
        found = _find(session, _last_part(text), reader)
        pages = [
            (one, _page_of(session, one, reader, scope_of(actor))) for one in found
        ]
    addresses = list(dict.fromkeys(address for _, address in pages))
    if not addresses:
        return redirect(f"/lots?{urlencode({'text': text})}")
    if len(addresses) == 1:
        return redirect(addresses[0])
    return render_template("search.html", text=text, pages=pages, sorts=SORTS)


def _last_part(text: str) -> str:
    """What an address ends in; any other text as it is.

    A scanner gun types a whole address, of which the field may get the end only: the
    first stroke of the slant is what focuses it.
    """
    if (label := LABEL_ADDRESS.search(text)) is not None:
        return label[1]
    if not re.match(r"https?://", text, re.IGNORECASE):
        return text
    try:
        return urlsplit(text).path.rstrip("/").rpartition("/")[2]
    except ValueError:
        return text


def _find(session: Session, text: str, reader: Reader) -> list[Found]:
    found: list[Found] = []
    try:
        code = parse_code(text)
    except BadCode:
        pass
    else:
        found += find_code(session, code, code_sha256(code), reader)
    found += find_own_number(session, text, reader)
    if INDEX.fullmatch(text):
        found += find_entry(session, int(text), reader)
    if (leaf := _leaf_hash(text)) is not None:
        found += find_leaf(session, leaf, reader)
    return found


def _leaf_hash(text: str) -> bytes | None:
    """32 bytes out of hexadecimal or base64; None for any other text."""
    if HEXADECIMAL.fullmatch(text):
        return bytes.fromhex(text)
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return found if len(found) == HASH_SIZE else None


def _page_of(
    session: Session, found: Found, reader: Reader, scope: Mapping[str, Any]
) -> str:
    """The page of something; its entry where its own page is not the reader's."""
    if found.sort == "lot":
        return f"/lots/{found.name}"
    if found.sort == "label":
        return _label_page(session, found.name, reader)
    if (look := _LOOKS.get(found.sort)) is not None:
        try:
            look(session, found.name, **scope)
        except NotFound:
            pass
        else:
            return f"/{found.sort}s/{found.name}"
    return url_for("ledger.show_entry", index=found.entry_index)


def _label_page(session: Session, code: str, reader: Reader) -> str:
    """The lot behind a label, to whom it concerns; the public page to others."""
    lot = find_labelled_lot(session, code)
    if lot is not None:
        try:
            get_readable_lot(session, lot, reader)
        except NotFound:
            pass
        else:
            return f"/lots/{lot}"
    return url_for("verify.show_label", code=code)
