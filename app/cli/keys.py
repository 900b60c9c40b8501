"""``remelt keys``: keys that the organisation itself keeps; no setting is needed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
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
from app.client.errors import ClientError
from app.client.key_file import KeyFile, read_key_file
from app.client.rotation import make_pair, next_path, rotate
from app.client.seen import look
from app.client.server import Server
from app.client.signing import sign_fact
from app.services.fact_ids import new_fact_id
from app.services.facts import Fact
from labels.codes import BadCode, new_code, parse_code
from ledger import LedgerError, Verifier, parse_policy, prove_possession


@click.group("keys")
def cli() -> None:
    """Keys that the organisation keeps: make, register, rotate, revoke."""


@cli.command("new")
@click.argument("file", type=KEY_FILE)
@click.option("--org", help="Code of the organisation; without it, a new one is made.")
@click.option("--number", type=click.IntRange(1), help="Of the key; else asked for.")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The log's policy, whose log key is pinned in the file.",
)
@server_option
@token_option
@passphrase_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@told
def new(
    file: Path,
    org: str | None,
    number: int | None,
    policy_file: Path | None,
    server_url: str | None,
    token: str | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Make a key in FILE, and the next one beside it in FILE.next.

    The log's key is pinned in the file: from --policy, else as --server shows it now.
    Prints what a registration needs. Keep FILE.next apart from FILE: whoever steals
    the one cannot rotate without the other.
    """
    code = new_code() if org is None else _code(org)
    log_vkey = None if policy_file is None else _pinned(policy_file)
    # An organisation that is new has no key yet, and nobody to ask
    asks_number = number is None and org is not None and token is not None
    if log_vkey is None or asks_number:
        with open_server(server_url, token) as server:
            log_vkey = log_vkey or server.log_vkey()
            if asks_number:
                number = _next_number(server, code)
    passphrase = read_passphrase(passphrase_file, new=True)
    pair = make_pair(file, passphrase, org=code, number=number or 1, log_vkey=log_vkey)
    _print(_request(pair.current, passphrase, pair.following.digest), as_json)


@cli.command("show")
@click.argument("file", type=KEY_FILE)
@passphrase_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@told
def show(file: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Print again what the registration of FILE needs."""
    key = read_key_file(file)
    _print(_request(key, read_passphrase(passphrase_file), _next_of(key)), as_json)


@cli.command("register")
@click.argument("file", type=KEY_FILE, required=False)
@click.option("--vkey", help="Of a key made elsewhere, such as in a browser.")
@click.option("--proof", help="Its proof of possession.")
@click.option(
    "--with",
    "signing_file",
    type=KEY_FILE,
    help="Key file that signs for the new key; without it, the platform's key does.",
)
@server_option
@token_option
@passphrase_option
@told
def register(
    file: Path | None,
    vkey: str | None,
    proof: str | None,
    signing_file: Path | None,
    server_url: str | None,
    token: str | None,
    passphrase_file: Path | None,
) -> None:
    """Register the key of FILE, or --vkey with --proof, for your organisation.

    The very first key is registered by the operator: give them what 'keys new' printed.
    """
    if (file is None) == (vkey is None or proof is None):
        raise click.UsageError("name a key file, or --vkey and --proof")
    passphrase = ""
    if file is not None or signing_file is not None:
        passphrase = read_passphrase(passphrase_file)
    data = {"vkey": vkey, "proof": proof, "held_by": "organisation"}
    if file is not None:
        key = read_key_file(file)
        asked = _request(key, passphrase, _next_of(key))
        data = {name: asked[name] for name in ("vkey", "held_by", "proof")}
        if asked["next"] is not None:
            data["next"] = asked["next"]
    with open_server(server_url, token) as server:
        _state(server, "key.registered", data, signing_file, passphrase)


@cli.command("rotate")
@click.argument("file", type=KEY_FILE)
@server_option
@token_option
@passphrase_option
@told
def rotate_key(
    file: Path,
    server_url: str | None,
    token: str | None,
    passphrase_file: Path | None,
) -> None:
    """Put the key of FILE.next in the place of that in FILE, and make another next one.

    The log accepts that one key only, to which the registration of FILE committed.
    Interrupted, the same command goes on where it stopped.
    """
    with open_server(server_url, token) as server:
        index = rotate(file, read_passphrase(passphrase_file), server)
    click.echo(f"{read_key_file(file).name} signs from entry {index} on")


@cli.command("revoke")
@click.argument("key")
@click.option("--reason", required=True, help="Why; it stands in the log for ever.")
@click.option(
    "--with",
    "signing_file",
    type=KEY_FILE,
    help="Key file that signs the revocation; without it, the platform's key does.",
)
@server_option
@token_option
@passphrase_option
@told
def revoke(
    key: str,
    reason: str,
    signing_file: Path | None,
    server_url: str | None,
    token: str | None,
    passphrase_file: Path | None,
) -> None:
    """End KEY, named by its name, its key ID or its number: it signs nothing more."""
    passphrase = "" if signing_file is None else read_passphrase(passphrase_file)
    with open_server(server_url, token) as server:
        found = _find(server.get("/keys")["keys"], key)
        data = {"key_id": found["key_id"], "reason": reason}
        _state(server, "key.revoked", data, signing_file, passphrase)


@cli.command("list")
@server_option
@token_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@told
def list_all(server_url: str | None, token: str | None, as_json: bool) -> None:
    """List the keys of your organisation, who holds them and where they are valid."""
    with open_server(server_url, token) as server:
        keys = server.get("/keys")
    if as_json:
        click.echo(json.dumps(keys, ensure_ascii=False))
        return
    for one in keys["keys"]:
        ended = one["ended_index"]
        stretch = f"from entry {one['from_index']} on"
        if ended is not None:
            stretch = f"entries {one['from_index']} to {ended}, ended"
        click.echo(f"{one['key_name']}  {one['key_id']}  {one['held_by']}  {stretch}")


def _next_number(server: Server, code: str) -> int:
    keys = server.get("/keys")
    if keys["organisation"] != code:
        raise ClientError(
            f"the token is of organisation {keys['organisation']}, the key of {code}"
        )
    number: int = keys["next_number"]
    return number


def _request(key: KeyFile, passphrase: str, following: str | None) -> dict[str, Any]:
    """What a registration of the key needs."""
    signer = key.open(passphrase)
    return {
        "org": key.org,
        "vkey": signer.vkey,
        "proof": prove_possession(key.org, signer),
        "next": following,
        "held_by": "organisation",
    }


def _next_of(key: KeyFile) -> str | None:
    path = next_path(key.path)
    return read_key_file(path).digest if path.exists() else None


def _print(asked: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asked))
        return
    for name in ("org", "vkey", "proof", "next"):
        click.echo(f"{name:<6} {asked[name] or '-'}")


def _state(
    server: Server,
    kind: str,
    data: dict[str, Any],
    signing_file: Path | None,
    passphrase: str,
) -> None:
    """State a fact about keys: signed here, or left to the platform's key."""
    now = datetime.now(UTC).replace(microsecond=0)
    if signing_file is None:
        request: dict[str, Any] = {
            "id": new_fact_id(now),
            "type": kind,
            "at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "data": data,
        }
    else:
        key = read_key_file(signing_file)
        fact = Fact(id=new_fact_id(now), type=kind, org=key.org, at=now, data=data)
        signer = key.open(passphrase)
        seen = look(key, server)
        try:
            signed = sign_fact(signer, fact, [], seen.to_fact() if seen else None)
        except LedgerError as error:
            raise ClientError(str(error)) from None
        request = signed.to_request()
    [receipt] = server.post("/entries", {"facts": [request]})["receipts"]
    click.echo(f"entry {receipt['entry_index']}: {kind}")


def _find(keys: list[dict[str, Any]], wanted: str) -> dict[str, Any]:
    for one in keys:
        number = one["key_name"].rpartition("/")[2]
        if wanted in (one["key_name"], one["key_id"], number):
            return one
    raise ClientError(f"your organisation has no key {wanted}")


def _code(text: str) -> str:
    try:
        return parse_code(text)
    except BadCode as error:
        raise click.BadParameter(str(error), param_hint="--org") from None


def _pinned(path: Path) -> str:
    try:
        return Verifier.parse(parse_policy(path.read_text("utf-8")).logs[0].vkey).vkey
    except (LedgerError, UnicodeDecodeError, IndexError) as error:
        raise click.BadParameter(str(error), param_hint="--policy") from None
