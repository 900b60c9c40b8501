"""The codes of labels against the digests that the log holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import LabelCodeRow, LabelRow, entry_of
from app.services.differences import Difference

TABLE = "label_code"
BATCH = 1_000


def check_label_codes(session: Session) -> Iterator[Difference]:
    """Hash every code that is kept, and look for the label that it opens.

    A label without a code here is no difference: the codes of labels are no facts, and
    a rebuilt database has none. Cost: grows with the labels; memory does not.
    """
    rows = session.execute(
        select(LabelCodeRow.code_sha256, LabelCodeRow.code, LabelRow.id)
        .outerjoin(LabelRow, LabelRow.code_sha256 == LabelCodeRow.code_sha256)
        .order_by(LabelCodeRow.code_sha256)
        .execution_options(yield_per=BATCH)
    )
    for digest, code, label in rows:
        index = None if label is None else entry_of(label)
        row = f"code_sha256={digest.hex()}"
        if hashlib.sha256(code.encode()).digest() != digest:
            # The code itself opens a page and is not printed
            text = "the code that is kept is not the one that was issued"
            yield Difference(index, TABLE, "code", text, row=row)
        if label is None:
            text = "no entry issues such a label"
            yield Difference(None, TABLE, "code_sha256", text, row=row)
