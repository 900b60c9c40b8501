"""What can be wrong with a log, a proof, a note or an entry.

Each error carries a code, which other programs may rely on: verifiers in other
languages give the same. The message is for people, and may change.
"""

from __future__ import annotations

from ledger.error_codes import CODES


class LedgerError(Exception):
    """Root of every error of this package.

    Attributes:
        code: One of ``CODES``; each kind of error has one that is taken where no
            closer one is given.
    """

    code = "ledger.refused"

    def __init__(self, message: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code

    @property
    def meaning(self) -> str:
        """What the code says, in English, without the place."""
        return CODES[self.code]


class NotCanonical(LedgerError):
    """A value, or its bytes, is not in the one accepted form."""

    code = "canonical.refused"


class MalformedNote(LedgerError):
    """The bytes are no signed note (C2SP signed-note)."""

    code = "note.malformed"


class MalformedEntry(LedgerError):
    """A note is no entry of this log."""

    code = "entry.malformed"


class MalformedTile(LedgerError):
    """A tile, a bundle of entries or the name of one is not as C2SP tlog-tiles says."""

    code = "tile.malformed"


class BadSignature(LedgerError):
    """A signature is missing, does not verify, or comes from an unknown key."""

    code = "signature.bad"


class WeakKey(LedgerError):
    """A public key of low order or not in its canonical form."""

    code = "key.weak"


class ProofFailed(LedgerError):
    """An inclusion or consistency proof does not show what it should."""

    code = "proof.failed"


class MalformedProof(LedgerError):
    """The text is no tlog-proof file."""

    code = "proof_file.malformed"


class BrokenHistory(LedgerError):
    """A fact about organisations or keys does not fit those before it."""

    code = "history.broken"


class MalformedMessage(LedgerError):
    """The bytes are no message between a log and a witness (C2SP tlog-witness)."""

    code = "message.malformed"


class MalformedPolicy(LedgerError):
    """The text is no tlog-policy."""

    code = "policy.malformed"


class MalformedBundle(LedgerError):
    """The document is no bundle that can be checked."""

    code = "bundle.malformed"
