"""``remelt monitor``: follow a log for those whom it concerns; no database needed."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
from app.cli.verify_files import default_processes
from app.services.errors import ServiceError
from app.services.expectations import BadExpectations, read_expectations
from app.services.mirroring import settle_policy
from app.services.monitor_entries import Alarm
from app.services.monitor_peers import Kind, Peer
from app.services.monitoring import Look, Monitor, Watching, expect_nothing

COMMAND_TIMEOUT_S = 60


@click.command("monitor")
@click.argument("url")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="For a verified copy, how far it was checked, and evidence; without it, a "
    "folder here that is named after the host.",
)
@click.option("--once", is_flag=True, help="Look once, for a timer.")
@click.option(
    "--every",
    type=click.IntRange(1, 86_400),
    metavar="SECONDS",
    help="Look again, with this pause, until told to stop.",
)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The tlog-policy that you trust. Without it, the one that the log publishes "
    "is taken at the first look, and kept.",
)
@click.option(
    "--token",
    envvar="REMELT_TOKEN",
    help="Of a mirror or an auditor, for entries; best in REMELT_TOKEN.",
)
@click.option(
    "--expect",
    "expect_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML: what owners of keys expect in the log under their names; read at every "
    "look.",
)
@click.option(
    "--mirror", "mirrors", multiple=True, metavar="URL", help="A copy to compare with."
)
@click.option(
    "--witness",
    "witnesses",
    multiple=True,
    metavar="URL",
    help="A witness to compare with, besides those that the policy gives addresses of.",
)
@click.option(
    "--grace",
    type=click.IntRange(0, 10_080),
    default=10,
    show_default=True,
    metavar="MINUTES",
    help="How long witnesses may be behind, or others ahead, before it is an alarm.",
)
@click.option(
    "--quiet-after",
    type=click.IntRange(1, 525_600),
    metavar="MINUTES",
    help="An alarm when there is no new checkpoint for so long.",
)
@click.option(
    "--alarm-command",
    help="Run on each new alarm, as words and without a shell; gets it as JSON on its "
    "standard input.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=default_processes,
    help="How many to spread signatures over; as many as there are cores.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line a look.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def cli(
    url: str,
    *,
    folder: Path | None,
    once: bool,
    every: int | None,
    alarm_command: str | None,
    as_json: bool,
    **others: Any,  # noqa: ANN401 - each as its option says
) -> None:
    """Follow the log at URL, and raise an alarm on what should not be.

    Checks that every new checkpoint extends what was seen before; that every new entry
    has its hash in the tree, a signature of a key valid at its place, and a place in
    the history of keys; what owners of keys expect; what mirrors and witnesses have
    seen. Two histories are written as evidence, fork-….json, which "remelt verify"
    checks for anybody.

    Exit status: 0 if all is well; 1 if there is an alarm; 2 on a wrong call; 3 if
    something could not be looked at.
    """
    if once == (every is not None):
        raise click.UsageError("say --once or --every SECONDS")
    command = _words(alarm_command)
    folder = folder or Path(_folder_name(url))
    others["quiet"] |= as_json
    monitor = _make_monitor(url, folder=folder, **others)
    worst = 0
    try:
        while True:
            status = _look_once(monitor, folder, command, as_json)
            if every is None:
                sys.exit(status)
            worst = 1 if 1 in (worst, status) else max(worst, status)
            time.sleep(every)
    except KeyboardInterrupt:
        sys.exit(worst)
    finally:
        monitor.close()


def _words(command: str | None) -> list[str]:
    try:
        words = shlex.split(command or "")
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--alarm-command") from None
    if command is not None and not words:
        raise click.BadParameter("names no program", param_hint="--alarm-command")
    return words


def _folder_name(url: str) -> str:
    return "monitor-" + re.sub(r"[^0-9A-Za-z.-]+", "-", urlsplit(url).netloc or "log")


def _make_monitor(
    url: str,
    *,
    folder: Path,
    policy_file: Path | None,
    token: str | None,
    expect_file: Path | None,
    mirrors: tuple[str, ...],
    witnesses: tuple[str, ...],
    grace: int,
    quiet_after: int | None,
    processes: int,
    quiet: bool,
) -> Monitor:
    given = read_policy_option(policy_file)
    peers = [Peer(open_log(one, None), Kind.MIRROR) for one in mirrors]
    peers += [Peer(open_log(one, None), Kind.WITNESS) for one in witnesses]
    if expect_file is not None:
        try:
            read_expectations(expect_file)
        except BadExpectations as error:
            raise click.BadParameter(str(error), param_hint="--expect") from None
    after = None if quiet_after is None else timedelta(minutes=quiet_after)
    watching = Watching(
        peers=peers,
        expectations=expect_nothing
        if expect_file is None
        else lambda: read_expectations(expect_file),
        grace=timedelta(minutes=grace),
        quiet_after=after,
        processes=processes,
    )
    client = open_log(url, check_token(token))
    try:
        return Monitor(
            client,
            folder,
            settle=lambda client, copy: settle_policy(client, copy, given),
            watching=watching,
            progress=show_progress(hidden=quiet),
        )
    except ServiceError as error:
        raise click.ClickException(str(error)) from None


def _look_once(
    monitor: Monitor, folder: Path, command: list[str], as_json: bool
) -> int:
    """Look once; gives the exit status."""
    found = monitor.look(datetime.now(UTC))
    alarms = [_describe(one, folder, one in found.new_alarms) for one in found.alarms]
    failed = _run_command(command, alarms)
    if failed is None:
        monitor.keep(found)
    else:
        found.troubles.append(failed)  # and the alarms are told again
    status = 1 if alarms else UNREACHABLE if found.troubles else 0
    if as_json:
        _tell_json(found, alarms, status)
    else:
        _tell(found, alarms)
    return status


def _describe(alarm: Alarm, folder: Path, is_new: bool) -> dict[str, Any]:
    described: dict[str, Any] = {
        "kind": alarm.kind,
        "message": alarm.message,
        "new": is_new,
    }
    if alarm.entry_index is not None:
        described["entry"] = alarm.entry_index
    if alarm.leaf is not None:
        described["leaf"] = alarm.leaf
    if alarm.evidence is not None:
        folder.mkdir(parents=True, exist_ok=True)
        described["evidence"] = str(evidence_file(folder, alarm.evidence))
    return described


def _run_command(command: list[str], alarms: list[dict[str, Any]]) -> str | None:
    """Tell each new alarm; why it cannot be told, or None."""
    if not command:
        return None
    for alarm in alarms:
        if not alarm["new"]:
            continue
        text = json.dumps(alarm, ensure_ascii=False)
        try:
            subprocess.run(  # noqa: S603 - the words are those of who started us
                command,
                input=text.encode(),
                stdout=subprocess.DEVNULL,
                check=True,
                timeout=COMMAND_TIMEOUT_S,
            )
        except (OSError, subprocess.SubprocessError) as error:
            return f"the alarm command: {error}"
    return None


def _tell_json(found: Look, alarms: list[dict[str, Any]], status: int) -> None:
    made = {
        "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "passed": status == 0,
        "size": found.size,
        "checked": found.checked,
        "alarms": alarms,
        "troubles": found.troubles,
        "notes": found.notes,
        "on_trust": found.on_trust,
    }
    click.echo(json.dumps(made, ensure_ascii=False))


def _tell(found: Look, alarms: list[dict[str, Any]]) -> None:
    if found.on_trust:
        say(
            "NOTE: you named no policy, and the log's own was taken on trust, unseen "
            "by anybody else."
        )
    for note in found.notes:
        say(f"note: {note}")
    for trouble in found.troubles:
        say(f"not looked at: {trouble}")
    for alarm in alarms:
        again = "" if alarm["new"] else " (told before)"
        click.echo(f"ALARM {alarm['kind']}{again}: {alarm['message']}")
        for name in ("leaf", "evidence"):
            if name in alarm:
                click.echo(f"  {name}: {alarm[name]}")
    if not alarms and not found.troubles:
        click.echo(f"{found.size} entries, {found.checked} of them checked: no alarm")
