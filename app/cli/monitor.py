"""``remelt monitor``: follow a log, and say when something is wrong with it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from app.cli.following import (
    UNREACHABLE,
    check_token,
    evidence_file,
    read_policy_option,
    say,
)
from app.cli.verify_files import default_processes
from app.services.errors import ServiceError
from app.services.expectations import read_expectations
from app.services.log_fetching import InsecureToken, LogClient
from app.services.mirroring import settle_policy
from app.services.monitor_entries import Alarm
from app.services.monitor_peers import Peer
from app.services.monitoring import COPY, Look, Monitor
from app.services.policy_files import PinnedPolicy

COMMAND_TIMEOUT_S = 60


@click.command("monitor")
@click.argument("url")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="For the verified copy and how far it was checked; without it, a folder here "
    "that is named after the host.",
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
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file with the keys, and perhaps the journal, of your organisations.",
)
@click.option("--mirror", "mirrors", multiple=True, help="Address of a mirror.")
@click.option(
    "--witness",
    "witnesses",
    multiple=True,
    help="Address of a witness, besides those that the policy gives an address of.",
)
@click.option(
    "--every",
    type=click.IntRange(1, 86_400),
    metavar="SECONDS",
    help="Look again, with this pause, until told to stop; without it, once.",
)
@click.option(
    "--alarm-command",
    help="Run for each new alarm, without a shell; gets it as JSON on its input.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    default=default_processes,
    help="How many to spread signatures over; as many as there are cores.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line a look.")
def cli(
    url: str,
    folder: Path | None,
    policy_file: Path | None,
    token: str | None,
    expect: Path | None,
    mirrors: tuple[str, ...],
    witnesses: tuple[str, ...],
    every: int | None,
    alarm_command: str | None,
    processes: int,
    as_json: bool,
) -> None:
    """Follow the log at URL: check all that is new in it, and raise an alarm.

    A look copies what is new, checks that the log has only grown, and every new entry
    with its signatures; asks mirrors and witnesses what they have seen; and holds the
    entries of your organisations against what you expect. Two histories leave a file
    that anybody verifies with "remelt verify".

    Exit status: 0 if nothing is wrong; 1 after an alarm; 2 on a wrong call; 3 if
    something could not be looked at.
    """
    given = read_policy_option(policy_file)
    command = _read_command(alarm_command)
    checked = check_token(token)
    try:
        expectations = [] if expect is None else read_expectations(expect)
    except ServiceError as error:
        raise click.BadParameter(str(error), param_hint="--expect") from None
    folder = folder or Path(_folder_name(url))
    with ExitStack() as stack:
        client = _open(stack, url, checked)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        peers = [Peer(_open(stack, one, None), False) for one in mirrors]
        peers += [Peer(_open(stack, one, None), True) for one in witnesses]
        peers += _policy_witnesses(stack, client, folder, given, witnesses)
        try:
            monitor = Monitor(
                client,
                folder,
                given=given,
                peers=peers,
                expectations=expectations,
                processes=processes,
            )
        except ServiceError as error:
            raise click.ClickException(str(error)) from None
        status = _follow(monitor, _Teller(folder, command, as_json), every)
    sys.exit(status)


def _follow(monitor: Monitor, teller: _Teller, every: int | None) -> int:
    """Look once, or again and again; gives the exit status."""
    worst = 0
    try:
        while True:
            look = monitor.look(datetime.now(UTC))
            teller.tell(look)
            monitor.keep()
            if look.alarms:
                worst = 1
            elif (look.troubles or teller.failed) and worst == 0:
                worst = UNREACHABLE
            if every is None:
                return worst
            time.sleep(every)
    except KeyboardInterrupt:
        return 1 if worst == 1 else 0


@dataclass(slots=True)
class _Teller:
    """Tells alarms, each once, to the person and to the command.

    Attributes:
        folder: For evidence.
        command: Run for each alarm; empty for none.
        as_json: Print one JSON line a look.
        failed: The command did not do its work.
    """

    folder: Path
    command: Sequence[str]
    as_json: bool
    failed: bool = False
    _told: set[tuple[str, str]] = field(default_factory=set)
    _noted: set[str] = field(default_factory=set)

    def tell(self, look: Look) -> None:
        """Tell what is new in a look."""
        alarms = [self._describe(one) for one in self._new(look)]
        for one in alarms:
            self._run(one)
        if self.as_json:
            told = {
                "passed": not look.alarms and not look.troubles,
                "size": look.size,
                "checked": look.checked,
                "alarms": alarms,
                "troubles": look.troubles,
                "notes": look.notes,
                "on_trust": look.on_trust,
            }
            click.echo(json.dumps(told, ensure_ascii=False))
            return
        for one in alarms:
            click.echo(f"ALARM ({one['kind']}): {one['message']}")
            if "evidence" in one:
                click.echo(f"  evidence: {one['evidence']}")
        for text in look.troubles:
            say(f"trouble: {text}")
        notes = list(look.notes)
        if look.on_trust:
            notes.append(
                "you named no policy, and the log's own was taken on trust: compare it "
                "with what the operator gives in writing"
            )
        for text in notes:
            if text not in self._noted:
                self._noted.add(text)
                say(f"note: {text}")
        say(f"{look.size} entries, {look.checked} checked, {len(look.alarms)} alarms")

    def _new(self, look: Look) -> Iterator[Alarm]:
        for one in look.alarms:
            if (one.kind, one.message) not in self._told:
                self._told.add((one.kind, one.message))
                yield one

    def _describe(self, alarm: Alarm) -> dict[str, Any]:
        told: dict[str, Any] = {"kind": alarm.kind, "message": alarm.message}
        if alarm.entry_index is not None:
            told["entry_index"] = alarm.entry_index
        if alarm.evidence is not None:
            told["evidence"] = str(evidence_file(self.folder, alarm.evidence))
        return told

    def _run(self, alarm: dict[str, Any]) -> None:
        if not self.command:
            return
        try:
            done = subprocess.run(  # noqa: S603 - the person's own command
                self.command,
                input=json.dumps(alarm, ensure_ascii=False) + "\n",
                text=True,
                timeout=COMMAND_TIMEOUT_S,
                check=False,
            )
            reason = "" if not done.returncode else f"exit status {done.returncode}"
        except (OSError, subprocess.SubprocessError) as error:
            reason = str(error)
        if reason:
            self.failed = True
            say(f"trouble: the alarm command {self.command[0]}: {reason}")


def _open(stack: ExitStack, url: str, token: str | None) -> LogClient:
    try:
        return stack.enter_context(closing(LogClient(url, token=token)))
    except InsecureToken as error:
        raise click.UsageError(str(error)) from None
    except ServiceError as error:
        raise click.BadParameter(str(error), param_hint="URL") from None


def _policy_witnesses(
    stack: ExitStack,
    client: LogClient,
    folder: Path,
    given: PinnedPolicy | None,
    named: Sequence[str],
) -> list[Peer]:
    """Witnesses that the policy gives an address of; none where nobody answers."""
    try:
        pinned = settle_policy(client, folder / COPY, given).pinned
    except ServiceError:
        return []  # the look says what is wrong
    known = {one.rstrip("/") for one in named}
    urls = dict.fromkeys(
        one.url.rstrip("/") for one in pinned.policy.witnesses if one.url
    )
    return [Peer(_open(stack, one, None), True) for one in urls if one not in known]


def _read_command(text: str | None) -> list[str]:
    try:
        words = shlex.split(text or "")
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--alarm-command") from None
    if text is not None and not words:
        raise click.BadParameter("names no program", param_hint="--alarm-command")
    return words


def _folder_name(url: str) -> str:
    return "monitor-" + re.sub(r"[^0-9A-Za-z.-]+", "-", urlsplit(url).netloc or "log")
