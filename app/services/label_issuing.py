"""Labels for a lot or a claim: issued, printed, printed again, declared void."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import LabelCodeRow, LogEntryRow
from app.queries.labels import LabelSubject, PrintRun, get_print_run, list_labels
from app.services.access import Actor
from app.services.claims import OPEN_STATES
from app.services.errors import Refused, refuse
from app.services.facts import Fact
from app.services.keys import KeyRing
from app.services.posting import Receipt, post
from app.services.recording import Doors, record, require_right, seal
from app.services.rules import SHANGHAI, get_material
from labels.codes import code_from_bytes, code_sha256, format_code, new_code
from labels.errors import CannotSet, LabelError, TooCoarse, TooFine, TooLong
from labels.fonts import missing
from labels.layout import FORMATS, Format, LabelContent, lay_out
from labels.payload import address_line, label_url

MOST_LABELS = 500
"""One entry names at most so many."""
MODELS = {
    "segregated": ("隔离", "segregated"),
    "controlled_blending": ("受控混合", "controlled blending"),
}
USUAL_FORMAT = "a4_3x7"
UNCLAIMED = ("未作再生含量声明", "No recycled-content claim is made")
TENTH_OF_A_PERCENT = 1000
GRAMS = 1000


@dataclass(frozen=True, slots=True)
class LabelWish:
    """Labels to be issued.

    Attributes:
        fact_id: Of the fact; the same one again issues nothing more.
        lot: Code of the lot; None where a claim is named.
        claim: Code of the claim; None where nothing is claimed.
        count: How many, 1 to 500.
        format: A key of ``labels.layout.FORMATS``.
    """

    fact_id: str
    lot: str | None
    claim: str | None
    count: int
    format: str


def issue_labels(
    doors: Doors,
    keyring: KeyRing,
    actor: Actor,
    wish: LabelWish,
    base_url: str,
    now: datetime,
) -> Receipt:
    """Make codes, post their digests, keep the codes so that they can be printed.

    The codes follow from the id of the fact under a secret key: a repeat gives the
    same labels, and nobody else can guess them.

    Raises:
        Forbidden: The actor may not issue labels.
        Refused: The lot or claim is not the organisation's, the number or the format
            is none, or a label cannot be set.
        RepeatMismatch: The id stands for another request.
    """
    actor.require("label.issued")
    form = get_format(wish.format)
    if not 1 <= wish.count <= MOST_LABELS:
        raise refuse(
            "count",
            "found {found}, expected 1 to {most} labels",
            found=wish.count,
            most=MOST_LABELS,
        )
    codes = [
        code_from_bytes(
            keyring.request_digest({"label": wish.fact_id, "n": n, "org": _org(actor)})
        )
        for n in range(wish.count)
    ]
    about = {"claim": wish.claim} if wish.claim else {"lot": wish.lot}
    fact = Fact(
        id=wish.fact_id,
        type="label.issued",
        org=_org(actor),
        at=now.replace(microsecond=0),
        data={
            **about,
            "codes_sha256": [code_sha256(code).hex() for code in codes],
            "format": wish.format,
        },
    )
    require_right(actor, fact)
    with doors.reading() as session:
        fact = _as_before(session, fact)
    sealed = seal(doors, keyring, [fact], now)
    with doors.transaction() as session:
        [receipt] = post(session, sealed, now)
        _keep_codes(session, codes)
        if not receipt.repeated:
            run = get_print_run(
                session,
                receipt.entry_index,
                organisation_id=actor.organisation_id,
                everything=False,
            )
            # A label that cannot be set is not issued: this takes the entry back
            with setting():
                lay_out(content_of(run, codes[0], base_url), form)
    return receipt


def _org(actor: Actor) -> str:
    return actor.organisation_code or ""


def _as_before(session: Session, fact: Fact) -> Fact:
    """A repeat at the time of the first request: the clock is no part of the wish."""
    at = session.scalar(
        select(LogEntryRow.at).where(
            LogEntryRow.org == fact.org, LogEntryRow.fact_id == fact.id
        )
    )
    if at is None:
        return fact
    return replace(fact, at=at)


def _keep_codes(session: Session, codes: Iterable[str]) -> None:
    by_digest = {code_sha256(code): code for code in codes}
    known = set(
        session.scalars(
            select(LabelCodeRow.code_sha256).where(
                LabelCodeRow.code_sha256.in_(list(by_digest))
            )
        )
    )
    for digest, code in by_digest.items():
        if digest not in known:
            session.add(LabelCodeRow(code_sha256=digest, code=code))


def get_format(name: str) -> Format:
    """A size of labels.

    Raises:
        Refused: There is none of this name.
    """
    if name not in FORMATS:
        raise refuse(
            "format",
            "found {found}, expected one of {known}",
            found=name[:20],
            known=", ".join(FORMATS),
        )
    return FORMATS[name]


def printing_format(run: PrintRun, name: str | None = None) -> Format:
    """The size that is asked for, else the one for which the labels were issued.

    Raises:
        Refused: There is none of this name.
    """
    if name:
        return get_format(name)
    # An entry that another program signed may name a size that is not printed here
    return FORMATS.get(run.format, FORMATS[USUAL_FORMAT])


@contextmanager
def setting() -> Iterator[None]:
    """Say of a label that cannot be set what is wrong with it.

    Raises:
        Refused: It cannot.
    """
    try:
        yield
    except LabelError as error:
        raise _worded(error) from error


def _worded(error: LabelError) -> Refused:
    """What is wrong, in a sentence that pages have in both languages."""
    match error:
        case CannotSet():
            return refuse(
                "format",
                "the font of the labels has no {characters} ({points}), in {text}: "
                "give a label name without it",
                **error.values,
            )
        case TooFine():
            return refuse(
                "format",
                "the address {text} makes a symbol too fine for this size: "
                "choose a larger one",
                **error.values,
            )
        case TooCoarse():
            return refuse(
                "format",
                "{dpi} dots an inch are too coarse for the symbol on this size: "
                "choose a larger one, or more dots",
                **error.values,
            )
        case TooLong():
            return refuse(
                "format",
                "{text} does not fit on this size: choose a larger one, or give a "
                "shorter label name",
                **error.values,
            )
    return refuse("format", "{reason}", reason=str(error))


def void_label(
    doors: Doors,
    keyring: KeyRing,
    actor: Actor,
    *,
    digest: bytes,
    reason: str,
    fact_id: str,
    now: datetime,
) -> Receipt:
    """Declare a label void: whoever scans it reads so from now on.

    Raises:
        Forbidden: The actor may not.
        Refused: It is no label of the organisation, or void already.
    """
    actor.require("label.voided")
    fact = Fact(
        id=fact_id,
        type="label.voided",
        org=_org(actor),
        at=now.replace(microsecond=0),
        data={"code_sha256": digest.hex(), "reason": reason},
    )
    return record(doors, keyring, actor, [fact], now)[0]


def printable(
    session: Session, run: PrintRun, base_url: str
) -> Iterator[tuple[int, LabelContent]]:
    """Number, from 1, and content of every label that is not void.

    Raises:
        Refused: The claim has ended: its share is not put into the world again.
    """
    if has_ended(run):
        raise refuse(
            "claim",
            "claim {code} has ended: its labels are not printed again",
            code=format_code(run.claim or ""),
        )
    return (
        (n, content_of(run, label.code, base_url))
        for n, label in enumerate(list_labels(session, run.entry_index), 1)
        if label.code is not None and label.voided_because is None
    )


def has_ended(subject: LabelSubject) -> bool:
    """Whether the claim that the labels carry is in force no longer."""
    return subject.claim is not None and subject.claim_state not in OPEN_STATES


def specimen(subject: LabelSubject, base_url: str) -> LabelContent:
    """What a label would say, with a code that nobody has issued, marked as example."""
    return replace(content_of(subject, new_code(), base_url), example=True)


def content_of(subject: LabelSubject, code: str, base_url: str) -> LabelContent:
    """What a label says, in both languages."""
    material = get_material(subject.material, "material")
    grade = f" · {material.standard}" if material.standard else ""
    basis_zh, basis_en = UNCLAIMED
    share = ""
    if subject.share_ppm is not None and subject.model is not None:
        share = percent(subject.share_ppm)
        basis_zh, basis_en = MODELS[subject.model]
        basis_zh = f"{basis_zh}（ISO 22095）"
    return LabelContent(
        url=label_url(base_url, code),
        address=address_line(base_url, code),
        title_zh=material.name_zh,
        title_en=f"{material.name_en}{grade}",
        net=kilograms(subject.net_g),
        share=share,
        basis_zh=basis_zh,
        basis_en=basis_en,
        lot=format_code(subject.lot),
        maker=label_name(subject.maker_zh, subject.maker_en),
        made_on=subject.made_at.astimezone(SHANGHAI).date().isoformat(),
    )


def label_name(name_zh: str | None, name_en: str | None) -> str:
    """The name of the maker that can be set: the Chinese one where the face has it."""
    names = [name for name in (name_zh, name_en) if name]
    return next((name for name in names if not missing(name)), (names or [""])[0])


def kilograms(mass_g: int) -> str:
    """Grams as kilograms with all their digits.

    >>> kilograms(12_480_500)
    '12 480.5 kg'
    """
    whole, rest = divmod(mass_g, GRAMS)
    decimals = f".{rest:03d}".rstrip("0") if rest else ""
    return f"{whole:,}".replace(",", " ") + f"{decimals} kg"


def percent(share_ppm: int) -> str:
    """A share, rounded down to a tenth: a label never says more than there is.

    >>> percent(971_999)
    '97.1 %'
    """
    whole, tenth = divmod(share_ppm // TENTH_OF_A_PERCENT, 10)
    return f"{whole}.{tenth} %"
