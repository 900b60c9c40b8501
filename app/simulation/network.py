"""The organisations and facilities of a simulated chain. All of them are invented.

A chain is the smallest set of parties through which aluminium, copper and lead go
round; a larger simulation has several chains side by side. Places are those of
``regional_hubs.csv``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any

from app.data import read_csv
from app.simulation.weighing import PLATFORM_E_KG, PLATFORM_MAX_KG, Scale
from labels.codes import code_from_bytes


@dataclass(frozen=True, slots=True)
class Site:
    """What a facility of a chain is, before it is registered.

    Attributes:
        role: Its part in the chain; unique within it.
        organisation: Which organisation of the chain it belongs to.
        place: A place of ``regional_hubs.csv``.
        kind: As facts name it.
        what_zh: What it does, in Chinese.
        what_en: The same in English.
        prefix: How its own numbers begin.
        stage: Within a month, files of lower stages are imported first: metal goes
            from lower to higher stages, and back only after the month has ended.
        form: What its files are: ``utf-8`` or ``gb18030`` text, or ``xlsx``.
    """

    role: str
    organisation: str
    place: str
    kind: str
    what_zh: str
    what_en: str
    prefix: str
    stage: int
    form: str = "utf-8"


GB, XLSX = "gb18030", "xlsx"
CENTRE = "preprocessing_centre"
CENTRE_ZH = "回收预处理配送中心"
CENTRE_EN = "pre-processing and distribution centre"
SITES = (
    Site("yard_a", "yard_a", "临沂", "collection", "回收站", "yard", "LY", 1),
    Site("yard_b", "yard_b", "汨罗", "collection", "回收站", "yard", "ML", 1, GB),
    Site("yard_c", "yard_c", "长葛", "collection", "回收站", "yard", "CG", 1),
    Site("yard_d", "yard_d", "大石桥", "collection", "回收站", "yard", "DS", 1, GB),
    Site("port_a", "port_a", "宁波", "port", "进口再生原料", "importer", "NB", 1),
    Site("port_b", "port_b", "南海", "port", "进口再生原料", "importer", "NH", 1),
    Site("primary", "primary", "百色", "smelter", "电解铝", "primary smelter", "BS", 1),
    Site("centre_a", "centre_a", "台州", CENTRE, CENTRE_ZH, CENTRE_EN, "TZ", 2),
    Site("centre_b", "centre_b", "静海", CENTRE, CENTRE_ZH, CENTRE_EN, "JH", 2, GB),
    Site("billet", "profile", "聊城", "casthouse", "再生铝棒", "casthouse", "LC", 3),
    Site(
        "alloy", "alloy", "南海", "casthouse", "铸造铝合金", "alloy casthouse", "NA", 3
    ),
    Site(
        "black", "black", "宁波", "smelter", "黑铜冶炼", "black copper smelter", "NK", 3
    ),
    Site("lead", "lead", "汨罗", "smelter", "再生铅", "lead recycler", "MP", 3, GB),
    Site("anode", "anode", "清远", "smelter", "再生铜冶炼", "copper smelter", "QY", 4),
    Site(
        "cathode", "cathode", "清远", "refinery", "铜精炼", "copper refinery", "QR", 5
    ),
    Site("press", "profile", "聊城", "fabricator", "挤压厂", "extruder", "LX", 6),
    Site(
        "extruder",
        "extruder",
        "临沂",
        "fabricator",
        "铝型材",
        "extruder",
        "LE",
        6,
        XLSX,
    ),
    Site("wire", "wire", "台州", "fabricator", "铜线", "wire maker", "TW", 6),
)
# Companies of one group share control and, side by side on one site, one boundary
GROUPS = {"anode": "copper", "cathode": "copper"}
TRUCK_SCALES = {"collection": (20, 60_000), "fabricator": (10, 60_000)}
LARGE_TRUCK_SCALE = (20, 100_000)
# Lasting error of a scale, as a part of what it may miss
BIAS = 0.3
NAMES_ZH = {"profile": "再生铝业"}
NAMES_EN = {"profile": "recycled aluminium"}


@dataclass(slots=True)
class Facility:
    """A facility: what is registered of it, and its counters.

    Attributes:
        role: Its part in the chain.
        kind: As facts name it.
        organisation: Code of its organisation.
        control: Who controls it: what moves inside one control is no sale.
        code: Of the facility.
        name_zh: Registered name.
        name_en: Registered name.
        prefix: How its own numbers begin.
        province: Six digits of GB/T 2260.
        stage: As in ``Site``.
        form: As in ``Site``.
        truck: Scale for vehicles.
        platform: Scale for what weighs up to 3 t.
        numbers: Last own number given to lots, runs and transfers.
    """

    role: str
    kind: str
    organisation: str
    control: str
    code: str
    name_zh: str
    name_en: str
    prefix: str
    province: str
    stage: int
    form: str
    truck: Scale
    platform: Scale
    numbers: dict[str, int] = field(default_factory=dict)

    def number(self, kind: str) -> str:
        """The next own number: of a lot (no letter), a run (R) or a transfer (T)."""
        self.numbers[kind] = self.numbers.get(kind, 0) + 1
        return f"{self.prefix}-{kind}{self.numbers[kind]:06d}"

    def scale_for(self, net_kg: float) -> Scale:
        """The finest scale that bears a net mass."""
        return self.platform if net_kg <= PLATFORM_MAX_KG else self.truck


@dataclass(frozen=True, slots=True)
class Chain:
    """The parties of one chain.

    Attributes:
        organisations: As ``organisations.json`` has them.
        registrations: As ``facilities.json`` has them.
        facilities: By role.
    """

    organisations: list[dict[str, Any]]
    registrations: list[dict[str, Any]]
    facilities: dict[str, Facility]


def make_chain(number: int, seed: int, certified_until: date) -> Chain:
    """Register one chain.

    Args:
        number: Of the chain, from 1 on.
        seed: What codes and scale errors follow from.
        certified_until: Last day of the scales' certificates.
    """
    hubs = {row["place_zh"]: row for row in read_csv("regional_hubs.csv")}
    rng = Random(f"{seed}/{number}/scales")  # noqa: S311 - a simulation, not a secret
    suffix = "" if number == 1 else str(number)
    chain = Chain([], [], {})
    for site in SITES:
        hub = hubs[site.place]
        organisation = _organisation(site, hub, suffix, seed)
        if all(one["code"] != organisation["code"] for one in chain.organisations):
            chain.organisations.append(organisation)
        facility = _facility(site, hub, suffix, seed, rng, organisation["code"])
        chain.facilities[site.role] = facility
        chain.registrations.append(
            _registration(site, facility, suffix, certified_until)
        )
    return chain


def _code(seed: int, what: str) -> str:
    return code_from_bytes(
        hashlib.sha256(f"simulation/{seed}/{what}".encode()).digest()
    )


def _organisation(
    site: Site, hub: dict[str, str], suffix: str, seed: int
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "code": _code(seed, f"organisation/{site.organisation}{suffix}"),
        "name_zh": f"示例{site.place}{NAMES_ZH.get(site.organisation, site.what_zh)}"
        f"{suffix}公司",
        "name_en": " ".join(
            f"示例 {hub['place_en']} "
            f"{NAMES_EN.get(site.organisation, site.what_en)} {suffix}".split()
        ),
        "roles": ["recycler"],
    }
    if (group := GROUPS.get(site.organisation)) is not None:
        found["control_group"] = _code(seed, f"group/{group}{suffix}")
    return found


def _facility(
    site: Site,
    hub: dict[str, str],
    suffix: str,
    seed: int,
    rng: Random,
    organisation: str,
) -> Facility:
    e_kg, max_kg = TRUCK_SCALES.get(site.kind, LARGE_TRUCK_SCALE)
    return Facility(
        role=site.role,
        kind=site.kind,
        organisation=organisation,
        control=GROUPS.get(site.organisation, site.organisation) + suffix,
        code=_code(seed, f"facility/{site.role}{suffix}"),
        name_zh=f"示例{site.place}{site.what_zh}{suffix}",
        name_en=f"示例 {hub['place_en']} {site.what_en} site {suffix}".strip(),
        prefix=f"{site.prefix}{suffix}",
        province=hub["province"],
        stage=site.stage,
        form=site.form,
        truck=Scale("W1", "III", e_kg, max_kg, rng.uniform(-BIAS, BIAS)),
        platform=Scale(
            "W2", "III", PLATFORM_E_KG, PLATFORM_MAX_KG, rng.uniform(-BIAS, BIAS)
        ),
    )


def _registration(
    site: Site, facility: Facility, suffix: str, certified_until: date
) -> dict[str, Any]:
    boundary = GROUPS.get(site.organisation, site.organisation)
    return {
        "code": facility.code,
        "organisation": facility.organisation,
        "kind": site.kind,
        "province": facility.province,
        "name_zh": facility.name_zh,
        "name_en": facility.name_en,
        "boundary": {
            "code": f"B-{boundary}{suffix}".upper(),
            "text_zh": f"{facility.name_zh}所在厂区：从原料入库到产品出库",
            "text_en": f"The site of {facility.name_en}: from receipt to dispatch",
        },
        "scales": [
            {
                "code": scale.code,
                "class": scale.scale_class,
                "e_g": scale.e_kg * 1000,
                "max_g": scale.max_kg * 1000,
                "certificate_until": certified_until.isoformat(),
            }
            for scale in (facility.truck, facility.platform)
        ],
    }
