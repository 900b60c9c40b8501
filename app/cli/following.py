"""What ``remelt mirror`` and ``remelt monitor`` have in common."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

import click

from app.services.archive import write_file
from app.services.errors import ServiceError
from app.services.log_fetching import InsecureToken, LogClient
from app.services.mirroring import Progress
from app.services.policy_files import PinnedPolicy, read_pinned
from ledger import LedgerError
from ledger.fork import ForkEvidence, format_fork

UNREACHABLE = 3
_TOKEN = re.compile(r"[\x21-\x7e]{1,200}")


def say(text: str) -> None:
    """Tell the person; results go to standard output, this does not."""
    click.echo(text, err=True)


def read_policy_option(path: Path | None) -> PinnedPolicy | None:
    """The policy in a file that was named.

    Raises:
        BadParameter: It is none.
    """
    if path is None:
        return None
    try:
        return read_pinned(path.read_bytes())
    except LedgerError as error:
        raise click.BadParameter(str(error), param_hint="--policy") from None


def check_token(token: str | None) -> str | None:
    """A token that can stand in a header; None for an empty one.

    Raises:
        BadParameter: It cannot.
    """
    token = (token or "").strip()
    if token and not _TOKEN.fullmatch(token):
        raise click.BadParameter("is no token", param_hint="--token")
    return token or None


def evidence_file(folder: Path, evidence: ForkEvidence) -> Path:
    """Write evidence, under a name that follows from it; gives the path."""
    text = json.dumps(format_fork(evidence), ensure_ascii=False, indent=1)
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    path = folder / f"fork-{digest}.json"
    if not path.exists():
        write_file(path, text.encode())
    return path


def open_log(url: str, token: str | None) -> LogClient:
    """A client of the log at an address.

    Raises:
        BadParameter: It is none.
        UsageError: The token would travel in the open.
    """
    try:
        return LogClient(url, token=token)
    except InsecureToken as error:
        raise click.UsageError(str(error)) from None
    except ServiceError as error:
        raise click.BadParameter(str(error), param_hint="URL") from None


def show_progress(*, hidden: bool) -> Progress:
    """Shows how far an update is, to a person only."""

    def show(done: int, of: int) -> None:
        if not hidden and of and sys.stderr.isatty():
            click.echo(f"\r{done} of {of} files", nl=done == of, err=True)

    return show
