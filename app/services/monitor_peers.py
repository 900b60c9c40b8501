"""Compare a log with what its mirrors and witnesses have seen of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.services.archive_reading import Archive, BadArchive
from app.services.errors import ServiceError
from app.services.log_fetching import LogClient
from app.services.mirroring import Forked, NotProven, compare_checkpoints
from app.services.monitor_entries import Alarm
from app.services.policy_files import PinnedPolicy
from ledger import (
    Checkpoint,
    LedgerError,
    TileReader,
    open_note,
    parse_checkpoint_text,
)
from ledger.fork import Side
from ledger.note import MAX_NOTE_SIZE
from ledger.witnessing import monitoring_path

GRACE = timedelta(minutes=10)
"""How long others may be ahead of what the log shows: witnessing takes its time."""


class PeerSilent(ServiceError):
    """A mirror or witness gives no checkpoint of this log."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody who has seen the log.

    Attributes:
        client: Asks it.
        is_witness: Whether it shows what it cosigned, rather than a copy of the log.
    """

    client: LogClient
    is_witness: bool

    @property
    def where(self) -> str:
        """In words."""
        return f"{'witness' if self.is_witness else 'mirror'} {self.client.url}"

    def fetch(self, origin: str) -> bytes:
        """The newest checkpoint that it shows.

        Raises:
            ServiceError: It shows none.
        """
        if self.is_witness:
            path = monitoring_path(origin).removeprefix("/")
            return self.client.get(path, MAX_NOTE_SIZE)
        return self.client.checkpoint()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the log itself.

    Attributes:
        client: Asks the log.
        archive: The verified copy.
        head: Its checkpoint.
        note: The same, as signed.
        pinned: The policy.
    """

    client: LogClient
    archive: Archive
    head: Checkpoint
    note: bytes
    pinned: PinnedPolicy


def seen_by(peer: Peer, known: Known) -> tuple[Checkpoint, bytes]:
    """The checkpoint of the log that a peer shows, signed by the log.

    Raises:
        PeerSilent: It shows none, or one of something else.
    """
    try:
        note = peer.fetch(known.head.origin)
        opened = open_note(note, [one.key for one in known.pinned.policy.logs])
        head = parse_checkpoint_text(opened.text)
    except (ServiceError, LedgerError) as error:
        raise PeerSilent("{where}: {reason}", where=peer.where, reason=error) from None
    if head.origin != known.head.origin:
        raise PeerSilent("{where} is of another log", where=peer.where)
    return head, note


def compare_with(peer: Peer, known: Known) -> tuple[int, list[Alarm]]:
    """(size that a peer has seen, alarms) after comparing it with the log.

    Raises:
        PeerSilent: It shows no checkpoint of the log.
    """
    head, note = seen_by(peer, known)
    theirs = (head, Side(note, peer.where))
    ours = (known.head, Side(known.note, known.client.url))
    older, newer = (theirs, ours) if head.size <= known.head.size else (ours, theirs)
    doubt: NotProven | None = None
    for tiles in _tiles_of(peer, known, ahead=head.size > known.head.size):
        try:
            compare_checkpoints(older, newer, tiles, known.pinned.text)
        except NotProven as error:
            doubt = error
        except Forked as error:
            return head.size, [Alarm("fork", str(error), evidence=error.evidence)]
        except (ServiceError, BadArchive):
            continue  # the next may have the tiles
        else:
            return head.size, []
    if doubt is None:
        return head.size, []  # ahead, and nobody shows the tiles yet: told in time
    return head.size, [Alarm("unproven", str(doubt), evidence=doubt.evidence)]


def _tiles_of(peer: Peer, known: Known, *, ahead: bool) -> Iterator[TileReader]:
    """Where the tiles of the newer tree may be had; none of them is believed."""
    if not ahead:
        yield known.archive
        return
    if not peer.is_witness:
        yield peer.client
    yield known.client


class Waiting:
    """Who has seen more of the log than it shows, and since when."""

    def __init__(self, state: dict[str, dict[str, str | int]]) -> None:
        self._state = state

    def note(self, where: str, seen: int, shown: int, now: datetime) -> Iterator[Alarm]:
        """Take note of what somebody has seen; an alarm when it is too long ago."""
        since = self._state.get(where)
        if since is not None and shown >= int(since["size"]):
            since = None
        if since is None:
            self._state.pop(where, None)
            if seen > shown:
                self._state[where] = {"size": seen, "since": now.isoformat()}
            return
        began = datetime.fromisoformat(str(since["since"]))
        if now - began >= GRACE:
            yield Alarm(
                "hidden",
                f"{where} has seen the log over {since['size']} entries since "
                f"{began:%Y-%m-%d %H:%M} UTC, and the log shows {shown}",
            )
