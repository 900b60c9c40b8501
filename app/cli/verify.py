"""``remelt verify``: check a bundle offline; it needs no database and no setting."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import click

from ledger import (
    BundleReport,
    LedgerError,
    Policy,
    load_bundle,
    parse_policy,
    verify_bundle,
)

MAX_BYTES = 500_000_000
_GENESIS = re.compile(r"^# genesis ([0-9a-f]{64})$", re.MULTILINE)
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
@click.argument("bundle", type=click.File("rb"))
@click.option(
    "--policy",
    "policy_file",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The tlog-policy that you trust, as a file.",
)
@click.option(
    "--genesis",
    help="Leaf hash of the log's first entry, 64 hexadecimal digits. Without it, the "
    "line '# genesis ...' of the policy file counts.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def cli(
    bundle: BinaryIO,
    policy_file: Path,
    genesis: str | None,
    as_json: bool,
) -> None:
    """Check BUNDLE, a proof that a label's page gives, without asking anybody.

    Exit status: 0 if every check holds and the claim stands; 1 if a check fails, the
    file is no bundle, or the bundle shows that label or claim have ended.
    """
    policy, pinned = _read_policy(policy_file)
    genesis = genesis or pinned
    if genesis is not None and not _HEX.fullmatch(genesis):
        raise click.BadParameter(
            "expected 64 lower-case hexadecimal digits", param_hint="--genesis"
        )
    data = bundle.read(MAX_BYTES + 1)
    try:
        if len(data) > MAX_BYTES:
            raise click.ClickException("the file is larger than any bundle")
        document = load_bundle(data)
        report = verify_bundle(document, policy, genesis=genesis)
    except LedgerError as error:
        raise click.ClickException(f"no bundle that can be checked: {error}") from None
    subject: Mapping[str, str] = document["subject"]
    ended = _ended(report, subject)
    holds = report.passed and ended is None
    if as_json:
        click.echo(json.dumps(_as_json(report, subject, ended), ensure_ascii=False))
    else:
        _print(report, subject, ended)
    if not holds:
        sys.exit(1)


def _read_policy(path: Path) -> tuple[Policy, str | None]:
    try:
        text = path.read_text("utf-8")
        pinned = _GENESIS.search(text)
        return parse_policy(text), pinned[1] if pinned else None
    except (LedgerError, UnicodeDecodeError) as error:
        raise click.BadParameter(str(error), param_hint="--policy") from None


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
