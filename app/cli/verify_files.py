"""What ``remelt verify`` does with anything but a bundle, and how it tells it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from app.services.archive_check import check_archive
from app.services.archive_findings import ArchiveReport
from app.services.archive_reading import Archive, BadArchive
from app.services.entry_check import (
    EntryVerification,
    KnownKeys,
    keys_of_archive,
    keys_of_bundle,
)
from app.services.policy_files import PinnedPolicy
from ledger import (
    LedgerError,
    ProofFile,
    load_bundle,
    parse_proof_file,
    verify_bundle,
)
from ledger.fork import parse_fork, verify_fork

MAX_ENTRY = 70_000
WORDS = {
    "entry": "It is an entry, in its one form",
    "checkpoint": "The log's key signed the state of the log",
    "inclusion": "The entry stands in the log under the signed state",
    "signature": "It is signed by a key valid where it stands",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for besides the file.

    Attributes:
        policy: What the reader trusts.
        entry: File of the entry that a proof is about.
        leaf: Its leaf hash instead.
        bundle: A bundle that holds the keys of the log.
        archive: An archive that does.
        processes: How many to spread the work over.
        as_json: Print JSON.
        quiet: Show no progress.
    """

    policy: PinnedPolicy | None
    entry: Path | None
    leaf: bytes | None
    bundle: Path | None
    archive: Path | None
    processes: int
    as_json: bool
    quiet: bool

    def need_policy(self) -> PinnedPolicy:
        """The policy, without which this cannot be checked.

        Raises:
            UsageError: None was named.
        """
        if self.policy is None:
            raise click.UsageError("name the policy that you trust: --policy FILE")
        return self.policy


def answer(passed: bool) -> None:
    """End with the exit status of the answer."""
    if not passed:
        sys.exit(1)


def verify_folder(folder: Path, asked: Asked) -> None:
    """Check a whole archive."""
    with click.progressbar(
        length=_size_of(folder),
        label="Checking entries",
        file=sys.stderr,
        hidden=asked.quiet or asked.as_json,
    ) as bar:
        report = check_archive(
            folder,
            trusted=asked.policy,
            processes=asked.processes,
            progress=lambda done: bar.update(done - bar.pos),
        )
    if asked.as_json:
        click.echo(json.dumps(_archive_json(report), ensure_ascii=False))
    else:
        _print_archive(report)
    answer(report.passed)


def default_processes() -> int:
    """As many as this process may use cores."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _size_of(folder: Path) -> int:
    """How far the bar goes: what the checkpoint says, not believed yet."""
    try:
        return int(Archive(folder).read_checkpoint().split(b"\n")[1])
    except (BadArchive, ValueError, IndexError):
        return 0


def _archive_json(report: ArchiveReport) -> dict[str, Any]:
    outcome = report.outcome
    return {
        "kind": "archive",
        "passed": report.passed,
        "origin": outcome and outcome.checkpoint.origin,
        "checkpoint_size": outcome and outcome.checkpoint.size,
        "root": outcome and outcome.checkpoint.root.hex(),
        "grade": outcome and outcome.grade,
        "witnessed": sorted(outcome.witnessed) if outcome else [],
        "genesis": report.genesis,
        "hashes_checked": report.hashes,
        "entries_checked": report.entries,
        "fault_count": report.fault_count,
        "faults": [asdict(one) for one in report.faults],
        "notes": list(report.notes),
    }


def _print_archive(report: ArchiveReport) -> None:
    for fault in report.faults:
        click.echo(f"FAILS   {fault.to_text()}")
    if more := report.fault_count - len(report.faults):
        click.echo(f"FAILS   and {more} more")
    for note in report.notes:
        click.echo(f"note    {note}")
    if report.outcome is not None and report.passed:
        head = report.outcome.checkpoint
        click.echo(
            f"holds   {head.origin}, {report.hashes} leaf hashes, {report.entries} "
            f"entries with their signatures, {report.outcome.grade}, by "
            f"{len(report.outcome.witnessed)} witnesses"
        )
    if not report.passed:
        click.echo(f"\nThe archive does not hold: {report.fault_count} faults.")


def verify_evidence(document: Mapping[str, Any], asked: Asked) -> None:
    """Check evidence of two histories: holds when there are two."""
    policy = asked.need_policy()
    try:
        evidence = parse_fork(document)
        report = verify_fork(evidence, policy.policy)
    except LedgerError as error:
        text = f"no evidence that can be checked: {error}"
        raise click.ClickException(text) from None
    sides = [
        {
            "from": side.where,
            "size": head.size,
            "root": head.root.hex(),
        }
        for side, head in (
            (evidence.older, report.older),
            (evidence.newer, report.newer),
        )
    ]
    if asked.as_json:
        click.echo(
            json.dumps(
                {
                    "kind": "fork",
                    "passed": report.verdict == "fork",
                    "verdict": report.verdict,
                    "detail": report.detail,
                    "origin": report.older.origin,
                    "checkpoints": sides,
                },
                ensure_ascii=False,
            )
        )
    else:
        for side in sides:
            click.echo(f"signed  {side['size']} entries, root {side['root']}")
            click.echo(f"        met at {side['from']}")
        told = {
            "fork": "It is proven: ",
            "consistent": "There are no two histories: ",
            "unproven": "The log's key signed both, but nothing is proven: ",
        }
        click.echo(told[report.verdict] + report.detail)
    answer(report.verdict == "fork")


def verify_proof(data: bytes, asked: Asked) -> None:
    """Check a ``.tlog-proof`` file."""
    if (asked.entry is None) == (asked.leaf is None):
        raise click.UsageError("name what the proof is of: --entry FILE or --leaf HEX")
    try:
        proof = parse_proof_file(data)
    except LedgerError as error:
        raise click.ClickException(f"no proof that can be checked: {error}") from None
    note = None if asked.entry is None else _read(asked.entry, MAX_ENTRY)
    asked.need_policy()
    _verify_entry(asked, proof=proof, note=note, leaf=asked.leaf)


def verify_note(data: bytes, asked: Asked) -> None:
    """Check one entry."""
    _verify_entry(asked, proof=None, note=data, leaf=None)


def _verify_entry(
    asked: Asked, *, proof: ProofFile | None, note: bytes | None, leaf: bytes | None
) -> None:
    verification = EntryVerification(
        policy=asked.policy.policy if asked.policy else None,
        proof=proof,
        note=note,
        leaf=leaf,
        keys=_keys(asked),
    )
    checks = verification.run()
    passed = all(one.passed for one in checks)
    if asked.as_json:
        outcome = verification.outcome
        made = {
            "kind": "proof" if proof is not None else "entry",
            "passed": passed,
            "index": verification.index,
            "checkpoint_size": outcome and outcome.checkpoint.size,
            "grade": outcome and outcome.grade,
            "checks": [asdict(one) for one in checks],
            "unchecked": verification.unchecked,
        }
        click.echo(json.dumps(made, ensure_ascii=False))
    else:
        for check in checks:
            mark = "holds " if check.passed else "FAILS "
            click.echo(f"{mark}  {WORDS[check.name]}: {check.detail}")
        for line in verification.unchecked:
            click.echo(f"note    {line}")
        if proof is None and note is not None and not passed:
            click.echo("\nBelieve nothing that it says.")
    answer(passed)


def _keys(asked: Asked) -> KnownKeys | None:
    """Keys of the log from the source that was named, if one was."""
    if asked.bundle is None and asked.archive is None:
        return None
    policy = asked.need_policy()
    try:
        if asked.bundle is not None:
            document = load_bundle(_read(asked.bundle, 500_000_000))
            report = verify_bundle(document, policy.policy, genesis=policy.genesis)
            return keys_of_bundle(report)
        assert asked.archive is not None  # noqa: S101 - for the type checker
        return keys_of_archive(Archive(asked.archive), policy.policy)
    except (LedgerError, BadArchive) as error:
        raise click.ClickException(f"the keys of the log: {error}") from None


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise click.ClickException(f"{path} is larger than what it should be")
    return data
