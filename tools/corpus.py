"""The corpus that every verifier is held to: ``python -m tools.corpus``.

Writes ``tests/known_answers/verifier_corpus.json``: good and corrupted bundles, notes,
checkpoints, proofs, policies, entries, key histories, keys and signatures, each with
the answer that it must get (``tools.corpus_case`` says in which form). The same bytes
come out each time.
"""

from __future__ import annotations

import json
from pathlib import Path

from tools.corpus_bundles import add_bundles
from tools.corpus_case import Corpus
from tools.corpus_entries import add_entries
from tools.corpus_histories import add_histories
from tools.corpus_logs import add_logs
from tools.corpus_notes import add_notes
from tools.corpus_policies import add_policies
from tools.corpus_proofs import add_proofs

TARGET = (
    Path(__file__).resolve().parent.parent
    / "tests"
    / "known_answers"
    / "verifier_corpus.json"
)
FORMAT = "remelt/verifier-corpus@v1"
PARTS = (
    add_policies,
    add_notes,
    add_proofs,
    add_entries,
    add_histories,
    add_bundles,
    add_logs,
)
"""In this order: policies and whole bundles come before what is a change of them."""


def corpus_text() -> str:
    """The whole corpus, a case on a line.

    Raises:
        ValueError: Our verifier answers a case otherwise than its author expects, or
            two cases have one name.
    """
    corpus = Corpus()
    for add in PARTS:
        add(corpus)
    if corpus.faults:
        raise ValueError("\n".join(corpus.faults))
    names = [case["name"] for case in corpus.cases]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two cases have one name: {twice}")
    lines = [json.dumps(case, ensure_ascii=False) for case in corpus.cases]
    texts = json.dumps(corpus.texts, ensure_ascii=False, indent=1)
    cases = ",\n".join(lines)
    return f'{{\n"format": "{FORMAT}",\n"texts": {texts},\n"cases": [\n{cases}\n]\n}}\n'


def main() -> None:
    """Write the file."""
    TARGET.write_text(corpus_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
