"""``remelt doctor``: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from app.cli.database import KEY_FILE
from app.config import Settings
from app.db import engine_of, reading
from app.queries.errors import NotFound
from app.schema import newest_revision, revision_of, trigger_faults
from app.security import keyring, now
from app.services import doctor as checks
from app.services.doctor import Finding, State
from app.services.genesis import get_trust_root
from labels.fonts import PATH as FACE

NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p"})
_SIGNS = {State.WELL: "ok     ", State.WARNING: "warning", State.FAULT: "FAULT  "}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_appcontext
def doctor(as_json: bool) -> None:
    """Check settings, database, log, keys, signer, disk and clock.

    Exit status: 1 when there is a fault; warnings alone give 0.
    """
    found = list(examine())
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found]))
    else:
        for one in found:
            click.echo(f"{_SIGNS[one.state]}  {one.check}: {one.found}")
            if one.advice:
                click.echo(f"         -> {one.advice}")
    if any(one.state is State.FAULT for one in found):
        sys.exit(1)


def examine() -> Iterator[Finding]:
    """Every check, in the order in which one would mend what it finds."""
    settings: Settings = current_app.config["SETTINGS"]
    yield from _check_settings(settings)
    yield checks.check_disk(settings.data_dir)
    yield checks.check_font(FACE)
    usable = False
    for one in _check_database():
        # changed triggers let rows be changed; they can still be read
        usable = usable or (one.check == "database" and one.state is State.WELL)
        yield one
    if not usable:
        return
    with reading() as session:
        yield from checks.check_log(session, now())
        yield checks.check_sealed_keys(session, keyring())
        yield checks.check_imports(session, now())
        try:
            log_vkey = get_trust_root(session).log_vkey
        except NotFound:
            log_vkey = None
        else:
            yield checks.check_published(session, settings.data_dir)
            yield from checks.check_policy(session, settings.policy, now())
    yield checks.check_log_key(settings.data_dir / "keys" / KEY_FILE, log_vkey)


def _check_settings(settings: Settings) -> Iterator[Finding]:
    """The settings were read, or this command would not run: what they mean."""
    yield checks.well(
        "settings",
        f"{settings.base_url}, entries read by {settings.log_readers}, "
        f"files under {settings.data_dir}",
    )
    if settings.production and not settings.secure:
        yield checks.warning(
            "settings",
            f"production on {settings.base_url}: cookies and labels go without https",
            "set REMELT_BASE_URL to the https address",
        )
    engine = engine_of(current_app)
    if engine.dialect.name == "sqlite" and engine.url.database:
        kind = file_system_of(Path(engine.url.database))
        if kind in NETWORK_FILE_SYSTEMS or kind.startswith("fuse"):
            yield checks.fault(
                "settings",
                f"the database lies on {kind}, whose locks SQLite cannot trust",
                "put it on a local disk, or use PostgreSQL",
            )


def file_system_of(path: Path) -> str:
    """Kind of the file system that holds a path; empty where nobody says."""
    try:
        mounts = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return ""
    wanted, best, kind = os.path.realpath(path), "", ""
    for line in mounts:
        _, point, found, *_ = line.split(" ")
        inside = wanted == point or wanted.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, found
    return kind


def _check_database() -> Iterator[Finding]:
    engine = engine_of(current_app)
    place = engine.url.render_as_string(hide_password=True)
    try:
        with engine.connect() as connection:
            found, newest = revision_of(connection), newest_revision()
            if found != newest:
                yield checks.fault(
                    "database",
                    f"{place} is at schema {found or 'none'}, expected {newest}",
                    "run 'remelt db upgrade'",
                )
                return
            yield checks.well("database", f"{place}, schema {found}")
            faults = trigger_faults(connection)
    except SQLAlchemyError as error:
        yield checks.fault(
            "database",
            f"{place} does not answer: {type(error).__name__}",
            "see whether it runs, and whether REMELT_DATABASE_URL names it",
        )
        return
    if faults:
        yield checks.fault(
            "triggers",
            "; ".join(faults),
            "somebody changed the schema: restore the newest backup into a new "
            "database",
        )
    else:
        yield checks.well("triggers", "every fact table refuses changes")
