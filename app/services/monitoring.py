"""Follow a log for those whom it concerns, and say what is wrong with it.

A look brings a verified copy up to date, checks the entries that are new, and compares
the log with what its mirrors and witnesses have seen of it. How far it was checked is
kept in a file beside the copy, and moves on only when the alarms have been told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from app.services.archive import write_file
from app.services.archive_reading import Archive, BadArchive
from app.services.errors import ServiceError
from app.services.expectations import Expectation
from app.services.log_fetching import BadAnswer, LogClient
from app.services.mirroring import (
    Forked,
    MirrorResult,
    NotProven,
    Settled,
    settle_policy,
    update_mirror,
)
from app.services.monitor_entries import Alarm, EntryWatch
from app.services.monitor_peers import Known, Peer, PeerSilent, Waiting, compare_with
from app.services.policy_files import PinnedPolicy
from ledger import read_checkpoint

COPY = "log"
STATE = "monitor.json"


class BadState(ServiceError):
    """The file of a monitor's state cannot be read."""


@dataclass(slots=True, kw_only=True)
class Look:
    """What one look at a log has found.

    Attributes:
        size: Entries of the log.
        checked: How many entries were checked by now; fewer where they are not given.
        alarms: In the order in which they were found.
        troubles: What could not be looked at.
        notes: What the reader has to know besides.
        on_trust: Whether the policy was taken from the log itself.
    """

    size: int = 0
    checked: int = 0
    alarms: list[Alarm] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    on_trust: bool = False


class Monitor:
    """Follows one log.

    Args:
        client: Asks the log.
        folder: For the copy and the state.
        given: The policy that the reader trusts; None: as ``settle_policy`` finds it.
        peers: Mirrors and witnesses.
        expectations: What owners of keys expect.
        processes: How many to spread signatures over.
        progress: Told (files done, files to fetch).

    Raises:
        BadState: The state was changed by somebody else.
    """

    def __init__(
        self,
        client: LogClient,
        folder: Path,
        *,
        given: PinnedPolicy | None = None,
        peers: Sequence[Peer] = (),
        expectations: Sequence[Expectation] = (),
        processes: int = 1,
        progress: Callable[[int, int], None] = lambda done, of: None,
    ) -> None:
        self._client, self._folder, self._given = client, folder, given
        self._peers, self._progress = peers, progress
        self._archive = Archive(folder / COPY)
        state = _read_state(folder / STATE)
        self._checked: int = state["checked"]
        self._ahead: dict[str, dict[str, str | int]] = state["ahead"]
        self._watch = EntryWatch(
            self._archive, expectations, processes, state["key_indexes"]
        )

    def look(self, now: datetime) -> Look:
        """Look at the log, its mirrors and its witnesses, once.

        Nothing that is wrong out there is raised: it is an alarm or a trouble.
        """
        found = Look()
        settled = self._update(found)
        if settled is None or not (self._archive.folder / "checkpoint").exists():
            found.checked = self._checked
            return found
        try:
            note = self._archive.read_checkpoint()
            known = Known(
                self._client,
                self._archive,
                read_checkpoint(note),
                note,
                settled.pinned,
            )
            found.size = known.head.size
            self._check_entries(found)
            self._compare(found, known, now)
        except BadArchive as error:
            found.troubles.append(f"the monitor's own copy is damaged: {error}")
        found.checked = self._checked
        return found

    def keep(self) -> None:
        """Keep how far the log was checked; called when the alarms have been told."""
        state = {
            "checked": self._checked,
            "key_indexes": self._watch.key_indexes,
            "ahead": self._ahead,
        }
        write_file(self._folder / STATE, json.dumps(state).encode())

    def _update(self, found: Look) -> Settled | None:
        """Bring the copy up to date; what went wrong goes into ``found``."""
        folder = self._archive.folder
        settled: Settled | None = None
        try:
            settled = settle_policy(self._client, folder, self._given)
            found.on_trust = settled.on_trust
            result = update_mirror(
                self._client, folder, settled, progress=self._progress
            )
            self._note_result(found, result)
        except NotProven as error:
            found.alarms.append(Alarm("unproven", str(error), evidence=error.evidence))
        except Forked as error:
            found.alarms.append(Alarm("fork", str(error), evidence=error.evidence))
        except BadAnswer as error:
            found.alarms.append(Alarm("answer", str(error)))
        except (ServiceError, OSError) as error:
            found.troubles.append(str(error))
        return settled

    def _note_result(self, found: Look, result: MirrorResult) -> None:
        found.notes += result.notes
        if not result.has_entries:
            found.notes.append(
                "entries are not read, so that who signed what is not checked: give a "
                "token of a mirror or an auditor"
            )

    def _check_entries(self, found: Look) -> None:
        if not self._archive.has_entries or self._checked >= found.size:
            return
        found.alarms += self._watch.check(self._checked, found.size)
        self._checked = found.size

    def _compare(self, found: Look, known: Known, now: datetime) -> None:
        waiting = Waiting(self._ahead)
        for peer in self._peers:
            try:
                size, alarms = compare_with(peer, known)
            except PeerSilent as error:
                found.troubles.append(str(error))
                continue
            found.alarms += alarms
            if size > known.head.size:
                found.notes.append(f"{peer.where} has seen {size} entries already")
            found.alarms += waiting.note(peer.where, size, known.head.size, now)


def _read_state(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {"checked": 0, "key_indexes": [], "ahead": {}}
    try:
        state = json.loads(path.read_bytes())
        checked, indexes = state["checked"], state["key_indexes"]
        if type(checked) is not int or not isinstance(state["ahead"], dict):
            raise ValueError("it is not as it was written")
        if not all(type(one) is int and 0 <= one < checked for one in indexes):
            raise ValueError("it names entries that were not checked")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadState(
            "{path}: {reason}; take it away to check everything anew",
            path=path,
            reason=error,
        ) from None
    return dict(state)
