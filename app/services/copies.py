"""The log against what is known of it outside, before anything is signed.

A database that was restored from an old backup looks sound in itself. Only what stands
elsewhere tells that it is behind: checkpoints that were published from here, exports,
mirrors, a static host, and witnesses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from app.services.checkpoints import check_signed
from app.services.errors import LogChanged, LogRolledBack, ServiceError
from app.services.log_fetching import LogClient
from app.services.published import Published, find_published
from ledger import LedgerError, Verifier, open_checkpoint

ADVICE = (
    "nothing is signed, so that the log does not fork. Take the missing entries back "
    "with 'remelt ledger recover --from DIR' (an export, or what 'remelt mirror' "
    "wrote), then start again"
)
CHANGED = (
    "nothing is signed on top of it. 'remelt ledger verify' names each difference; put "
    "a backup back, and take what came after it with 'remelt ledger recover'"
)


@dataclass(frozen=True, slots=True)
class CopyState:
    """What one copy says of the log.

    Attributes:
        where: Folder, file or address.
        size: Of its newest checkpoint; None where it cannot be read.
        error: Why not.
    """

    where: str
    size: int | None
    error: str = ""


def compare_copies(
    session: Session,
    data_dir: Path,
    log_vkey: str,
    copies: Sequence[str],
    open_client: Callable[[str], LogClient] = LogClient,
) -> list[CopyState]:
    """Insist that no copy that can be reached is ahead of the log, or another history.

    Args:
        session: One consistent view.
        data_dir: Where published checkpoints and exports are kept.
        log_vkey: Key of the log.
        copies: Folders and addresses that the operator names.
        open_client: Opens an address.

    Returns:
        Every copy that was asked; those that did not answer say why.

    Raises:
        LogRolledBack: A copy is ahead, or has another root.
        LogChanged: The entries do not give what was signed of them.
    """
    check_signed(session)
    states = []
    for one in find_published(data_dir, log_vkey):
        one.check_against(session)
        states.append(CopyState(str(one.where), one.size))
    for where in copies:
        try:
            found = _read_copy(where, log_vkey, open_client)
        except (ServiceError, LedgerError, OSError) as error:
            states.append(CopyState(where, None, str(error)))
            continue
        found.check_against(session)
        states.append(CopyState(where, found.size))
    return states


def _read_copy(
    where: str, log_vkey: str, open_client: Callable[[str], LogClient]
) -> Published:
    key = Verifier.parse(log_vkey)
    if "://" not in where:
        note = (Path(where) / "checkpoint").read_bytes()
    else:
        client = open_client(where)
        try:
            note = client.checkpoint()
        finally:
            client.close()
    found = open_checkpoint(note, [key], key.name)
    return Published(found.origin, found.size, found.root, Path(where))


def advice_for(error: LogRolledBack) -> str:
    """The reason, and what the operator does now."""
    advice = CHANGED if isinstance(error, LogChanged) else ADVICE
    return f"{error}: {advice}"
