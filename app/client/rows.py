"""Files of rows become facts with the server's help, and are checked here.

The server knows which codes the names and own numbers of a file stand for. Whatever
else a row says is read here too, and has to stand in the fact unchanged: nobody signs a
weight that the file does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from app.client.errors import ClientError, LogDisagrees
from app.client.server import Server
from app.intake.drafts import Draft, NewCode, derive_code, printed_code
from app.intake.facts import read_drafts
from app.intake.faults import IntakeError
from app.intake.reading import open_table
from app.intake.row_reader import Rejected
from app.intake.templates import get_template
from labels.codes import BadCode, parse_code

SHOWN = 20
WORKED_OUT = frozenset({"metal_g"})
"""What the server adds to the parts of a lot that is cut or repacked."""


def facts_of_rows(
    server: Server, path: Path, template: str
) -> tuple[list[dict[str, Any]], int]:
    """New facts of a file, as the API takes them, and how many stand in the log.

    Raises:
        ClientError: Rows are faulty; each is named.
        LogDisagrees: The server made of a row what the row does not say.
    """
    answer = server.draft_file(path, template)
    if faults := answer["faults"]:
        lines = [f"row {one['row']}: {one['text']}" for one in faults[:SHOWN]]
        raise ClientError("\n".join([f"{len(faults)} faults", *lines]))
    facts = [one["fact"] for one in answer["facts"]]
    drafts = {(one.type, one.rows): one for one in _drafts(path, template)}
    for one in answer["facts"]:
        rows = tuple(one["rows"])
        draft = drafts.pop((one["fact"]["type"], rows), None)
        if draft is None:
            raise LogDisagrees(f"the server states a fact that rows {rows} do not")
        _check(draft, one["fact"])
    return facts, answer["facts_known"]


def _drafts(path: Path, template: str) -> Iterator[Draft]:
    try:
        with path.open("rb") as source:
            table = open_table(source)
            for one in read_drafts(table, get_template(template)):
                if isinstance(one, Rejected):
                    raise ClientError(f"row {one.rows[0]} is faulty")
                yield one
    except IntakeError as error:
        raise ClientError(f"{path}: {error}") from None


def _check(draft: Draft, fact: Mapping[str, Any]) -> None:
    """Insist that a fact says what its rows say.

    Raises:
        LogDisagrees: Naming the field.
    """
    at = draft.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    wrong = next(_differences("data", draft.data, fact["data"], fact["id"]), None)
    if fact["at"] != at:
        wrong = "at"
    if dict(fact["private"]) != dict(draft.private):
        wrong = "private"
    if wrong is not None:
        raise LogDisagrees(
            f"row {draft.rows[0]}: the server made another {wrong} of it; nothing was "
            "signed"
        )


def _differences(path: str, said: Any, found: Any, fact_id: str) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(said, Mapping):
        if not isinstance(found, Mapping) or said.keys() - found.keys():
            yield path
            return
        added = found.keys() - said.keys()
        if added and not (added <= WORKED_OUT and ".outputs[" in path):
            yield path
        for name, value in said.items():
            yield from _differences(f"{path}.{name}", value, found[name], fact_id)
    elif isinstance(said, list):
        if not isinstance(found, list) or len(said) != len(found):
            yield path
            return
        for n, value in enumerate(said):
            yield from _differences(f"{path}[{n + 1}]", value, found[n], fact_id)
    elif isinstance(said, str | int | bool):
        if type(found) is not type(said) or found != said:
            yield path
    elif not _stands_for(said, found, fact_id):
        yield path


def _stands_for(reference: Any, found: object, fact_id: str) -> bool:  # noqa: ANN401 - a reference
    """Whether a code can be what a reference means.

    The code of what the row makes follows from the row; which code a name of something
    older stands for, the server alone knows.
    """
    if not isinstance(found, str):
        return False
    text = getattr(reference, "text", None)
    if text is None:
        return bool(found)
    if (code := printed_code(text)) is not None:
        return found == code
    if isinstance(reference, NewCode):
        return found == derive_code(UUID(fact_id), reference.kind, reference.text)
    try:
        return parse_code(found) == found
    except BadCode:
        return False
