"""Facilities and keys of an organisation; all organisations, for the registrar."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from app.data import read_csv
from app.db import reading, transaction
from app.intake.cells import parse_mass
from app.intake.faults import BadCell
from app.queries.registers import list_facilities, list_organisations
from app.queries.users import get_organisation_id
from app.schemas.entries import check_fact
from app.security import current_actor, doors, keyring, now
from app.services.access import Actor
from app.services.errors import Conflict, FieldFault, Refused, refuse
from app.services.fact_ids import new_fact_id
from app.services.passwords import make_password
from app.services.recording import record
from app.services.registration import (
    Registration,
    register_organisation,
)
from app.services.users import add_user, check_person
from app.web import bp
from app.web.fact_forms import kept_code
from app.web.faults import faults_by_field
from labels.codes import new_code
from ledger import LedgerError, Verifier, parse_key_name

SCALES = 3
KINDS = {
    "collection": _l("collection point"),
    "preprocessing_centre": _l("pre-processing and distribution centre"),
    "utilisation_base": _l("utilisation base"),
    "smelter": _l("smelter"),
    "refinery": _l("refinery"),
    "casthouse": _l("casthouse"),
    "fabricator": _l("fabricator"),
    "port": _l("port"),
    "warehouse": _l("warehouse"),
}
INSTANT = "%Y-%m-%dT%H:%M:%SZ"


@bp.get("/facilities")
def show_facilities() -> str:
    """Facilities of the organisation with their scales, and a form for another."""
    return _facilities_page({}, {})


@bp.post("/facilities")
def create_facility() -> Response | tuple[str, int]:
    """Register a facility: a fact of the log."""
    actor = current_actor()
    form = request.form.to_dict()
    try:
        request_ = {
            "id": form.get("id", ""),
            "type": "facility.registered",
            "at": now().strftime(INSTANT),
            "data": _facility(form, actor),
            "private": {
                name: form[name] for name in ("address",) if form.get(name, "").strip()
            },
        }
        fact = check_fact(request_, actor.organisation_code or "")
        [receipt] = record(doors(), keyring(), actor, [fact], now())
    except Refused as refused:
        return _facilities_page(form, _by_input(refused)), 422
    flash(gettext("The facility is registered: entry %(n)s.", n=receipt.entry_index))
    return redirect(url_for("web.show_facilities"))


@bp.get("/organisations")
def show_organisations() -> str:
    """Every organisation, and a form for another."""
    return _organisations_page({}, {})


@bp.post("/organisations")
def create_organisation() -> str | tuple[str, int]:
    """Register an organisation, its first key, and its first manager."""
    actor = current_actor()
    form = request.form.to_dict()
    try:
        code = _code_of(form)
    except Refused as refused:
        return _organisations_page(form, _by_input(refused)), 422
    person = form.get("person", "").strip()
    data = {
        "code": code,
        "roles": ["recycler"],
        **{
            name: form[name].strip()
            for name in ("name_zh", "name_en", "uscc")
            if form.get(name, "").strip()
        },
    }
    try:
        # Before the log is written: an organisation without its manager helps nobody
        with reading() as session:
            check_person(session, email=form.get("email", ""), name=person)
        checked = check_fact(
            {
                "id": new_fact_id(now()),
                "type": "organisation.registered",
                "at": now().strftime(INSTANT),
                "data": data,
                "private": {},
            },
            code,
        )
        registration = Registration(
            data=checked.data, private={}, **_own_key(form, code)
        )
        register_organisation(doors(), keyring(), actor, registration, now())
        password = make_password()
        with transaction() as session:
            user = add_user(
                session,
                email=form["email"],
                name=person,
                password=password,
                roles=["recycler", "manager"],
                organisation_id=get_organisation_id(session, code),
                now=now(),
            )
            email = user.email
    except Refused as refused:
        return _organisations_page(form, _by_input(refused)), 422
    return _organisations_page({}, {}, made=(code, email, password))


def _code_of(form: Mapping[str, str]) -> str:
    """The code that the organisation's own key is named after, else that of the form.

    Raises:
        Refused: There is a key, and it is none.
    """
    vkey = form.get("vkey", "").strip()
    if not vkey:
        return form.get("code", "")
    try:
        return parse_key_name(Verifier.parse(vkey).name).organisation
    except LedgerError as error:
        raise refuse("vkey", "{reason}", reason=str(error)) from None


def _own_key(form: Mapping[str, str], code: str) -> dict[str, str | None]:
    """The first key that the organisation keeps itself, checked; nothing without one.

    Raises:
        Refused: It is none, or did not sign its own registration.
    """
    key = {name: form.get(name, "").strip() for name in ("vkey", "proof", "next")}
    if not key["vkey"]:
        return {}
    data = {name: text for name, text in key.items() if text}
    fact = check_fact(
        {
            "id": new_fact_id(now()),
            "type": "key.registered",
            "at": now().strftime(INSTANT),
            "data": {"held_by": "organisation", **data},
        },
        code,
    )
    return {
        "vkey": fact.data["vkey"],
        "proof": fact.data["proof"],
        "next_digest": fact.data.get("next"),
    }


def _facility(form: Mapping[str, str], actor: Actor) -> dict[str, Any]:
    faults: list[FieldFault] = []
    data: dict[str, Any] = {
        "code": kept_code(form, "new_facility"),
        "organisation": actor.organisation_code,
        "kind": form.get("kind", ""),
        "province": form.get("province", ""),
        "boundary": {
            "code": form.get("boundary", "").strip(),
            **{
                f"text_{language}": form[f"boundary_{language}"].strip()
                for language in ("zh", "en")
                if form.get(f"boundary_{language}", "").strip()
            },
        },
        "scales": _scales(form, faults),
    }
    for name in ("name_zh", "name_en"):
        if form.get(name, "").strip():
            data[name] = form[name].strip()
    if faults:
        raise Refused(faults)
    return data


def _scales(form: Mapping[str, str], faults: list[FieldFault]) -> list[dict[str, Any]]:
    """Scales that were named; a division and a capacity in kilograms each."""
    scales = []
    for n in range(1, SCALES + 1):
        code = form.get(f"scale_{n}", "").strip()
        if not code:
            continue
        scale: dict[str, Any] = {"code": code}
        for name, unit in (("e_g", f"scale_{n}_e"), ("max_g", f"scale_{n}_max")):
            try:
                scale[name] = parse_mass(form.get(unit, ""), "kg")
            except BadCell as error:
                faults.append(FieldFault(None, unit, error.message, error.values))
        scales.append(scale)
    return scales


def _by_input(refused: Refused) -> dict[str, list[str]]:
    """Faults beside the inputs of the form that stand for the fields of the fact."""
    found: dict[str, list[str]] = {}
    for field, sentences in faults_by_field(refused).items():
        name = field.removeprefix("data.").removeprefix("private.")
        name = {"name": "person"}.get(name, name)
        if name.startswith("scales."):
            _, n, *rest = name.split(".")
            suffix = {"e_g": "_e", "max_g": "_max"}.get(rest[0] if rest else "", "")
            name = f"scale_{int(n) + 1}{suffix}"
        elif name.startswith("boundary"):
            part = name.partition(".")[2]
            name = {"text_zh": "boundary_zh", "text_en": "boundary_en"}.get(
                part, "boundary"
            )
        found.setdefault(name or "name_zh", []).extend(sentences)
    return found


def _organisation_id(actor: Actor) -> int:
    if actor.organisation_id is None:
        raise Conflict("this page belongs to an organisation")
    return actor.organisation_id


def _facilities_page(form: Mapping[str, str], faults: Mapping[str, list[str]]) -> str:
    actor = current_actor()
    actor.require("facility.registered")
    with reading() as session:
        facilities = list_facilities(session, _organisation_id(actor))
    return render_template(
        "registers/facilities.html",
        facilities=facilities,
        kinds=KINDS,
        provinces=[SimpleNamespace(**row) for row in read_csv("provinces.csv")],
        scales=range(1, SCALES + 1),
        form={"id": new_fact_id(now()), "new_facility": new_code(), **form},
        faults=faults,
    )


def _organisations_page(
    form: Mapping[str, str],
    faults: Mapping[str, list[str]],
    made: tuple[str, str, str] | None = None,
) -> str:
    actor = current_actor()
    actor.require("organisation.registered", "other")
    with reading() as session:
        organisations = list_organisations(session)
    return render_template(
        "registers/organisations.html",
        organisations=organisations,
        form={"code": new_code(), **form},
        faults=faults,
        made=made,
    )
