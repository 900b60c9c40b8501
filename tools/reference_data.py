"""Pages about rights, file templates and data files."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

from app.data import FOLDER, read_csv, read_json

ROLES = (
    *("recycler", "manager", "auditor", "mirror", "statistician", "registrar"),
    "anyone",
)
RELATIONS = ("own", "counterparty", "other")
CODE_DATA = {
    "rights.csv": "The matrix of rights: who may do what to whose things; the access "
    "checks and the tests read it.",
    "templates.json": "The files that are read and written: columns, units, accepted "
    "words.",
    "fact_schemas.json": "The closed schemas of all facts, generated from the code; "
    "their digest stands in the first entry of a log.",
}
ABOUT = {
    "alloy_families.csv": "Alloy designations, their families and the route that "
    "preserves the grade.",
    "emission_factors.csv": "Emission factors of electricity, fuels and materials.",
    "hazardous_waste_codes.csv": "Waste codes that metal residues fall under.",
    "hs_codes.csv": "Customs codes of recycled raw materials.",
    "lunar_new_year.csv": "First days of the lunar year, for the seasonal low of the "
    "simulation.",
    "materials.csv": "The catalogue: kind, metal, standard, usual content.",
    "national_series.csv": "National series in their editions, the base of the "
    "national ratios.",
    "password_blocks.csv": "Passwords that are refused.",
    "process_yields.csv": "Usual yields of processes: bands that give findings.",
    "product_categories.csv": "Product categories of deliveries.",
    "provinces.csv": "Provinces by their six digits.",
    "recycled_share.csv": "Published and derived shares that computed ones are "
    "compared with.",
    "regional_hubs.csv": "Published hubs of collection and processing.",
    "rules.json": "Rule data: tolerances, thresholds, bands; editable, never law.",
    "scrap_grades.csv": "Grades of scrap by published standards.",
    "scrap_supply.csv": "Published figures on scrap supply, for the simulation.",
    "targets.csv": "Published targets that progress is measured against.",
    "weighing_tolerance.csv": "Error limits of scales.",
}


def rights_page() -> str:
    """The matrix of rights as a table, one row an action."""
    granted: dict[str, dict[str, set[str]]] = {}
    scopes: dict[str, str] = {}
    for row in read_csv("rights.csv"):
        cell = granted.setdefault(row["action"], {role: set() for role in ROLES})
        scopes[row["action"]] = row["scope"]
        if row["allowed"] == "yes":
            cell[row["role"]].add(row["relation"])
    head = ["action", *ROLES, "token scope"]
    rows = [_row(head), _row(["---"] * len(head))]
    for action, cells in granted.items():
        said = [_relations(cells[role]) for role in ROLES]
        rows.append(_row([f"`{action}`", *said, scopes[action] or "no token"]))
    return "\n\n".join(
        [
            "# Rights",
            "Who may do what, from `app/data/rights.csv`, which the services and the "
            "tests read. *own*: things of one's own organisation; *counterparty*: "
            "things that were handed over to or by it; *other*: anybody's; *yes*: all "
            "three. A personal token needs the scope named at the end; *no token* "
            "means that only somebody who is signed in may do it. A person has the "
            "rights of all their roles together.",
            "\n".join(rows),
        ]
    )


def _relations(relations: set[str]) -> str:
    if not relations:
        return ""
    if "any" in relations or relations == set(RELATIONS):
        return "yes"
    return ", ".join(name for name in RELATIONS if name in relations)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def templates_page() -> str:
    """The templates with their columns, and the words that they accept."""
    definition = read_json("templates.json")
    parts = [
        "# File templates",
        "CSV (UTF-8 with or without BOM, GB18030, UTF-16), XLSX, XLS and ODS. Every "
        "column has a Chinese and an English head; either is accepted, in any order. "
        "A head of a mass names its unit, kg (up to 3 decimals) or t (up to 6). "
        "Importing the same file again adds nothing. How to: "
        "[import files](../how-to/import-files.md).",
    ]
    for name, template in definition["templates"].items():
        parts.append(f"## {name}: {template['title_zh']}, {template['title_en']}")
        facts = " and ".join(f"`{one}`" for one in template["fact"].split("|"))
        one_row = (
            f"One row is one flow of a run; rows of one `{template['group_by']}` make "
            "one fact."
            if "group_by" in template
            else "One row is one fact, or one side of it."
        )
        parts.append(f"Becomes {facts}. {one_row}")
        head = ["Chinese head", "English head", "type", "needed", "private"]
        rows = [_row(head), _row(["---"] * len(head))]
        rows += [_row(_column(column)) for column in template["columns"]]
        parts.append("\n".join(rows))
    parts.append("## Accepted words")
    for name, words in definition["words"].items():
        rows = [f"- `{key}`: {', '.join(accepted)}" for key, accepted in words.items()]
        parts += [f"### {name}", "\n".join(rows)]
    return "\n\n".join(parts)


def _column(column: dict[str, Any]) -> list[str]:
    kind = column["type"]
    if "words" in column:
        kind = f"word of [{column['words']}](#{column['words']})"
    if "unit" in column:
        kind = f"{kind} in {column['unit']}"
    private = "private" in column or "sd" in column
    return [
        column["zh"],
        column["en"],
        kind,
        "yes" if column.get("required") else "",
        "yes" if private else "",
    ]


def data_page() -> str:
    """Every data file: what it is, how many rows, where they were read."""
    head = ["file", "what", "rows", "sources named"]
    rows = [_row(head), _row(["---"] * len(head))]
    for path in data_files():
        about = ABOUT.get(path.name) or CODE_DATA[path.name]
        count, sources = _counted(path)
        rows.append(_row([f"`{path.name}`", about, str(count), sources]))
    return "\n\n".join(
        [
            "# Data files",
            "Data of the product, in `app/data`. What is a fact from outside names "
            "its `source`, row by row. `evidence` says how it is known: R, read in "
            "that source; D, derived by arithmetic from what was read; G, general "
            "knowledge, to be confirmed: a preset that the operator may change, never "
            "a legal limit.",
            "\n".join(rows),
        ]
    )


def data_files() -> list[Path]:
    """The data files of the product, by name."""
    return sorted(path for path in FOLDER.iterdir() if path.suffix in (".csv", ".json"))


def _counted(path: Path) -> tuple[int, str]:
    if path.suffix == ".json":
        value = json.loads(path.read_text("utf-8"))
        return len(value), "in each value" if path.name not in CODE_DATA else "the code"
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    if path.name in CODE_DATA:
        return len(rows), "the code"
    evidence = Counter(row.get("evidence", "") for row in rows)
    said = ", ".join(f"{n} {kind}" for kind, n in sorted(evidence.items()) if kind)
    different = len({row["source"] for row in rows})
    return len(rows), f"{different} ({said})" if said else str(different)
