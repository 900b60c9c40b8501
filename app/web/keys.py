"""/keys: signing keys of an organisation, on the platform, in files, in browsers."""

from __future__ import annotations

from flask import current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response

from app.config import Settings
from app.db import reading
from app.queries.errors import NotFound
from app.queries.registers import KeyView, list_keys, list_organisations
from app.schemas.entries import check_fact
from app.security import current_actor, doors, keyring, now
from app.services.access import Actor
from app.services.errors import Conflict, Refused
from app.services.fact_ids import new_fact_id
from app.services.genesis import get_trust_root
from app.services.posting import Receipt
from app.services.recording import record, record_as_registrar
from app.services.registration import register_platform_key
from app.web import bp
from app.web.device_signing import A_YEAR_S, COOKIE, chosen_key
from app.web.fact_forms import kept_id
from app.web.faults import faults_by_field
from ledger import Verifier

INSTANT = "%Y-%m-%dT%H:%M:%SZ"


@bp.get("/keys")
def show_keys() -> str:
    """Signing keys: since which entry, and who holds them.

    Those of the organisation; the registrar, who belongs to none, sees all of them.
    """
    return _page({}, {})


@bp.post("/keys")
def create_key() -> Response:
    """Register another key that the platform holds; it signs from then on."""
    fact_id = kept_id(request.form, "id")
    receipt = register_platform_key(doors(), keyring(), current_actor(), fact_id, now())
    flash(gettext("The key is registered: entry %(n)s.", n=receipt.entry_index))
    return redirect(url_for("web.show_keys"))


@bp.post("/keys/own")
def register_own_key() -> Response | tuple[str, int]:
    """Register a key that a browser or a machine of the organisation has made.

    With ``here``, this browser signs with it from then on.
    """
    actor = _manager()
    form = request.form.to_dict()
    data = {
        "vkey": form.get("vkey", "").strip(),
        "held_by": "organisation",
        "proof": form.get("proof", "").strip(),
    }
    if form.get("next", "").strip():
        data["next"] = form["next"].strip()
    try:
        [receipt] = _state(actor, "key.registered", data)
    except Refused as refused:
        return _page(_by_input(refused), form), 422
    flash(gettext("The key is registered: entry %(n)s.", n=receipt.entry_index))
    answer = redirect(url_for("web.show_keys"))
    if form.get("here"):
        number = Verifier.parse(data["vkey"]).name.rpartition("/")[2]
        _choose(answer, f"{actor.organisation_code}.{number}")
    return answer


@bp.post("/keys/device")
def choose_key() -> Response:
    """Let this browser sign with the key that it keeps; without a number, no longer."""
    actor = _manager("own-account")
    sees_keys = actor.may("manage-keys", "own")
    answer = redirect(url_for("web.show_keys" if sees_keys else "public.show_home"))
    number = request.form.get("number", "")
    if not number:
        answer.delete_cookie(COOKIE)
        return answer
    wanted = _find(actor, number)
    if wanted.key.held_by != "organisation" or wanted.ended_index is not None:
        raise Conflict("the key does not sign for a browser")
    _choose(answer, f"{actor.organisation_code}.{wanted.key.number}")
    return answer


@bp.post("/keys/revoke")
def revoke_key() -> Response | tuple[str, int]:
    """End a key: it signs nothing behind the entry that says so."""
    actor = current_actor()
    actor.require("key.revoked", "own" if actor.organisation_id else "other")
    form = request.form.to_dict()
    wanted = _find(actor, form.get("key_name", ""))
    verifier = Verifier.parse(wanted.key.vkey)
    org = verifier.name.rsplit("/", 2)[1]
    data = {
        "key_id": verifier.key_id.hex(),
        "reason": form.get("reason", "").strip(),
    }
    try:
        [receipt] = _state(actor, "key.revoked", data, org)
    except Refused as refused:
        return _page(_by_input(refused), form), 422
    keyring().forget(org)
    flash(gettext("The key has ended: entry %(n)s.", n=receipt.entry_index))
    return redirect(url_for("web.show_keys"))


def _manager(action: str = "manage-keys") -> Actor:
    actor = current_actor()
    actor.require(action)
    if actor.organisation_id is None:
        raise Conflict("this belongs to an organisation")
    return actor


def _state(
    actor: Actor, kind: str, data: dict[str, str], org: str | None = None
) -> list[Receipt]:
    fact = check_fact(
        {
            "id": kept_id(request.form, "id"),
            "type": kind,
            "at": now().strftime(INSTANT),
            "data": data,
        },
        org or actor.organisation_code or "",
    )
    if actor.organisation_id is None:
        return record_as_registrar(doors(), keyring(), actor, [fact], now())
    return record(doors(), keyring(), actor, [fact], now())


def _find(actor: Actor, wanted: str) -> KeyView:
    """A key by its name, or one of the own organisation by its number.

    Raises:
        NotFound: There is none that the actor may see.
    """
    with reading() as session:
        for one in list_keys(session, actor.organisation_id):
            own = actor.organisation_id is not None
            if one.key.key_name == wanted or (own and str(one.key.number) == wanted):
                return one
    raise NotFound("no such key: {text}", text=wanted[:100])


def _choose(answer: Response, value: str) -> None:
    settings: Settings = current_app.config["SETTINGS"]
    answer.set_cookie(
        COOKIE,
        value,
        max_age=A_YEAR_S,
        secure=settings.secure,
        httponly=True,
        samesite="Lax",
    )


def _by_input(refused: Refused) -> dict[str, list[str]]:
    return {
        name.removeprefix("data."): sentences
        for name, sentences in faults_by_field(refused).items()
    }


def _page(faults: dict[str, list[str]], form: dict[str, str]) -> str:
    actor = current_actor()
    own = actor.organisation_id is not None
    actor.require("manage-keys", "own" if own else "other")
    organisations = {}
    with reading() as session:
        keys = list_keys(session, actor.organisation_id)
        root = get_trust_root(session)
        chosen = chosen_key(session, actor)
        if not own:
            listed = list_organisations(session)
            organisations = {one.organisation.id: one.organisation for one in listed}
    return render_template(
        "registers/keys.html",
        keys=keys,
        organisations=organisations,
        own=own,
        org=actor.organisation_code,
        platform_signs=any(one.signs for one in keys),
        signs=own and (chosen is not None or any(one.signs for one in keys)),
        valid=sum(one.ended_index is None for one in keys),
        chosen=None if chosen is None else chosen.key_name,
        next_number=len(keys) + 1,
        root=root,
        fact_id=new_fact_id(now()),
        faults=faults,
        form=form,
    )
