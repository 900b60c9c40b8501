"""Compare a log with what its mirrors and witnesses have seen of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.services.archive_reading import Archive, BadArchive
from app.services.errors import ServiceError
from app.services.log_fetching import LogClient, NotServed
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

LOGGED = "checkpoint/logged"


class PeerSilent(ServiceError):
    """A mirror or witness gives no checkpoint of this log."""


class NothingLogged(PeerSilent):
    """A host of plain files shows one checkpoint only."""


class Kind(StrEnum):
    """Where a checkpoint may be met."""

    LOGGED = "newest checkpoint, cosigned or not, of"
    MIRROR = "mirror"
    WITNESS = "witness"


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody who has seen the log.

    Attributes:
        client: Asks it.
        kind: Whether it keeps a copy of the log, or shows what it cosigned, or is the
            log itself, which shows what it has signed and nobody cosigned yet.
    """

    client: LogClient
    kind: Kind

    @property
    def where(self) -> str:
        """In words."""
        return f"{self.kind} {self.client.url}"

    def fetch(self, origin: str) -> bytes:
        """The newest checkpoint that it shows.

        Raises:
            ServiceError: It shows none.
        """
        match self.kind:
            case Kind.LOGGED:
                return self.client.get(LOGGED, MAX_NOTE_SIZE)
            case Kind.WITNESS:
                path = monitoring_path(origin).removeprefix("/")
                return self.client.get(path, MAX_NOTE_SIZE)
            case Kind.MIRROR:
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
    except NotServed as error:
        silent = NothingLogged if peer.kind is Kind.LOGGED else PeerSilent
        raise silent("{where}: {reason}", where=peer.where, reason=error) from None
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
    if not head.size:
        return 0, []  # seen before its first entry
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
    if peer.kind is Kind.MIRROR:
        yield peer.client
    yield known.client


class Waiting:
    """Who has seen more of the log than it shows, and since when.

    Args:
        state: What was kept of it; changed in place.
        grace: How long others may be ahead: witnessing takes its time.
    """

    def __init__(
        self, state: dict[str, dict[str, str | int]], grace: timedelta
    ) -> None:
        self._state, self._grace = state, grace

    def note(self, where: str, seen: int, shown: int, now: datetime) -> datetime | None:
        """Take note of what somebody has seen.

        Args:
            where: Who.
            seen: Entries that it has seen; 0 where it says nothing now.
            shown: Entries that the log shows.
            now: The time.

        Returns:
            Since when the log owes what was seen; None where it does not, or not yet
            for too long.
        """
        since = self._state.get(where)
        if since is not None and shown >= int(since["size"]):
            del self._state[where]
            since = None
        if since is None:
            if seen <= shown:
                return None
            since = self._state[where] = {"size": seen, "since": now.isoformat()}
        began = datetime.fromisoformat(str(since["since"]))
        return began if now - began >= self._grace else None
