"""The closed schema of every fact type, version 1 (see docs/reference/facts.md)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from app.schemas.fields import (
    AtUtc,
    Closed,
    Code,
    Day,
    FactId,
    Grams,
    HexDigest,
    KeyId,
    Line,
    Ppm,
    Prose,
    Province,
    SaltedDigest,
    SomeGrams,
    Symbol,
    Uscc,
)

MAX_FLOWS = 400  # inputs, outputs of one run: their rows fit the keys of one entry
MAX_LABELS = 500

OriginClassName = Literal[
    "post_consumer_elv",
    "post_consumer",
    "pre_consumer",
    "internal",
    "primary",
    "unknown",
]
RoleName = Literal["recycler", "auditor", "statistician", "registrar"]


class GenesisData(Closed):
    """``log.genesis``: entry 0, what everything else is checked against."""

    origin: Line
    log_vkey: Line
    registrar_vkey: Line
    schema_sha256: HexDigest


class OrganisationData(Closed):
    """``organisation.registered``."""

    code: Code
    name_zh: Line | None = None
    name_en: Line | None = None
    roles: Annotated[list[RoleName], Field(min_length=1, max_length=4)]
    uscc: Uscc | None = None
    control_group: Code | None = None

    @model_validator(mode="after")
    def _has_a_name(self) -> Self:
        if self.name_zh is None and self.name_en is None:
            raise ValueError("name_zh or name_en is needed")
        return self


class BoundaryData(Closed):
    """The process boundary of ISO 14021, as text that every claim prints."""

    code: Line
    text_zh: Prose | None = None
    text_en: Prose | None = None


class ScaleData(Closed):
    """A scale of a facility: division and capacity in grams."""

    code: Line
    scale_class: Annotated[
        Literal["I", "II", "III", "IIII"] | None, Field(alias="class")
    ] = None
    e_g: SomeGrams
    max_g: SomeGrams
    certificate_until: Day | None = None


class FacilityData(Closed):
    """``facility.registered``."""

    code: Code
    organisation: Code
    kind: Literal[
        "collection",
        "preprocessing_centre",
        "utilisation_base",
        "smelter",
        "refinery",
        "casthouse",
        "fabricator",
        "port",
        "warehouse",
    ]
    province: Province
    name_zh: Line | None = None
    name_en: Line | None = None
    boundary: BoundaryData
    scales: Annotated[list[ScaleData], Field(max_length=100)] | None = None


class KeyData(Closed):
    """``key.registered``: ``proof`` is the new key's signature over org and vkey."""

    vkey: Line
    held_by: Literal["organisation", "platform"]
    next: HexDigest | None = None
    proof: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{86}==$")]


class RotatedData(Closed):
    """``key.rotated``: signed by the new key, which the old one had committed to."""

    old: KeyId
    vkey: Line
    next: HexDigest | None = None


class RevokedData(Closed):
    """``key.revoked``: the key signs nothing behind this entry."""

    key_id: KeyId
    reason: Prose


class WeighingData(Closed):
    """One weighing: net is gross less tare where both are given."""

    gross_g: Grams | None = None
    tare_g: Grams | None = None
    net_g: SomeGrams
    scale: Line

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if (self.gross_g is None) != (self.tare_g is None):
            raise ValueError("gross_g and tare_g come together or not at all")
        if self.gross_g is not None and self.tare_g is not None:
            net_g = self.gross_g - self.tare_g
            if net_g != self.net_g:
                raise ValueError(
                    f"net_g: found {self.net_g}, expected {net_g}: gross less tare"
                )
        return self


class AliasData(Closed):
    """Another name: ``own`` number of the yard, GTIN and batch, VAA, Handle."""

    scheme: Literal["own", "gtin_batch", "vaa", "handle", "other"]
    value: Line


class ImportedData(Closed):
    """The customs declaration of an imported lot."""

    hs_code: Annotated[str, Field(pattern=r"^[0-9]{10}$")]
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    declared_on: Day


class RadiationData(Closed):
    """The radioactivity check at receipt."""

    passed: bool
    on: Day


class OriginMapData(Closed):
    """Grams of metal in each origin class."""

    post_consumer_elv: Grams = 0
    post_consumer: Grams = 0
    pre_consumer: Grams = 0
    internal: Grams = 0
    primary: Grams = 0
    unknown: Grams = 0


class SourcedData(Closed):
    """``lot.sourced``: the first of three doors through which origin comes in."""

    lot: Code
    facility: Code
    material: Line
    source: Literal[
        "collected", "industrial", "imported", "primary", "addition", "opening"
    ]
    origin_class: OriginClassName | OriginMapData
    weighing: WeighingData
    metal: Symbol
    content_ppm: Ppm | None = None
    content_basis: Literal["assay", "declared", "grade"]
    moisture_ppm: Ppm | None = None
    foreign_ppm: Ppm | None = None
    alias: Annotated[list[AliasData], Field(max_length=20)] | None = None
    imported: ImportedData | None = None
    radiation_check: RadiationData | None = None

    @model_validator(mode="after")
    def _import_has_a_declaration(self) -> Self:
        if (self.source == "imported") != (self.imported is not None):
            raise ValueError("imported: a declaration is given when source is imported")
        if (self.moisture_ppm or 0) + (self.foreign_ppm or 0) > 1_000_000:  # noqa: PLR2004
            raise ValueError("moisture_ppm and foreign_ppm: together over 1000000")
        return self


class AssayedData(Closed):
    """``lot.assayed``."""

    lot: Code
    laboratory: Line
    method: Line
    elements_ppm: Annotated[
        dict[Annotated[str, Field(pattern=r"^[A-Z][a-z]?$")], Ppm],
        Field(min_length=1, max_length=60),
    ]
    moisture_ppm: Ppm | None = None
    certificate_sha256: HexDigest | None = None


class RunInputData(Closed):
    """Grams taken from one lot."""

    lot: Code
    net_g: SomeGrams


class RunOutputData(Closed):
    """A lot that the run makes: its metal in grams or as content."""

    lot: Code
    material: Line
    net_g: SomeGrams
    metal_g: Grams | None = None
    content_ppm: Ppm | None = None
    role: Literal["product", "by_product", "return"]
    alias: Annotated[list[AliasData], Field(max_length=5)] | None = None

    @model_validator(mode="after")
    def _one_measure_of_metal(self) -> Self:
        if (self.metal_g is None) == (self.content_ppm is None):
            raise ValueError("metal_g or content_ppm is needed, and only one of them")
        if self.metal_g is not None and self.metal_g > self.net_g:
            raise ValueError(
                f"metal_g: found {self.metal_g}, expected at most net_g {self.net_g}"
            )
        return self


class LossesData(Closed):
    """Named losses in grams of net mass."""

    moisture: Grams = 0
    combustion: Grams = 0
    dust: Grams = 0
    slag: Grams = 0
    other: Grams = 0


class EnergyData(Closed):
    """Energy used: ``amount`` in thousandths of ``unit``, a whole number."""

    carrier: Literal["electricity", "natural_gas", "coal", "oil", "steam", "other"]
    amount: Annotated[int, Field(ge=0, le=10**15)]
    unit: Literal["kWh", "m3", "kg", "GJ"]
    certificate: Line | None = None


class RunData(Closed):
    """``run.recorded``."""

    run: Code
    facility: Code
    kind: Literal[
        "split",
        "repack",
        "blend",
        "regrade",
        "sort",
        "dismantle",
        "shred",
        "decoat",
        "granulate",
        "break_battery",
        "melt",
        "smelt",
        "convert",
        "fire_refine",
        "electrorefine",
        "distil",
        "cast",
        "roll",
        "extrude",
        "draw",
        "forge",
        "machine",
        "reclassify",
    ]
    started_at: AtUtc | None = None
    inputs: Annotated[list[RunInputData], Field(min_length=1, max_length=MAX_FLOWS)]
    outputs: Annotated[list[RunOutputData], Field(min_length=1, max_length=MAX_FLOWS)]
    losses: LossesData
    gain_g: Grams | None = None
    energy: Annotated[list[EnergyData], Field(max_length=20)] | None = None
    equipment: Line | None = None
    alias: Line | None = None


class TransportData(Closed):
    """How a lot travels."""

    mode: Literal["road", "rail", "water", "air"]
    km: Annotated[int, Field(ge=0, le=50_000)] | None = None
    clean: bool | None = None


class DispatchedData(Closed):
    """``transfer.dispatched``: a whole lot on its way."""

    transfer: Code
    lot: Code
    from_: Annotated[Code, Field(alias="from")]
    to: Code
    weighing: WeighingData
    transport: TransportData | None = None
    alias: Line | None = None


class AcceptedData(Closed):
    """``transfer.accepted``."""

    transfer: Code
    weighing: WeighingData
    reason: Prose | None = None


class RefusedData(Closed):
    """``transfer.refused``."""

    transfer: Code
    reason: Prose


class DeliveredData(Closed):
    """``lot.delivered``."""

    lot: Code
    net_g: SomeGrams
    to: Literal["sold", "exported", "landfilled", "consumed"]
    category: Line | None = None


class SplitPpmData(Closed):
    """The share, split by class."""

    post_consumer_elv: Ppm = 0
    post_consumer: Ppm = 0
    pre_consumer: Ppm = 0


class ClaimData(Closed):
    """``claim.issued``: about the stretch [a, b) of a lot, in net grams."""

    claim: Code
    lot: Code
    stretch: Annotated[list[Grams], Field(min_length=2, max_length=2)]
    claimed_g: SomeGrams
    share_ppm: Ppm
    split_ppm: SplitPpmData
    upper_ppm: Ppm
    model: Literal["segregated", "controlled_blending"]
    rule_set: Line
    boundary_text: Prose
    method: Line
    valid_until: Day | None = None


class WithdrawnData(Closed):
    """``claim.withdrawn``."""

    claim: Code
    reason: Prose


class LabelData(Closed):
    """``label.issued``: for a lot or a claim; the log sees digests of the codes."""

    lot: Code | None = None
    claim: Code | None = None
    codes_sha256: Annotated[list[HexDigest], Field(min_length=1, max_length=MAX_LABELS)]
    format: Literal["a4_3x7", "a4_2x5", "100x70", "60x40", "svg", "png"]

    @model_validator(mode="after")
    def _about_one_thing(self) -> Self:
        if (self.lot is None) == (self.claim is None):
            raise ValueError("lot or claim is needed, and only one of them")
        if len(set(self.codes_sha256)) != len(self.codes_sha256):
            raise ValueError("codes_sha256: a digest stands twice")
        return self


class LabelVoidedData(Closed):
    """``label.voided``."""

    code_sha256: HexDigest
    reason: Prose


class CorrectedData(Closed):
    """``entry.corrected``: takes back an own entry that nothing uses yet."""

    corrects: FactId
    action: Literal["void"]
    reason: Prose


class ErasedData(Closed):
    """``disclosure.erased``: digests of an own entry whose values are gone."""

    of: FactId
    digests: Annotated[list[SaltedDigest], Field(min_length=1, max_length=16)]
    basis: Prose

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if self.digests != sorted(set(self.digests)):
            raise ValueError("digests: expected each once, sorted")
        return self


DATA: dict[str, type[Closed]] = {
    "log.genesis": GenesisData,
    "organisation.registered": OrganisationData,
    "facility.registered": FacilityData,
    "key.registered": KeyData,
    "key.rotated": RotatedData,
    "key.revoked": RevokedData,
    "lot.sourced": SourcedData,
    "lot.assayed": AssayedData,
    "run.recorded": RunData,
    "transfer.dispatched": DispatchedData,
    "transfer.accepted": AcceptedData,
    "transfer.refused": RefusedData,
    "lot.delivered": DeliveredData,
    "claim.issued": ClaimData,
    "claim.withdrawn": WithdrawnData,
    "label.issued": LabelData,
    "label.voided": LabelVoidedData,
    "entry.corrected": CorrectedData,
    "disclosure.erased": ErasedData,
}


def parse_data(fact_type: str, data: object) -> dict[str, Any]:
    """Check the data of a fact; give them back as plain JSON values.

    Raises:
        pydantic.ValidationError: With every fault, each with its path.
        KeyError: There is no such type.
    """
    value = DATA[fact_type].model_validate(data)
    return value.model_dump(mode="json", by_alias=True, exclude_unset=True)


def schema_fault(fact_type: str, data: object) -> str | None:
    """What of stored data does not fit the closed schema of their type; None: all does.

    Stored data are in their plain form already: nothing is filled in or normalised.
    """
    kind = DATA.get(fact_type)
    if kind is None:
        return f"found the type {fact_type}, which has no schema"
    try:
        kind.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}: {first['msg']}" if place else first["msg"]
    return None
