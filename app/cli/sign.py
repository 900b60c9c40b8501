"""``remelt sign``: facts become entries on the organisation's own machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from app.cli.client_options import (
    KEY_FILE,
    open_server,
    passphrase_option,
    read_passphrase,
    server_option,
    token_option,
    told,
)
from app.client.errors import ClientError, LogDisagrees, ServerRefused
from app.client.key_file import read_key_file, write_private
from app.client.rows import facts_of_rows
from app.client.seen import look
from app.client.server import Server
from app.client.signing import (
    Basis,
    Signed,
    check_parents,
    read_facts,
    sign_facts,
)
from app.intake.templates import templates
from app.services.facts import Fact, to_request
from ledger import leaf_hash

BATCH = 500


@click.command("sign")
@click.argument(
    "files", type=click.Path(exists=True, dir_okay=False, path_type=Path), nargs=-1
)
@click.option("--key", "key_file", type=KEY_FILE, required=True, help="The key file.")
@click.option(
    "--template",
    type=click.Choice(list(templates())),
    help="What the rows are, of files that are no JSON: CSV, XLSX, XLS, ODS.",
)
@click.option("--send", is_flag=True, help="Send the entries to the log.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the signed entries here, as the API takes them.",
)
@server_option
@token_option
@passphrase_option
@click.option("--json", "as_json", is_flag=True, help="Print receipts as JSON.")
@told
def cli(
    files: tuple[Path, ...],
    key_file: Path,
    template: str | None,
    send: bool,
    out: Path | None,
    server_url: str | None,
    token: str | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Sign the facts of FILES with a key file.

    FILES are JSON, as the API takes it, or files of rows by --template. Of rows the
    server says which codes names stand for; that the facts say what the rows say is
    checked here.

    The server tells which entries the facts rest on and shows the newest state of the
    log; both are checked here before anything is signed. What stands in the log
    already is left out: the same file again adds nothing.
    """
    if not files:
        raise click.UsageError("name a file of facts")
    if not send and out is None:
        raise click.UsageError("say --send, or --out FILE, or both")
    key = read_key_file(key_file)
    signer = key.open(read_passphrase(passphrase_file))
    receipts: list[dict[str, Any]] = []
    kept: list[Signed] = []
    with open_server(server_url, token) as server:
        facts = [
            fact for path in files for fact in _facts(server, path, template, key.org)
        ]
        if not send and len(facts) > BATCH:
            raise ClientError(
                f"{len(facts)} facts are signed only as they are sent, {BATCH} at a "
                "time: what later ones rest on has to stand in the log"
            )
        for start in range(0, len(facts), BATCH):
            batch = facts[start : start + BATCH]
            seen = look(key, server)
            bases = _bases(server, batch)
            signed = sign_facts(
                signer, batch, bases, None if seen is None else seen.to_fact()
            )
            kept += signed
            if out is not None:
                _write(out, kept)
            known = [
                _known(fact, basis)
                for fact, basis in zip(batch, bases, strict=True)
                if basis.known_index is not None
            ]
            receipts += known + (_send(server, signed) if send else [])
    if as_json:
        click.echo(json.dumps(receipts))
        return
    for one in receipts:
        already = ", as before" if one["repeated"] else ""
        click.echo(f"entry {one['entry_index']}: {one['type']} {one['id']}{already}")
    if out is not None and not send:
        click.echo(f"{len(kept)} entries signed into {out}")


def _facts(server: Server, path: Path, template: str | None, org: str) -> list[Fact]:
    if path.suffix.lower() == ".json":
        return read_facts(_read(path), org)
    if template is None:
        raise click.UsageError(f"{path} is no .json: say --template")
    found, known = facts_of_rows(server, path, template)
    if known:
        click.echo(f"{path}: {known} facts stand in the log already", err=True)
    return read_facts(found, org) if found else []


def _read(path: Path) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ClientError(f"{path} is no JSON in UTF-8: {error}") from None


def _bases(server: Server, facts: Sequence[Fact]) -> list[Basis]:
    """What the facts rest on, each parent checked that may be read."""
    request = {"facts": [to_request(fact) for fact in facts]}
    plans = server.post("/entries/parents", request)["plans"]
    notes: dict[int, str | None] = {}

    def read(index: int) -> str | None:
        if index not in notes:
            notes[index] = _note(server, index)
        return notes[index]

    bases = []
    for fact, plan in zip(facts, plans, strict=True):
        if plan["entry_index"] is None:
            parents = {one["leaf_hash"]: one["entry_index"] for one in plan["parents"]}
            check_parents(fact, parents, read)
        bases.append(
            Basis(
                tuple(one["leaf_hash"] for one in plan["parents"]),
                tuple(plan["after"]),
                plan["entry_index"],
            )
        )
    return bases


def _note(server: Server, index: int) -> str | None:
    try:
        note: str = server.get(f"/entries/{index}")["note"]
    except ServerRefused:
        # What others stated about metal that came to us is not ours to read
        return None
    return note


def _send(server: Server, signed: Sequence[Signed]) -> list[dict[str, Any]]:
    if not signed:
        return []
    request = {"facts": [one.to_request() for one in signed]}
    receipts = server.post("/entries", request)["receipts"]
    for one, receipt in zip(signed, receipts, strict=True):
        if receipt["leaf_hash"] != leaf_hash(one.note).hex():
            raise LogDisagrees(
                f"the receipt of {one.fact.id} names another leaf than was signed"
            )
    return [
        _receipt(one.fact, receipt["entry_index"], receipt["repeated"])
        for one, receipt in zip(signed, receipts, strict=True)
    ]


def _known(fact: Fact, basis: Basis) -> dict[str, Any]:
    return _receipt(fact, basis.known_index or 0, repeated=True)


def _receipt(fact: Fact, index: int, repeated: bool) -> dict[str, Any]:
    return {
        "id": fact.id,
        "type": fact.type,
        "entry_index": index,
        "repeated": repeated,
    }


def _write(path: Path, signed: Sequence[Signed]) -> None:
    """Entries with their private values: for the eyes of the owner alone."""
    body = {"facts": [one.to_request() for one in signed]}
    text = json.dumps(body, ensure_ascii=False, indent=1) + "\n"
    write_private(path, text.encode(), over=True)
