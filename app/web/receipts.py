"""/logged/<index>: what was logged, where it stands in the log, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import render_template, request, url_for
from flask_babel import gettext

from app.db import reading
from app.publishing import log_policy
from app.queries.receipts import get_receipt
from app.queries.registers import keys_by_name
from app.security import current_actor, reader_for
from app.services.access import Actor
from app.services.rules import materials
from app.web import bp
from app.web.frame import page_exists
from app.web.numbers import grouped, mass
from app.web.verify import name_of
from app.web.words import word


@dataclass(frozen=True, slots=True)
class Summary:
    """What a receipt says of a fact.

    Attributes:
        title: What happened.
        what: To what, with its mass.
        codes: (name, code, address or None) of what it made or moved.
        next: (address, text) of what one does next, the likeliest first.
    """

    title: str
    what: str
    codes: list[tuple[str, str, str | None]]
    next: list[tuple[str, str]]


@bp.get("/logged/<int:index>")
def show_receipt(index: int) -> str:
    """The receipt of an entry, and what comes next."""
    actor = current_actor()
    with reading() as session:
        receipt = get_receipt(session, reader_for(actor), index, log_policy())
        keys = keys_by_name(session, receipt.entry.signers)
    summary = _summary(actor, receipt.entry.fact)
    return render_template(
        "logging/receipt.html",
        receipt=receipt,
        keys=keys,
        summary=summary,
        earlier=request.args.get("split", type=int),
    )


@bp.get("/logged/<int:index>/grade")
def show_grade(index: int) -> str:
    """The grade alone: the page asks until a checkpoint covers the entry."""
    with reading() as session:
        reader = reader_for(current_actor())
        receipt = get_receipt(session, reader, index, log_policy())
    return render_template("logging/_grade.html", receipt=receipt)


def _summary(actor: Actor, fact: Mapping[str, Any]) -> Summary:
    data = fact["data"]
    match fact["type"]:
        case "lot.sourced":
            return _of_lot(data)
        case "run.recorded":
            return _of_run(data)
        case "transfer.dispatched":
            return _of_dispatch(data)
        case "transfer.accepted":
            return _of_acceptance(actor, data)
        case "transfer.refused":
            return Summary(
                gettext("Transfer refused"),
                str(data["reason"]),
                [_transfer(data)],
                [("/transfers?way=in", gettext("Back to the transfers"))],
            )
        case "lot.delivered":
            return _of_delivery(data)
        case _:
            return Summary(str(fact["type"]), "", [], [("/", gettext("Home"))])


def _of_lot(data: Mapping[str, Any]) -> Summary:
    lot = data["lot"]
    return Summary(
        gettext("Lot logged"),
        f"{mass(data['weighing']['net_g'])} · {name_of(materials()[data['material']])}",
        [_lot(lot)],
        [
            (url_for("web.new_lot"), gettext("Log another, same as this")),
            *_lot_page(lot),
            (url_for("web.new_transfer", lot=lot), gettext("Dispatch it")),
        ],
    )


def _of_run(data: Mapping[str, Any]) -> Summary:
    made = data["outputs"]
    net_in_g = sum(flow["net_g"] for flow in data["inputs"])
    net_out_g = sum(flow["net_g"] for flow in made)
    return Summary(
        gettext("Run logged"),
        gettext(
            "%(kind)s: %(net_in)s in, %(net_out)s out",
            kind=word(data["kind"], "run_kind"),
            net_in=mass(net_in_g),
            net_out=mass(net_out_g),
        ),
        [
            (gettext("Run"), data["run"], url_for("web.show_run", code=data["run"])),
            *(_lot(flow["lot"]) for flow in made),
        ],
        [
            (
                url_for("web.new_run", kind=data["kind"], facility=data["facility"]),
                gettext("Log another run"),
            ),
            (url_for("web.show_run", code=data["run"]), gettext("Open the run")),
        ],
    )


def _of_dispatch(data: Mapping[str, Any]) -> Summary:
    return Summary(
        gettext("On its way"),
        mass(data["weighing"]["net_g"]),
        [_transfer(data), _lot(data["lot"])],
        [
            (url_for("web.new_transfer"), gettext("Dispatch another lot")),
            (
                url_for("web.show_transfer", code=data["transfer"]),
                gettext("Open the transfer"),
            ),
        ],
    )


def _of_acceptance(actor: Actor, data: Mapping[str, Any]) -> Summary:
    following = [(url_for("web.show_transfers", way="in"), gettext("Accept the next"))]
    if actor.may("run.recorded"):
        following.append((url_for("web.new_run"), gettext("Log a run")))
    return Summary(
        gettext("Transfer accepted"),
        gettext("%(mass)s weighed in", mass=mass(data["weighing"]["net_g"])),
        [_transfer(data)],
        following,
    )


def _of_delivery(data: Mapping[str, Any]) -> Summary:
    return Summary(
        gettext("Delivery logged"),
        f"{mass(data['net_g'])} · {word(data['to'], 'destination')}",
        [_lot(data["lot"])],
        [
            (url_for("web.new_delivery"), gettext("Log another delivery")),
            *_lot_page(data["lot"]),
        ],
    )


def _lot(code: str) -> tuple[str, str, str | None]:
    pages = _lot_page(code)
    return (gettext("Lot"), code, pages[0][0] if pages else None)


def _lot_page(code: str) -> list[tuple[str, str]]:
    path = f"/lots/{code}"
    if not page_exists(path):
        return []
    return [(path, gettext("Open lot %(code)s", code=grouped(code)))]


def _transfer(data: Mapping[str, Any]) -> tuple[str, str, str | None]:
    code = data["transfer"]
    return (gettext("Transfer"), code, url_for("web.show_transfer", code=code))
