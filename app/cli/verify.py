"""``remelt verify``: check what a log gave away, offline; no database, no setting."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from app.cli.verify_files import (
    Asked,
    answer,
    default_processes,
    verify_evidence,
    verify_folder,
    verify_note,
    verify_proof,
)
from app.services.policy_files import PinnedPolicy, read_pinned
from ledger import BundleReport, LedgerError, load_bundle, verify_bundle
from ledger.entry import HEADER as ENTRY
from ledger.fork import FORMAT as FORK
from ledger.proof_file import HEADER as PROOF_HEADER

MAX_BYTES = 500_000_000
PROOF = PROOF_HEADER.encode()
_HEX = re.compile(r"[0-9a-f]{64}")
WORDS = {
    "policy": "The bundle was made under the policy that you named",
    "checkpoint": "The log's key signed the state of the log",
    "entries": "Each entry shown is what its leaf hash says",
    "genesis": "The first entry of the log is the one that you know",
    "inclusion": "Every entry stands in the log under the signed state",
    "keys": "Each entry shown is signed by a key valid where it stands",
    "parents": "What entries rest on stands in the log before them",
    "seen": "What signers had seen of the log agrees with it",
    "disclosures": "Private values fit the digests in their entries",
    "subject": "The entries are about the label, claim and lot named",
}


@click.command("verify")
@click.argument("path", type=click.Path(exists=True, allow_dash=True, path_type=Path))
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The tlog-policy that you trust, as a file; only a folder and a single entry "
    "can do without.",
)
@click.option(
    "--genesis",
    help="Leaf hash of the log's first entry, 64 hexadecimal digits. Without it, the "
    "line '# genesis ...' of the policy file counts.",
)
@click.option(
    "--entry",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The entry that a .tlog-proof is of.",
)
@click.option("--leaf", help="Or its leaf hash, 64 hexadecimal digits.")
@click.option(
    "--bundle",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A bundle to take the keys of the log from, for the signature of an entry.",
)
@click.option(
    "--archive",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Or an archive.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=default_processes,
    help="How many to spread an archive over; as many as there are cores.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--quiet", is_flag=True, help="Show no progress bar.")
def cli(
    path: Path,
    policy_file: Path | None,
    genesis: str | None,
    leaf: str | None,
    **others: Any,  # noqa: ANN401 - each as its option says
) -> None:
    """Check PATH without asking anybody: no database, no setting, no network.

    PATH is one of: a bundle, which the page behind a label gives; a .tlog-proof, with
    --entry or --leaf; an entry as it was signed; evidence of two histories, as
    "remelt monitor" writes it; a folder that "remelt ledger export" or "remelt mirror"
    wrote: then every byte of every file counts.

    Exit status: 0 if every check holds, for a bundle also that the claim stands, for
    evidence that there are two histories; 1 if not, or the file is none of these;
    2 on a wrong call.
    """
    policy = None
    if policy_file is not None:
        policy = _read_policy(policy_file, genesis)
    elif genesis is not None:
        raise click.UsageError("--genesis belongs to a policy: --policy FILE")
    if leaf is not None and not _HEX.fullmatch(leaf):
        raise click.BadParameter(
            "expected 64 lower-case hexadecimal digits", param_hint="--leaf"
        )
    asked = Asked(
        policy=policy, leaf=None if leaf is None else bytes.fromhex(leaf), **others
    )
    if path.is_dir():
        verify_folder(path, asked)
        return
    with click.open_file(str(path), "rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise click.ClickException("the file is larger than any of them")
    if data.startswith(PROOF):
        verify_proof(data, asked)
    elif data.startswith(ENTRY):
        verify_note(data, asked)
    else:
        _verify_document(data, asked)


def _verify_document(data: bytes, asked: Asked) -> None:
    policy = asked.need_policy()
    try:
        document = load_bundle(data)
        if document.get("format") == FORK:
            verify_evidence(document, asked)
            return
        report = verify_bundle(document, policy.policy, genesis=policy.genesis)
    except LedgerError as error:
        raise click.ClickException(f"no bundle that can be checked: {error}") from None
    subject: Mapping[str, str] = document["subject"]
    ended = _ended(report, subject)
    if asked.as_json:
        click.echo(json.dumps(_as_json(report, subject, ended), ensure_ascii=False))
    else:
        _print(report, subject, ended)
    answer(report.passed and ended is None)


def _read_policy(path: Path, genesis: str | None) -> PinnedPolicy:
    try:
        pinned = read_pinned(path.read_bytes())
    except LedgerError as error:
        raise click.BadParameter(str(error), param_hint="--policy") from None
    if genesis is None:
        return pinned
    if not _HEX.fullmatch(genesis):
        raise click.BadParameter(
            "expected 64 lower-case hexadecimal digits", param_hint="--genesis"
        )
    return replace(pinned, genesis=genesis)


def _ended(report: BundleReport, subject: Mapping[str, str]) -> str | None:
    """What the bundle itself shows to have ended label or claim."""
    issued = {
        fact.fact["id"]
        for fact in report.facts
        if fact.fact["type"] == "claim.issued"
        and fact.fact["data"].get("claim") == subject.get("claim")
    }
    for fact in report.facts:
        kind, data = fact.fact["type"], fact.fact["data"]
        reason = data.get("reason")
        if kind == "claim.withdrawn" and data.get("claim") == subject.get("claim"):
            return f"the claim was withdrawn at entry {fact.index}: {reason}"
        if (
            kind == "label.voided"
            and data.get("code_sha256") == subject.get("label_sha256")
            and "label_sha256" in subject
        ):
            return f"the label was declared void at entry {fact.index}: {reason}"
        if kind == "entry.corrected" and data.get("corrects") in issued:
            return f"the claim was taken back at entry {fact.index}: {reason}"
    return None


def _claim_of(report: BundleReport, subject: Mapping[str, str]) -> Any:  # noqa: ANN401
    """The fact that issued the claim; None where the bundle is about none."""
    for fact in report.facts:
        if fact.fact["type"] == "claim.issued" and fact.fact["data"].get(
            "claim"
        ) == subject.get("claim"):
            return fact
    return None


def _as_json(
    report: BundleReport, subject: Mapping[str, str], ended: str | None
) -> dict[str, Any]:
    claim = _claim_of(report, subject)
    return {
        "passed": report.passed,
        "ended": ended,
        "kind": report.kind,
        "subject": dict(subject),
        "checkpoint_size": report.outcome and report.outcome.checkpoint.size,
        "checks": [asdict(check) for check in report.checks],
        "claim": claim.fact["data"] if claim and report.passed else None,
        "signed_by": claim.key_name if claim and report.passed else None,
        "held_by": claim.held_by if claim and report.passed else None,
    }


def _print(report: BundleReport, subject: Mapping[str, str], ended: str | None) -> None:
    for check in report.checks:
        mark = "holds " if check.passed else "FAILS "
        click.echo(f"{mark}  {WORDS[check.name]}: {check.detail}")
    if not report.passed:
        click.echo("\nThe bundle does not hold: believe nothing that it says.")
        return
    claim = _claim_of(report, subject)
    if claim is not None:
        data = claim.fact["data"]
        start, end = data["stretch"]
        click.echo(
            f"\nClaim {data['claim']}, entry {claim.index}, of organisation "
            f"{claim.fact['org']}:\n"
            f"{data['share_ppm'] / 10_000:.4f} % of the metal in {end - start} g of "
            f"lot {data['lot']} is recycled (at most {data['upper_ppm'] / 10_000:.4f}"
            f" %), {data['model']}, method {data['method']}.\n"
            f"Signed with {claim.key_name}, kept by the {claim.held_by}."
        )
    else:
        click.echo(f"\nLot {subject.get('lot')}: no claim is made.")
    if ended is not None:
        click.echo(f"It holds no longer: {ended}")
    else:
        click.echo(
            "A bundle cannot show what came after it: ask the log whether the claim "
            "was withdrawn since."
        )
