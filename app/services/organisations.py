"""Organisations, facilities and keys: handlers of their facts."""

from __future__ import annotations

from datetime import date

from app.models import (
    FacilityRow,
    OrganisationRow,
    ScaleRow,
    row_id,
)
from app.services.errors import refuse
from app.services.facts import Fact
from app.services.key_ends import add_key
from app.services.rules import provinces
from app.services.work import Facility, Organisation, Scale, Work
from ledger import (
    BadSignature,
    LedgerError,
    Verifier,
    check_possession,
)


def post_organisation(work: Work, fact: Fact, index: int) -> None:
    """``organisation.registered``.

    Raises:
        Refused: The code is in use.
    """
    data = fact.data
    if data["code"] in work.organisations:
        raise refuse(
            "data.code", "the code {code} is in use already", code=data["code"]
        )
    group = data.get("control_group")
    organisation = Organisation(row_id(index), data["code"], group)
    work.organisations[organisation.code] = organisation
    work.add_row(
        OrganisationRow,
        {
            "id": organisation.id,
            "code": organisation.code,
            "name_zh": data.get("name_zh"),
            "name_en": data.get("name_en"),
            "roles": list(data["roles"]),
            "uscc": data.get("uscc"),
            "control_group": group,
        },
    )
    work.party(index, organisation.id)


def post_facility(work: Work, fact: Fact, index: int) -> None:
    """``facility.registered``, with its scales.

    Raises:
        Refused: The code is in use, the facility is another organisation's, or the
            province is not one of GB/T 2260.
    """
    data = fact.data
    organisation = work.organisation(fact.org)
    if data["organisation"] != organisation.code:
        raise refuse(
            "data.organisation",
            "found {code}, expected your own organisation {own}",
            code=data["organisation"],
            own=organisation.code,
        )
    if data["code"] in work.facilities:
        raise refuse(
            "data.code", "the code {code} is in use already", code=data["code"]
        )
    if data["province"] not in provinces():
        raise refuse(
            "data.province",
            "found {code}, expected a province of GB/T 2260 such as 440000",
            code=data["province"],
        )
    facility_id = row_id(index)
    scales = _scales(data.get("scales", ()))
    for position, scale in enumerate(scales.values()):
        work.add_row(
            ScaleRow,
            {
                "id": row_id(index, position),
                "facility_id": facility_id,
                "code": scale.code,
                "scale_class": data["scales"][position].get("class"),
                "e_g": scale.e_g,
                "max_g": scale.max_g,
                "certificate_until": scale.certificate_until,
            },
        )
    boundary = data["boundary"]
    work.add_row(
        FacilityRow,
        {
            "id": facility_id,
            "code": data["code"],
            "organisation_id": organisation.id,
            "kind": data["kind"],
            "province": data["province"],
            "name_zh": data.get("name_zh"),
            "name_en": data.get("name_en"),
            "boundary_code": boundary["code"],
            "boundary_text_zh": boundary.get("text_zh"),
            "boundary_text_en": boundary.get("text_en"),
        },
    )
    work.remember_facility(
        Facility(
            facility_id,
            data["code"],
            organisation.id,
            data["kind"],
            data["province"],
            boundary["code"],
            organisation.control_group,
            scales,
        )
    )


def _scales(listed: list[dict[str, object]] | tuple[()]) -> dict[str, Scale]:
    scales: dict[str, Scale] = {}
    for position, data in enumerate(listed):
        code, until = str(data["code"]), data.get("certificate_until")
        if code in scales:
            raise refuse(
                f"data.scales.{position}.code", "scale {code} stands twice", code=code
            )
        scales[code] = Scale(
            code,
            int(str(data["e_g"])),
            int(str(data["max_g"])),
            None if until is None else date.fromisoformat(str(until)),
        )
    return scales


def post_key(work: Work, fact: Fact, index: int) -> None:
    """``key.registered``: a key that its holder proves to have.

    Raises:
        Refused: The key is weak, in use, not named after the organisation, not the
            next in number, or its proof of possession does not verify.
    """
    data = fact.data
    organisation = work.organisation(fact.org)
    try:
        verifier = Verifier.parse(data["vkey"])
        check_possession(organisation.code, data["vkey"], data["proof"])
    except BadSignature:
        raise refuse(
            "data.proof", "the new key did not sign its own registration"
        ) from None
    except LedgerError as error:
        raise refuse("data.vkey", "{reason}", reason=str(error)) from error
    add_key(work, fact, index, verifier, data["held_by"])
