"""``remelt mirror``: keep a verified copy of somebody's log; no database needed."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click

from app.cli.following import (
    UNREACHABLE,
    check_token,
    evidence_file,
    open_log,
    read_policy_option,
    say,
    show_progress,
)
from app.services.errors import ServiceError
from app.services.log_fetching import LogClient, LogUnreachable
from app.services.mirroring import (
    Busy,
    Forked,
    MirrorResult,
    QuorumMissing,
    Settled,
    settle_policy,
    update_mirror,
)
from app.services.policy_files import PinnedPolicy


@click.command("mirror")
@click.argument("url")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The tlog-policy that you trust. Without it, the one that the log publishes "
    "is taken at the first run, and kept.",
)
@click.option(
    "--token",
    envvar="REMELT_TOKEN",
    help="Of a mirror or an auditor, for entries; best in REMELT_TOKEN.",
)
@click.option("--hashes-only", is_flag=True, help="Ask for no entries.")
@click.option(
    "--follow",
    type=click.IntRange(1, 86_400),
    metavar="SECONDS",
    help="Ask again, with this pause, until told to stop.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line a run.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def cli(
    url: str,
    folder: Path,
    policy_file: Path | None,
    token: str | None,
    hashes_only: bool,
    follow: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Keep a verified copy of the log at URL in FOLDER.

    URL is where "checkpoint" lies, or the address of a Remelt server. All that comes is
    checked before it is written, and the checkpoint moves last: the folder verifies at
    every moment, and "remelt verify FOLDER" checks it to the last byte.

    Exit status: 0 if the copy is as new as the log; 1 if the log does not hold, or has
    signed two histories (the evidence is written beside the checkpoint); 2 on a wrong
    call; 3 if nobody answers, or not enough witnesses have signed yet.
    """
    given = read_policy_option(policy_file)
    client = open_log(url, check_token(token))
    try:
        while True:
            status = _run_once(client, folder, given, hashes_only, as_json, quiet)
            # Only what may pass by itself is waited for
            if follow is None or status not in (0, UNREACHABLE):
                sys.exit(status)
            time.sleep(follow)
    except KeyboardInterrupt:
        sys.exit(0)
    finally:
        client.close()


def _run_once(
    client: LogClient,
    folder: Path,
    given: PinnedPolicy | None,
    hashes_only: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Update once; gives the exit status."""
    try:
        settled = settle_policy(client, folder, given)
        result = update_mirror(
            client,
            folder,
            settled,
            with_entries=False if hashes_only else None,
            progress=show_progress(hidden=quiet or as_json),
        )
    except Forked as error:
        path = evidence_file(folder, error.evidence)
        _tell_failure(error, as_json, evidence=str(path))
        return 1
    except (LogUnreachable, QuorumMissing, Busy) as error:
        _tell_failure(error, as_json)
        return UNREACHABLE
    except ServiceError as error:
        _tell_failure(error, as_json)
        return 1
    _tell(result, settled, as_json)
    return 0


def _tell_failure(error: ServiceError, as_json: bool, **more: str) -> None:
    if as_json:
        kind = type(error).__name__
        click.echo(
            json.dumps(
                {"passed": False, "fault": kind, "message": str(error), **more},
                ensure_ascii=False,
            )
        )
        return
    say(f"Error: {error}")
    for name, value in more.items():
        say(f"{name}: {value}")


def _tell(result: MirrorResult, settled: Settled, as_json: bool) -> None:
    if settled.on_trust:
        say(
            "NOTE: you named no policy, and the log's own was taken on trust, unseen "
            "by anybody else. Compare the file 'policy' of the copy with what the "
            "operator gives in writing, or with another copy."
        )
    if as_json:
        made = {
            "passed": True,
            "origin": result.outcome.checkpoint.origin,
            "old_size": result.old_size,
            "size": result.size,
            "root": result.outcome.checkpoint.root.hex(),
            "grade": result.outcome.grade,
            "entries": result.has_entries,
            "fetched": result.fetched,
            "on_trust": settled.on_trust,
            "notes": list(result.notes),
        }
        click.echo(json.dumps(made, ensure_ascii=False))
        return
    for note in result.notes:
        say(f"note: {note}")
    kept = "entries" if result.has_entries else "leaf hashes"
    grew = result.size - result.old_size
    click.echo(f"{result.size} {kept}, {grew} of them new, {result.outcome.grade}")
