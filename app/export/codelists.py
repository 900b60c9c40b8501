"""The codes of our SDMX structure, ``RMT:DSD_RECSUPPLY(1.0)``, without any library.

Source: SDMX cross-domain code lists for frequency, observation status and unit
multiplier; ISO 3166-2:CN for areas (with the GB/T 2260 code beside it); the rest is
the vocabulary of this product.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from app.data import read_csv

AGENCY = "RMT"
STRUCTURE_ID = "DSD_RECSUPPLY"
VERSION = "1.0"
TOTAL = "_T"
NATION = "CN"
MISSING = frozenset("MQ")  # the states of an observation without a value

DIMENSIONS = (
    "FREQ",
    "REF_AREA",
    "MATERIAL",
    "INDICATOR",
    "ORIGIN",
    "SOURCE_AREA",
    "TIME_PERIOD",
)

# component -> label in Chinese and English
LABELS: Mapping[str, tuple[str, str]] = {
    "FREQ": ("频率", "Frequency"),
    "REF_AREA": ("地区", "Reference area"),
    "MATERIAL": ("金属", "Metal"),
    "INDICATOR": ("指标", "Indicator"),
    "ORIGIN": ("来源类别", "Origin class"),
    "SOURCE_AREA": ("国内或进口", "Domestic or imported"),
    "TIME_PERIOD": ("时期", "Time period"),
    "OBS_VALUE": ("数值", "Observation value"),
    "UNIT_MEASURE": ("计量单位", "Unit of measure"),
    "UNIT_MULT": ("单位乘数（10 的幂）", "Unit multiplier (power of ten)"),
    "OBS_STATUS": ("数值状态", "Observation status"),
    "VINTAGE": ("版本", "Vintage"),
    "METHOD_ID": ("方法", "Method"),
    "LEDGER_ROOT": ("检查点根哈希", "Checkpoint root"),
}

_Codes = Mapping[str, tuple[str, str]]

_MATERIALS: _Codes = {
    "Cu": ("铜", "copper"),
    "Al": ("铝", "aluminium"),
    "Pb": ("铅", "lead"),
    "Zn": ("锌", "zinc"),
    "Ni": ("镍", "nickel"),
    "Sn": ("锡", "tin"),
    "Sb": ("锑", "antimony"),
    "Hg": ("汞", "mercury"),
    "Mg": ("镁", "magnesium"),
    "Ti": ("钛", "titanium"),
    "Co": ("钴", "cobalt"),
    "Li": ("锂", "lithium"),
    "Mn": ("锰", "manganese"),
    "Cr": ("铬", "chromium"),
    "Mo": ("钼", "molybdenum"),
    "W": ("钨", "tungsten"),
    "V": ("钒", "vanadium"),
    "Nb": ("铌", "niobium"),
    "Ta": ("钽", "tantalum"),
    "Zr": ("锆", "zirconium"),
    "Si": ("硅", "silicon"),
    "Fe": ("铁", "iron"),
    "Bi": ("铋", "bismuth"),
    "Cd": ("镉", "cadmium"),
    "In": ("铟", "indium"),
    "Ga": ("镓", "gallium"),
    "Ge": ("锗", "germanium"),
    "Se": ("硒", "selenium"),
    "Te": ("碲", "tellurium"),
    "Re": ("铼", "rhenium"),
    "Au": ("金", "gold"),
    "Ag": ("银", "silver"),
    "Pt": ("铂", "platinum"),
    "Pd": ("钯", "palladium"),
    "Rh": ("铑", "rhodium"),
    "Ru": ("钌", "ruthenium"),
    "Ir": ("铱", "iridium"),
    "mixed": ("混合金属", "mixed metals"),
    TOTAL: ("合计", "all metals"),
}

# component -> code -> name in Chinese and English
CODELISTS: Mapping[str, _Codes] = {
    "FREQ": {"A": ("年", "annual"), "Q": ("季", "quarterly"), "M": ("月", "monthly")},
    "REF_AREA": {
        NATION: ("全国", "China"),
        **{
            row["iso_3166_2"]: (row["name_zh"], row["name_en"])
            for row in read_csv("provinces.csv")
        },
    },
    "MATERIAL": _MATERIALS,
    "INDICATOR": {
        "RECYCLED_SUPPLY": ("再生金属供应", "recycled supply"),
        "RECYCLED_OUTPUT": ("再生金属产出", "recycled output"),
        "DIRECT_USE": ("直接利用", "direct use of scrap"),
        "PRIMARY_SUPPLY": ("原生金属供应", "primary supply"),
        "UNKNOWN_SUPPLY": ("来源不明的供应", "supply of unknown origin"),
        "TOTAL_SUPPLY": ("供应合计", "total supply"),
        "RECYCLED_SHARE": ("再生占比（下限）", "recycled share, lower end"),
        "RECYCLED_SHARE_UPPER": ("再生占比（上限）", "recycled share, upper end"),
        "EOL_RIR": ("旧废料占供应", "old scrap in supply (EOL-RIR), lower end"),
        "EOL_RIR_UPPER": ("旧废料占供应（上限）", "old scrap in supply, upper end"),
        "OSR": ("旧废料占废料", "old scrap ratio (OSR), lower end"),
        "OSR_UPPER": ("旧废料占废料（上限）", "old scrap ratio, upper end"),
        "COVERAGE": ("占全国再生产量", "coverage of national recycled output"),
        "S1": ("再生金属供应占比 S1", "policy ratio S1"),
        "S2": ("调整后占比 S2", "adjusted ratio S2"),
        "S3": ("分品种占比 S3", "ratio by metal S3"),
    },
    "ORIGIN": {
        "POST_CONSUMER_ELV": ("报废汽车", "post-consumer, end-of-life vehicles"),
        "POST_CONSUMER": ("消费后", "post-consumer"),
        "PRE_CONSUMER": ("消费前", "pre-consumer"),
        "INTERNAL": ("内部返料", "internal"),
        "PRIMARY": ("原生", "primary"),
        "UNKNOWN": ("不明", "unknown"),
        TOTAL: ("合计", "all origins"),
    },
    "SOURCE_AREA": {
        "DOMESTIC": ("国内", "domestic"),
        "IMPORTED": ("进口", "imported"),
        TOTAL: ("合计", "domestic and imported"),
    },
    "UNIT_MEASURE": {
        "GRM": ("克", "gram"),
        "KGM": ("千克", "kilogram"),
        "T": ("吨", "tonne"),
        "PT": ("百分比", "per cent"),
    },
    "UNIT_MULT": {
        "0": ("个", "units"),
        "3": ("千", "thousands"),
        "6": ("百万", "millions"),
    },
    "OBS_STATUS": {
        "A": ("正常", "normal"),
        "B": ("序列中断", "break in the series"),
        "E": ("估计", "estimated"),
        "F": ("预测", "forecast"),
        "M": ("缺失，不存在", "missing, cannot exist"),
        "P": ("初步", "provisional"),
        "Q": ("缺失，保密", "missing, suppressed"),
        "U": ("可靠性低", "low reliability"),
    },
}

_AREAS = {row["code"]: row["iso_3166_2"] for row in read_csv("provinces.csv")}


def area_of(province: str) -> str:
    """The area code of a province.

    >>> area_of("440000")
    'CN-GD'

    Args:
        province: GB/T 2260 code of six digits; empty for the whole country.

    Raises:
        KeyError: There is no such province.
    """
    return _AREAS[province] if province else NATION


def gbt_2260_of(area: str) -> str:
    """The GB/T 2260 code of an area; empty for the whole country.

    Args:
        area: ISO 3166-2 code, such as ``CN-GD``.

    Raises:
        KeyError: There is no such area.
    """
    if area == NATION:
        return ""
    return next(code for code, iso in _AREAS.items() if iso == area)


def time_period_of(period: str) -> tuple[str, str]:
    """Frequency and SDMX time period of a period as we write it.

    >>> time_period_of("2026-03"), time_period_of("2026Q1"), time_period_of("2026")
    (('M', '2026-03'), ('Q', '2026-Q1'), ('A', '2026'))

    Args:
        period: ``YYYY``, ``YYYYQn`` (also ``YYYY-Qn``) or ``YYYY-MM``.
    """
    if "Q" in period:
        return "Q", f"{period[:4]}-{period[-2:]}"
    return ("M" if "-" in period else "A"), period


def origin_of(origin_class: str) -> str:
    """The code of an origin class, such as ``POST_CONSUMER`` of ``post_consumer_g``.

    Args:
        origin_class: As supply records have it, with or without ``_g``.
    """
    return origin_class.removesuffix("_g").upper()


def observation(
    *,
    period: str,
    province: str,
    metal: str,
    indicator: str,
    value: int | Decimal | None,
    unit: str,
    status: str = "A",
    origin_class: str = "",
    source_area: str = TOTAL,
) -> tuple[str | int | Decimal | None, ...]:
    """One row of a table with ``OBSERVATION_COLUMNS``.

    Args:
        period: ``YYYY``, ``YYYYQn`` or ``YYYY-MM``.
        province: GB/T 2260 code; empty for the whole country.
        metal: Symbol, or ``_T`` for all.
        indicator: A code of the list, such as ``RECYCLED_SUPPLY``.
        value: None for missing.
        unit: A code of the list, such as ``GRM`` or ``PT``.
        status: A code of the list; ``A`` is normal.
        origin_class: As supply records have it; empty for all.
        source_area: ``DOMESTIC``, ``IMPORTED`` or ``_T``.

    Raises:
        KeyError: There is no such province.
        ValueError: There is no value, and the status says that there is one.
    """
    if value is None and status not in MISSING:
        raise ValueError(f"found no value with status {status}")
    frequency, time_period = time_period_of(period)
    return (
        frequency,
        area_of(province),
        metal,
        indicator,
        origin_of(origin_class) if origin_class else TOTAL,
        source_area,
        time_period,
        value,
        unit,
        0,
        status,
    )
