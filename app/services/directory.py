"""Organisations and facilities that facts name, with their scales: read once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from app.models import FacilityRow, OrganisationRow, ScaleRow
from app.services.journal import chunks
from app.services.work import Facility, Organisation, Scale, Work


class Directory:
    """Organisations and facilities that a process has met: they never change."""

    def __init__(self) -> None:
        self.organisations: dict[str, Organisation] = {}
        self.facilities: dict[str, Facility] = {}
        self.facilities_by_id: dict[int, Facility] = {}


_directories: WeakKeyDictionary[Engine, Directory] = WeakKeyDictionary()


def directory_of(session: Session) -> Directory:
    """The directory of a database; only committed rows are ever put into it."""
    return _directories.setdefault(session.get_bind().engine, Directory())


def load_organisations(work: Work, codes: Iterable[str]) -> None:
    """Organisations by code."""
    met = directory_of(work.session).organisations
    wanted = set(codes)
    for chunk in chunks(sorted(wanted - met.keys())):
        rows = work.session.execute(
            select(
                OrganisationRow.id, OrganisationRow.code, OrganisationRow.control_group
            ).where(OrganisationRow.code.in_(chunk))
        )
        met.update((row.code, Organisation(*row)) for row in rows)
    work.organisations.update((code, met[code]) for code in wanted if code in met)


def load_facilities(work: Work, codes: Iterable[str]) -> None:
    """Facilities with their scales, by code."""
    wanted = set(codes)
    met = directory_of(work.session)
    for chunk in chunks(sorted(wanted - met.facilities.keys())):
        _load_facilities(work, met, FacilityRow.code.in_(chunk))
    for code in wanted & met.facilities.keys():
        work.remember_facility(met.facilities[code])


def load_facilities_by_id(work: Work, ids: Iterable[int]) -> None:
    """The same, by key."""
    wanted = set(ids) - work.facilities_by_id.keys()
    met = directory_of(work.session)
    for chunk in chunks(sorted(wanted - met.facilities_by_id.keys())):
        _load_facilities(work, met, FacilityRow.id.in_(chunk))
    for key in wanted & met.facilities_by_id.keys():
        work.remember_facility(met.facilities_by_id[key])


def _load_facilities(
    work: Work,
    met: Directory,
    condition: Any,  # noqa: ANN401 - a clause
) -> None:
    scales: dict[int, dict[str, Scale]] = defaultdict(dict)
    rows = work.session.execute(
        select(
            ScaleRow.facility_id,
            ScaleRow.code,
            ScaleRow.e_g,
            ScaleRow.max_g,
            ScaleRow.certificate_until,
        )
        .join(FacilityRow, FacilityRow.id == ScaleRow.facility_id)
        .where(condition)
    )
    for row in rows:
        scales[row.facility_id][row.code] = Scale(*row[1:])
    found = work.session.execute(
        select(
            FacilityRow.id,
            FacilityRow.code,
            FacilityRow.organisation_id,
            FacilityRow.kind,
            FacilityRow.province,
            FacilityRow.boundary_code,
            OrganisationRow.control_group,
        )
        .join(OrganisationRow, OrganisationRow.id == FacilityRow.organisation_id)
        .where(condition)
    )
    for one in found:
        facility = Facility(*one, scales[one.id])
        met.facilities[facility.code] = facility
        met.facilities_by_id[facility.id] = facility
