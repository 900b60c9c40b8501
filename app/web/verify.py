"""/v/…: the page behind a label, for everybody; no session, no cookie.

Its verdict needs no script; with one, the browser checks the proof itself and says so.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from apiflask import APIBlueprint
from flask import (
    Response,
    current_app,
    redirect,
    render_template,
    request,
    send_from_directory,
    stream_with_context,
    url_for,
)
from flask_babel import get_locale
from werkzeug.wrappers import Response as BaseResponse

from app.config import Settings
from app.db import reading
from app.publishing import log_policy
from app.queries.cosigned import asks_for_witnesses
from app.queries.errors import NotFound
from app.queries.verdicts import Named
from app.security import find_caller, limiter, now, reader_for
from app.services.archive import policy_text
from app.services.bundles import BundleKind, BundlePlan, plan_bundle, write_bundle
from app.services.errors import refuse
from app.services.label_paths import Station, paths
from app.services.rules import SHANGHAI, materials, provinces
from app.services.verdicts import Verdict, VerdictKind, judge_label
from app.web import verdict_texts, verifier_texts
from app.web.claim_figures import percent, share_bar
from app.web.numbers import mass_number
from labels.codes import BadCode, format_code, parse_code

bp = APIBlueprint("verify", __name__, enable_openapi=False)
REVALIDATE = "public, no-cache"
AN_HOUR = "public, max-age=3600"
KEPT_PAGES = 1000
MOST_PROVINCES, MOST_MATERIALS = 3, 2
OWN_TEXTS = verifier_texts.CHECKS | verifier_texts.SHARED | verifier_texts.LABEL


GUESSES = "30 per minute; 600 per day"
"""Codes that nobody issued count, by address; labels that exist do not."""


def _found_nothing(response: Response) -> bool:
    return bool(response.status_code == 404)  # noqa: PLR2004 - the answer to a guess


@bp.get("/v")
@bp.get("/V")
def find_label() -> BaseResponse | str:
    """A field for a code that is typed, not scanned."""
    if text := request.args.get("code", "").strip():
        language = request.args.get("lang")
        return redirect(url_for("verify.show_label", code=text, lang=language))
    return render_template("verify/find.html")


@bp.get("/v/<code>")
@bp.get("/V/<code>", endpoint="show_label_printed")
@limiter.limit(GUESSES, deduct_when=_found_nothing)
def show_label(code: str) -> Response:
    """The verdict about a label, and what it rests on."""
    try:
        parsed = parse_code(code)
    except BadCode:
        return _unknown(code, mistyped=True)
    with reading() as session:
        verdict = judge_label(session, parsed, now(), log_policy())
        if verdict is None:
            return _unknown(parsed, mistyped=False)
        stations: tuple[Station, ...] = ()
        if verdict.kind is not VerdictKind.UNVERIFIABLE:
            stations = paths.of(session, verdict)
    return _answer(pages.of(parsed, verdict, stations))


class Pages:
    """Pages by code and language, each with the verdict that it tells.

    The verdict is found anew for every request; only where it is the very same is a
    page told again without setting it again.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, ...], tuple[Verdict, str]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, code: str, verdict: Verdict, stations: Sequence[Station]) -> str:
        """The page that tells this verdict in the language of the request."""
        key = (code, str(get_locale()), _settings().base_url)
        with self._lock:
            known = self._kept.get(key)
        if known is not None and known[0] == verdict:
            return known[1]
        page = _page(code, verdict, stations)
        with self._lock:
            self._kept[key] = (verdict, page)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return page


pages = Pages(KEPT_PAGES)


def _page(parsed: str, verdict: Verdict, stations: Sequence[Station]) -> str:
    return render_template(
        "verify/label.html",
        code=parsed,
        verdict=verdict,
        case=verdict.case,
        claim=verdict.claim,
        shown=_shown(verdict),
        shown_lot=mass_number(verdict.case.lot.net_g, "kg"),
        stations=[_station(one) for one in stations],
        texts=verdict_texts,
        own_texts=OWN_TEXTS,
        material=materials()[verdict.case.lot.material],
        address=f"{_settings().base_url}/V/{parsed}",
        checkpoint_at=_moment(verdict),
        awaits_witnesses=asks_for_witnesses(log_policy())
        and verdict.grade != "witnessed",
    )


@bp.get("/.well-known/remelt/policy")
def show_policy() -> Response:
    """The policy (tlog-policy) and the genesis: all that a verifier needs of us."""
    with reading() as session:
        response = Response(
            policy_text(session, log_policy()), content_type="text/plain"
        )
    response.headers["Cache-Control"] = AN_HOUR
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


@bp.get("/verify.html")
def show_verifier() -> BaseResponse:
    """The verifier as one file, for a disk: it needs no server."""
    return send_from_directory(
        Path(current_app.static_folder or ""),
        "verify.html",
        as_attachment=True,
        max_age=3600,
    )


@bp.get("/v/<code>/bundle")
@bp.get("/V/<code>/bundle", endpoint="show_bundle_printed")
@limiter.limit(GUESSES, deduct_when=_found_nothing)
def show_bundle(code: str) -> Response:
    """All that it takes to check the label offline, as a file.

    ``?kind=full`` shows the evidence too, to those who may read it.

    Raises:
        NotFound: No label has this code.
    """
    asked = request.args.get("kind", "public")
    if asked not in ("public", "full"):
        raise refuse("kind", "found {kind}, expected public or full", kind=asked[:40])
    kind: BundleKind = "full" if asked == "full" else "public"
    try:
        parsed = parse_code(code)
    except BadCode:
        raise NotFound("no label {code}", code=code[:40]) from None
    reader = reader_for(find_caller())
    with reading() as session:
        plan = plan_bundle(session, parsed, kind, reader, log_policy())
    if plan is None:
        raise NotFound("no label {code}", code=format_code(parsed))
    response = Response(
        stream_with_context(_pieces(plan)), content_type="application/json"
    )
    response.headers["Cache-Control"] = "no-store" if kind == "full" else "no-cache"
    response.headers["Content-Disposition"] = f'attachment; filename="{parsed}.json"'
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def _pieces(plan: BundlePlan) -> Iterator[str]:
    with reading() as session:
        yield from write_bundle(session, plan)


def _unknown(text: str, *, mistyped: bool) -> Response:
    page = render_template(
        "verify/unknown.html",
        code=text[:40] if mistyped else format_code(text),
        mistyped=mistyped,
    )
    response = Response(page, status=404)
    response.headers["Cache-Control"] = "no-store"
    return response


def _answer(page: str) -> Response:
    """A page that may be kept, and is asked for again each time: it can change."""
    response = Response(page)
    response.headers["Cache-Control"] = REVALIDATE
    response.add_etag()
    response.make_conditional(request)
    return response


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings


def _moment(verdict: Verdict) -> datetime | None:
    """When the newest checkpoint was signed, in the zone of the books."""
    if verdict.checkpoint is None:
        return None
    return verdict.checkpoint.signed_at.astimezone(SHANGHAI)


def _shown(verdict: Verdict) -> dict[str, Any] | None:
    """The figures of the claim as the page sets them; None where none are shown."""
    claim = verdict.claim
    if claim is None or verdict.kind is VerdictKind.UNVERIFIABLE:
        return None
    split = claim["split_ppm"]
    parts = {
        "elv": split.get("post_consumer_elv", 0),
        "post": split.get("post_consumer", 0),
        "pre": split.get("pre_consumer", 0),
    }
    bears = verdict.case.lot_shares
    start, end = claim["stretch"]
    return {
        "share": percent(claim["share_ppm"]),
        "upper": percent(claim["upper_ppm"], up=True),
        "ranged": claim["upper_ppm"] > claim["share_ppm"],
        "parts": {name: percent(ppm) for name, ppm in parts.items() if ppm},
        "bar": share_bar(parts, claim["share_ppm"], claim["upper_ppm"]),
        "new_share": None if bears is None else percent(bears.share_ppm),
        "net": mass_number(end - start, "kg"),
        "metal": mass_number(claim["claimed_g"], "kg"),
    }


def _station(station: Station) -> dict[str, Any]:
    listed = provinces()
    catalogue = materials()
    return {
        "stage": station.stage,
        "provinces": [
            listed[code][f"name_{_name_language()}"]
            for code in station.provinces[:MOST_PROVINCES]
            if code in listed
        ],
        "more_provinces": max(len(station.provinces) - MOST_PROVINCES, 0),
        "materials": [
            name_of(catalogue[code]) for code in station.materials[:MOST_MATERIALS]
        ],
        "more_materials": max(len(station.materials) - MOST_MATERIALS, 0),
    }


def _name_language() -> str:
    return "zh" if str(get_locale()).startswith("zh") else "en"


@bp.app_template_filter("named")
def name_of(thing: Named | Any) -> str:  # noqa: ANN401 - whatever has two names
    """The name of an organisation, facility or material in the language of the page."""
    names = (thing.name_zh, thing.name_en)
    first, second = names if _name_language() == "zh" else names[::-1]
    found = first or second or thing.code
    return str(found)
