"""Follow a log for those whom it concerns, and say what is wrong with it.

A look brings a verified copy up to date, checks the entries that are new, and compares
the log with what its mirrors and witnesses have seen of it. How far it was checked is
kept in a file beside the copy, and moves on only when the alarms have been told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from app.services.archive_reading import CHECKPOINT, Archive, BadArchive
from app.services.errors import ServiceError
from app.services.expectations import BadExpectations, Expectation, digest_of
from app.services.log_fetching import BadAnswer, LogClient
from app.services.mirroring import (
    Forked,
    MirrorResult,
    NotProven,
    QuorumMissing,
    Settled,
    settle_policy,
    update_mirror,
)
from app.services.monitor_entries import Alarm, EntryWatch
from app.services.monitor_peers import (
    Kind,
    Known,
    NothingLogged,
    Peer,
    PeerSilent,
    Waiting,
    compare_with,
)
from app.services.monitor_state import MonitorState, read_state, write_state
from ledger import LedgerError, read_checkpoint

COPY = "log"
STATE = "monitor.json"
GRACE = timedelta(minutes=10)


@dataclass(slots=True, kw_only=True)
class Look:
    """What one look at a log has found.

    Attributes:
        size: Entries of the log, as far as it is proven.
        checked: How many entries were checked by now; fewer where they are not given.
        alarms: In the order in which they were found.
        new_alarms: Those of them that the look before has not told.
        troubles: What could not be looked at.
        notes: What the reader has to know besides.
        on_trust: Whether the policy was taken from the log itself.
    """

    size: int = 0
    checked: int = 0
    alarms: list[Alarm] = field(default_factory=list)
    new_alarms: list[Alarm] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    on_trust: bool = False


def expect_nothing() -> Sequence[Expectation]:
    """No owner of a key is watched for."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """What a monitor looks at besides the log itself.

    Attributes:
        peers: Mirrors and witnesses.
        expectations: Reads what owners of keys expect, at every look.
        grace: How long others may be ahead of what the log shows.
        quiet_after: How long the log may stay as it is; None: for ever.
        processes: How many to spread signatures over.
    """

    peers: Sequence[Peer] = ()
    expectations: Callable[[], Sequence[Expectation]] = expect_nothing
    grace: timedelta = GRACE
    quiet_after: timedelta | None = None
    processes: int = 1


class Monitor:
    """Follows one log.

    Args:
        client: Asks the log.
        folder: For the copy and the state.
        settle: The policy that counts: ``settle_policy`` over the one that is given.
        watching: What to look at besides.
        progress: Told (files done, files to fetch).

    Raises:
        BadState: The state was changed by somebody else.
    """

    def __init__(
        self,
        client: LogClient,
        folder: Path,
        *,
        settle: Callable[[LogClient, Path], Settled] = lambda client, folder: (
            settle_policy(client, folder, None)
        ),
        watching: Watching | None = None,
        progress: Callable[[int, int], None] = lambda done, of: None,
    ) -> None:
        self._client, self._folder, self._settle = client, folder, settle
        self._watching, self._progress = watching or Watching(), progress
        self._archive = Archive(folder / COPY)
        self._state: MonitorState = read_state(folder / STATE)
        self._watch = EntryWatch(
            self._archive, self._watching.processes, self._state.key_indexes
        )
        self._witnesses: dict[str, Peer] = {}
        self._waiting = Waiting(self._state.ahead, self._watching.grace)

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()
        for peer in (*self._watching.peers, *self._witnesses.values()):
            peer.client.close()

    def look(self, now: datetime) -> Look:
        """Look at the log, its mirrors and its witnesses, once.

        Nothing that is wrong out there is raised: it is an alarm or a trouble.
        """
        found = Look()
        settled = self._update(found, now)
        try:
            if settled is not None and (self._archive.folder / CHECKPOINT).exists():
                self._look_closely(found, settled, now)
        except (BadArchive, LedgerError) as error:
            found.troubles.append(f"the monitor's own copy is damaged: {error}")
        except ServiceError as error:
            found.troubles.append(str(error))
        self._check_quiet(found, now)
        found.checked = self._state.checked
        told = set(self._state.told)
        found.new_alarms = [one for one in found.alarms if one.message not in told]
        return found

    def keep(self, found: Look) -> None:
        """Keep how far the log was checked; called when the alarms have been told."""
        told = {one.message for one in found.alarms}
        if found.troubles:
            told.update(self._state.told)  # what could not be seen may still stand
        self._state.told = sorted(told)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_state(self._folder / STATE, self._state)

    def _update(self, found: Look, now: datetime) -> Settled | None:
        """Bring the copy up to date; what went wrong goes into ``found``."""
        folder = self._archive.folder
        settled: Settled | None = None
        try:
            settled = self._settle(self._client, folder)
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
        except QuorumMissing as error:
            found.notes.append(str(error))
            self._owe(found, "witnesses", "the log", error.size, now)
        except (ServiceError, OSError) as error:
            found.troubles.append(str(error))
        return settled

    def _note_result(self, found: Look, result: MirrorResult) -> None:
        if result.served_size < result.size:
            message = (
                f"the log shows {result.served_size} entries, and has shown "
                f"{result.size} before"
            )
            found.alarms.append(Alarm("shrunk", message))
        else:
            found.notes += result.notes
        if not result.has_entries:
            found.notes.append(
                "entries are not read, so that who signed what is not checked: give a "
                "token of a mirror or an auditor"
            )

    def _look_closely(self, found: Look, settled: Settled, now: datetime) -> None:
        note = self._archive.read_checkpoint()
        head = read_checkpoint(note)
        found.size = head.size
        asks_log = not found.troubles  # else it need not be asked again
        if self._archive.has_entries:
            self._check_entries(found)
        elif self._watching.expectations is not expect_nothing:
            found.troubles.append("what you expect needs entries, and none are read")
        known = Known(self._client, self._archive, head, note, settled.pinned)
        if asks_log:
            self._compare(found, known, Peer(self._client, Kind.LOGGED), now)
        for peer in self._watching.peers:
            self._compare(found, known, peer, now)
        for peer in self._witnesses_of(settled):
            # They have to cosign; that they show it to others is a courtesy
            self._compare(found, known, peer, now, found.notes)

    def _check_entries(self, found: Look) -> None:
        state = self._state
        if state.checked < found.size:
            found.alarms += self._watch.check(state.checked, found.size)
            state.checked = found.size
        try:
            expectations = self._watching.expectations()
        except BadExpectations as error:
            found.troubles.append(str(error))
            return
        digest = digest_of(expectations)
        if digest != state.expected:
            state.expected, state.expected_to = digest, 0
        if state.expected_to < state.checked:
            if expectations:
                found.alarms += self._watch.surprises(
                    state.expected_to, state.checked, expectations
                )
            state.expected_to = state.checked

    def _witnesses_of(self, settled: Settled) -> list[Peer]:
        """Witnesses that the policy gives an address of, and nobody named."""
        named = {peer.client.url for peer in self._watching.peers}
        for one in settled.pinned.policy.witnesses:
            url = (one.url or "").rstrip("/")
            if url and url not in named and url not in self._witnesses:
                self._witnesses[url] = Peer(LogClient(url), Kind.WITNESS)
        return list(self._witnesses.values())

    def _compare(
        self,
        found: Look,
        known: Known,
        peer: Peer,
        now: datetime,
        silences: list[str] | None = None,
    ) -> None:
        """Compare with one of them; that it is silent goes to the troubles, or here."""
        size = 0
        try:
            size, alarms = compare_with(peer, known)
            found.alarms += alarms
        except NothingLogged:
            return
        except PeerSilent as error:
            (found.troubles if silences is None else silences).append(str(error))
        kind = "witnesses" if peer.kind is Kind.LOGGED else "hidden"
        self._owe(found, kind, peer.where, size, now)

    def _owe(
        self, found: Look, kind: str, where: str, seen: int, now: datetime
    ) -> None:
        """An alarm where the log does not show for too long what it has signed."""
        shown = found.size or self._shown()
        since = self._waiting.note(where, seen, shown, now)
        if since is None:
            return
        size, at = self._state.ahead[where]["size"], f"{since:%Y-%m-%d %H:%M} UTC"
        if kind == "witnesses":
            message = (
                f"since {at} the log has signed {size} entries, and the quorum of its "
                f"witnesses {shown}"
            )
        else:
            message = (
                f"since {at} {where} has seen {size} entries, and the log shows {shown}"
            )
        found.alarms.append(Alarm(kind, message))

    def _shown(self) -> int:
        """Entries of the copy; 0 where there is none yet."""
        try:
            return read_checkpoint(self._archive.read_checkpoint()).size
        except (BadArchive, LedgerError):
            return 0

    def _check_quiet(self, found: Look, now: datetime) -> None:
        state = self._state
        if state.grown_at is None or found.size > state.grown_to:
            state.grown_at, state.grown_to = now, max(found.size, state.grown_to)
        after = self._watching.quiet_after
        if after is not None and now - state.grown_at >= after:
            message = (
                f"no new checkpoint since {state.grown_at:%Y-%m-%d %H:%M} UTC, over "
                f"{state.grown_to} entries"
            )
            found.alarms.append(Alarm("quiet", message))
