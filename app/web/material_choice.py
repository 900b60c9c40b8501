"""The catalogue of materials as a choice: what is used first, then by kind."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from app.services.rules import Material, materials
from app.web.verify import name_of
from graph import LotKind

Group = tuple[str, list[tuple[str, str]]]

KIND_NAMES = {
    LotKind.SCRAP: _l("Scrap"),
    LotKind.RETURN: _l("Returns"),
    LotKind.INTERMEDIATE: _l("Intermediates"),
    LotKind.METAL: _l("Metal"),
    LotKind.PRODUCT: _l("Products"),
    LotKind.BY_PRODUCT: _l("By-products"),
    LotKind.PRIMARY: _l("Primary metal"),
    LotKind.ADDITION: _l("Additions"),
}


def material_groups(recent: Sequence[str]) -> list[Group]:
    """(heading, [(code, name)]) of a select, those used lately first."""
    catalogue = materials()
    groups: list[Group] = []
    if recent:
        known = [catalogue[code] for code in recent if code in catalogue]
        groups.append((gettext("Used lately"), [_option(one) for one in known]))
    for kind, heading in KIND_NAMES.items():
        found = [_option(one) for one in catalogue.values() if one.kind is kind]
        if found:
            groups.append((str(heading), found))
    return groups


def _option(material: Material) -> tuple[str, str]:
    name = name_of(material)
    if material.standard and material.standard != "none":
        name = f"{name} · {material.standard}"
    return material.code, name
