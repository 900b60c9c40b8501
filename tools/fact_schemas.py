"""Write the published schemas of all facts: run it when a schema grows a field.

The digest of this file stands in the first entry of a log.
"""

from __future__ import annotations

import json
from pathlib import Path

from app.schemas.facts import DATA

PATH = Path(__file__).resolve().parent.parent / "app" / "data" / "fact_schemas.json"


def schemas() -> dict[str, object]:
    """The JSON schema of each fact type, without what only documents it."""
    return {name: model.model_json_schema() for name, model in sorted(DATA.items())}


def main() -> None:
    """Write the file."""
    text = json.dumps(schemas(), ensure_ascii=False, indent=1, sort_keys=True)
    PATH.write_text(text + "\n", encoding="utf-8")
    print(f"wrote {PATH.name}")


if __name__ == "__main__":
    main()
