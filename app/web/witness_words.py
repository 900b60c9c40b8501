"""What the pages say of witnesses: how each last answered, and what it weighs."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

STATE_WORDS = {
    "cosigned": _l("has cosigned"),
    "refused": _l("refused the last checkpoint"),
    "unreachable": _l("did not answer"),
    "garbled": _l("answered what nobody can read"),
    "ahead": _l("has seen more than this log has signed"),
    "forked": _l("has seen another history under this log’s key"),
    "unasked": _l("not asked yet"),
}
STATE_TONES = {
    "cosigned": "ok",
    "refused": "warn",
    "unreachable": "warn",
    "garbled": "warn",
    "ahead": "bad",
    "forked": "bad",
}
STANDING_WORDS = {
    "required": _l("required"),
    "counts": _l("counts, others can stand in"),
    "optional": _l("optional"),
}
