"""What can be wrong with a log, a proof, a note or an entry."""


class LedgerError(Exception):
    """Root of every error of this package."""


class NotCanonical(LedgerError):
    """A value, or its bytes, is not in the one accepted form."""


class MalformedNote(LedgerError):
    """The bytes are no signed note (C2SP signed-note)."""


class MalformedEntry(LedgerError):
    """A note is no entry of this log."""


class MalformedTile(LedgerError):
    """A tile, a bundle of entries or the name of one is not as C2SP tlog-tiles says."""


class BadSignature(LedgerError):
    """A signature is missing, does not verify, or comes from an unknown key."""


class WeakKey(LedgerError):
    """A public key of low order or not in its canonical form."""


class ProofFailed(LedgerError):
    """An inclusion or consistency proof does not show what it should."""


class MalformedProof(LedgerError):
    """The text is no tlog-proof file."""


class BrokenHistory(LedgerError):
    """A fact about organisations or keys does not fit those before it."""


class MalformedMessage(LedgerError):
    """The bytes are no message between a log and a witness (C2SP tlog-witness)."""


class MalformedPolicy(LedgerError):
    """The text is no tlog-policy."""


class MalformedBundle(LedgerError):
    """The document is no bundle that can be checked."""
