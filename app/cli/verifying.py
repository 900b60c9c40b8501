"""``remelt ledger verify`` and ``rebuild``: the log, and what follows from it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.orm import Session

from app.cli.shadow import FOLDER, Shadow, Verified, keep_verified, read_verified
from app.config import Settings
from app.db import engine_of, open_engine, reading, session_makers
from app.queries.log import find_checkpoint, get_head
from app.queries.log_spans import count_entries, find_roots
from app.schema import trigger_faults, upgrade
from app.schemas.facts import schema_fault
from app.security import keyring, now
from app.services.auditing import audit_committed
from app.services.differences import Difference
from app.services.disclosure_check import check_disclosures
from app.services.errors import LogRolledBack
from app.services.folding import fold_entries, iter_entries
from app.services.genesis import get_trust_root
from app.services.label_code_check import check_label_codes
from app.services.published import find_published
from app.services.row_comparing import compare_tables
from app.services.storage_check import check_storage, unreadable
from app.services.verification import start_check, verify_committed
from ledger import Frontier, LedgerError


@click.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print differences as JSON.")
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
@click.option(
    "--incremental",
    is_flag=True,
    help="Go on from the last checkpoint that was verified here: signatures before it "
    "are not checked again, its entries are hashed again and all rows compared.",
)
@click.option(
    "--hashes-only",
    is_flag=True,
    help="Hashes, tiles and checkpoints only: no signature, no business table.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 256),
    help="At most so many side by side; without it, one a core.",
)
@with_appcontext
def verify(
    as_json: bool,
    quiet: bool,
    incremental: bool,
    hashes_only: bool,
    processes: int | None,
) -> None:
    """Check the whole log, and every business table against the fold of it.

    The database's own pages, indexes and triggers; hashes, tiles, frontier,
    checkpoints and cosignatures, and the checkpoints that were published from here;
    each entry's signature by the key valid where it stands, its schema, its parents,
    what its signer had seen; private values against their digests; every row against
    what the entries give; every lot against what it was made of.

    Exit status: 0 if everything agrees, 1 on any difference, 2 on a wrong option.
    """
    check = _Check(quiet or as_json, processes)
    if hashes_only:
        differences = check.hashes()
    else:
        differences = check.everything(incremental=incremental)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "size": check.size,
                    "root": check.root,
                    "signatures_from": check.signatures_from,
                    "differences": [asdict(one) for one in differences],
                    "notes": check.notes,
                },
                ensure_ascii=False,
            )
        )
    else:
        _print(differences, check)
    if differences:
        sys.exit(1)


def _print(differences: list[Difference], check: _Check) -> None:
    for note in check.notes:
        click.echo(note, err=True)
    for one in differences:
        place = [] if one.entry_index is None else [f"entry {one.entry_index}"]
        place.append(f"{one.table}.{one.field}" if one.field else one.table)
        if one.row is not None:
            place.append(f"row {one.row}")
        click.echo(f"{', '.join(place)}: {one.message}")
    if differences:
        click.echo(f"{len(differences)} differences in {check.size} entries", err=True)
    else:
        click.echo(f"{check.size} entries agree, root {check.root}")


class _Check:
    """One run of ``verify``: one consistent view, and what was found under it."""

    def __init__(self, hidden: bool, processes: int | None) -> None:
        self._hidden, self._processes = hidden, processes
        settings: Settings = current_app.config["SETTINGS"]
        self._data_dir = settings.data_dir
        self._url = engine_of(current_app).url
        self.size, self.root, self.signatures_from = 0, "", 0
        self.notes: list[str] = []
        policy = settings.policy
        self._witnesses = {w.name: w.vkey for w in policy.witnesses} if policy else {}

    def hashes(self) -> list[Difference]:
        """Hashes, tiles and checkpoints."""
        found: list[Difference] = []
        with _readable("the log", found), reading() as session:
            self._measure(session)
            with self._bar(self.size, "Entries") as tell:
                found += verify_committed(
                    self._url,
                    session,
                    tell,
                    witnesses=self._witnesses,
                    hashes_only=True,
                    processes=self._processes,
                )
        return found

    def _measure(self, session: Session) -> None:
        head = get_head(session)
        # A head that is damaged may say anything
        self.size = min(head.size, count_entries(session.connection()))
        with suppress(LedgerError):  # of no possible edge there is no root to show
            self.root = Frontier.load(*head).root().hex()

    def everything(self, *, incremental: bool) -> list[Difference]:
        """The store, the log, the tables against its fold, and the material."""
        found: list[Difference] = []
        if not incremental:
            report = check_storage(engine_of(current_app), trigger_faults)
            found += report.differences
            self.notes += report.notes
        verified: Verified | None = None
        with _readable("the log", found), reading() as session:
            if not get_head(session).size:
                empty = Difference(None, "log_head", "size", "the log has no entry")
                return [*found, empty]
            self._measure(session)
            verified = self._log_and_tables(session, found, incremental=incremental)
        with _readable("private values", found), reading() as session:
            found += check_disclosures(session, keyring())
            found += check_label_codes(session)
        with (
            _readable("the material", found),
            self._bar(self.size, "Material") as tell,
        ):
            found += audit_committed(
                self._url, self.size, tell, processes=self._processes
            )
        if not found and verified is not None:
            keep_verified(self._data_dir, verified)
        return found

    def _log_and_tables(
        self, session: Session, found: list[Difference], *, incremental: bool
    ) -> Verified | None:
        """Adds differences; gives what is verified if there are none."""
        before = read_verified(self._data_dir) if incremental else None
        if before is not None:
            changed = _still_there(session, before)
            found += changed
            if not changed:
                self.signatures_from = before.size
        found += _published(session, self._data_dir)
        # The fold looks at forms and schemas, while others look at signatures
        with start_check(
            self._url,
            session,
            witnesses=self._witnesses,
            forms=False,
            signatures_from=self.signatures_from,
            processes=self._processes,
        ) as finish:
            folded: list[Difference] = []
            with _readable("the tables", folded):
                folded += self._fold(session, anew=not incremental)
            with self._bar(self.size, "Entries") as tell:
                found += finish(tell)
        found += folded
        newest = find_checkpoint(session)
        if newest is None:
            return None
        genesis = get_trust_root(session).leaf_hash
        return Verified(genesis, newest.size, newest.root.hex(), now().isoformat())

    def _fold(self, session: Session, *, anew: bool) -> list[Difference]:
        differences: list[Difference] = []
        (self._data_dir / FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
        shadow = Shadow(self._data_dir / FOLDER / "fold.db")
        try:
            if not shadow.prepare(session, anew=anew):
                differences.append(
                    Difference(
                        None,
                        "log_head",
                        "frontier",
                        "the entries are not those of the last check: history was "
                        "changed since",
                    )
                )
            with self._bar(self.size, "Rows") as tell:
                differences += shadow.follow(session, tell)
            differences += shadow.compare(session)
        finally:
            shadow.close()
        return differences

    @contextmanager
    def _bar(self, length: int, label: str) -> Iterator[Callable[[int], None]]:
        with click.progressbar(
            length=length, label=f"{label:<8}", file=sys.stderr, hidden=self._hidden
        ) as bar:
            yield lambda done: bar.update(done - bar.pos)


@contextmanager
def _readable(what: str, found: list[Difference]) -> Iterator[None]:
    """Take what a damaged database brings a check to for what it is: a difference.

    Any error: a changed byte makes a number of a text, and no time of a time.
    """
    try:
        yield
    except Exception as error:
        found.append(unreadable(what, error))


def _published(session: Session, data_dir: Path) -> list[Difference]:
    """Checkpoints that were published from here, and that this log does not contain."""
    found = []
    for one in find_published(data_dir, get_trust_root(session).log_vkey):
        try:
            one.check_against(session)
        except LogRolledBack as error:
            found.append(
                Difference(None, "checkpoint", "root", str(error), row=str(one.size))
            )
    return found


def _still_there(session: Session, before: Verified) -> list[Difference]:
    """Whether the checkpoint that was verified last is one of this log still."""
    if get_trust_root(session).leaf_hash != before.genesis:
        return [
            Difference(
                0, "log_entry", "leaf_hash", "another log was verified here before"
            )
        ]
    root = find_roots(session.connection(), [before.size]).get(before.size)
    if root is not None and root.hex() == before.root:
        return []
    found = "none" if root is None else root.hex()
    return [
        Difference(
            None,
            "checkpoint",
            "root",
            f"size {before.size}: found {found}, verified on {before.verified_at} "
            f"was {before.root}",
            row=str(before.size),
        )
    ]


@click.command("rebuild")
@click.option(
    "--into",
    "url",
    required=True,
    help="URL of an empty database, such as sqlite:////tmp/rebuilt.db.",
)
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
@with_appcontext
def rebuild(url: str, quiet: bool) -> None:
    """Make the business tables anew from the entries alone, in an empty database.

    They are compared row by row with those in use. Users, tokens, private values and
    checkpoints are not facts: they are not made.

    Exit status: 0 if every row is equal, 1 if one differs.
    """
    engine = open_engine(url)
    upgrade(engine)
    writers, readers = session_makers(engine)
    with readers() as target:
        if get_head(target).size:
            raise click.BadParameter("holds a log already", param_hint="--into")
    with reading() as session:
        size = get_head(session).size
        with click.progressbar(
            length=size, label="Rows", file=sys.stderr, hidden=quiet
        ) as bar:
            found = fold_entries(
                iter_entries(session.connection(), 0, size),
                writers.begin,
                lambda done: bar.update(done - bar.pos),
                check_data=schema_fault,
            )
        with readers() as target:
            found += compare_tables(session.connection(), target.connection())
    engine.dispose()
    for one in found:
        click.echo(
            f"entry {one.entry_index}, {one.table}.{one.field}, row {one.row}: "
            f"{one.message}"
        )
    click.echo(f"{size} entries, {len(found)} differences")
    if found:
        sys.exit(1)
