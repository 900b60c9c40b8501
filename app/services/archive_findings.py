"""What a check of an archive finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ledger import PolicyOutcome

MAX_LISTED = 1000


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing in an archive that is not as it should be.

    Attributes:
        file: Path within the archive.
        place: Where in the file: a line, a hash, an entry, with its bytes; empty for
            the whole.
        entry_index: Which entry, where the fault is about one.
        message: What was found, in English.
    """

    file: str
    place: str
    entry_index: int | None
    message: str

    def to_text(self) -> str:
        """The fault in one line."""
        where = f"{self.file}, {self.place}" if self.place else self.file
        return f"{where}: {self.message}"


@dataclass(slots=True)
class Findings:
    """Faults in the order in which they were found, the first 1,000 of them.

    Attributes:
        listed: Those that are listed.
        count: How many there were.
    """

    listed: list[Fault] = field(default_factory=list)
    count: int = 0

    def add(self, fault: Fault) -> None:
        """Keep a fault."""
        self.count += 1
        if len(self.listed) < MAX_LISTED:
            self.listed.append(fault)

    def extend(self, faults: Iterable[Fault]) -> None:
        """Keep several."""
        for fault in faults:
            self.add(fault)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveReport:
    """What was checked of an archive.

    Attributes:
        size: Of the checkpoint; 0 where there is none that counts.
        outcome: What the checkpoint is worth; None when it is worth nothing.
        genesis: Leaf hash of entry 0 that it was checked against, hexadecimal.
        hashes: Leaf hashes that lead to the checkpoint's root.
        entries: Entries that were checked; 0 where hashes only are kept.
        faults: The first 1,000.
        fault_count: All of them.
        notes: What the reader has to know besides.
    """

    size: int
    outcome: PolicyOutcome | None
    genesis: str | None
    hashes: int
    entries: int
    faults: tuple[Fault, ...]
    fault_count: int
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return self.fault_count == 0
