"""What the page behind a label says, in words: verdicts, causes, checks, stages."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

WORDS = {
    "valid": _l("Valid"),
    "corrected": _l("Corrected"),
    "revoked": _l("Revoked"),
    "pending": _l("Cannot be verified"),
    "no_claim": _l("No claim"),
    "unverifiable": _l("Cannot be verified"),
}
SENTENCES = {
    "valid": _l("The claim behind this label is in force. Every check below holds."),
    "corrected": _l(
        "Facts behind this claim were corrected after it was made. Use the new value."
    ),
    "pending": _l(
        "This was recorded a moment ago and is not yet under a signed checkpoint. It "
        "will be within seconds: try again."
    ),
    "no_claim": _l(
        "This label names a lot. Nobody claims a recycled share with it, so none is "
        "shown."
    ),
    "unverifiable": _l(
        "A check failed. Do not rely on this label, and do not rely on any figure that "
        "is printed on it."
    ),
}
REVOKED = {
    "voided": _l("The label was declared void by the organisation that printed it."),
    "withdrawn": _l("The claim was withdrawn by the organisation that made it."),
    "taken_back": _l("The claim was taken back by a correction."),
    "consumed": _l(
        "The claimed metal went into another run, and the claim ended with it. What "
        "was made of it carries a claim of its own, if any."
    ),
    "expired": _l("The last day on which this claim held is over."),
    "lot_taken_back": _l("The record of the lot was taken back."),
}
CHECKS = {
    "checkpoint": _l("The state of the log is signed with the key of the log"),
    "entries": _l("The entries are unchanged: each has the hash that it had"),
    "inclusion": _l("The entries stand in the log under that signed state"),
    "signatures": _l("Each entry is signed with a key that was valid where it stands"),
    "figures": _l("What this page shows is what was signed, and the lot bears it"),
}
STAGES = {
    "sourced": _l("Collected"),
    "prepared": _l("Pre-processed"),
    "melted": _l("Melted, refined"),
    "formed": _l("Cast, worked"),
    "labelled": _l("Labelled"),
}
MODELS = {
    "segregated": _l("segregated"),
    "controlled_blending": _l("controlled blending"),
}
CLASSES = {
    "elv": _l("end-of-life vehicles"),
    "post": _l("other end-user scrap"),
    "pre": _l("pre-consumer"),
    "unknown": _l("origin not evidenced"),
    "primary": _l("primary"),
}
HELD_BY = {
    "organisation": _l("key kept by the organisation itself"),
    "platform": _l("key kept by this platform on its behalf"),
}
