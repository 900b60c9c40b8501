"""Policies of the shared corpus."""

from __future__ import annotations

import base64

from ledger import format_policy
from tests.small_log import LOG_KEY, POLICY, REGISTRAR, WITNESS
from tools.corpus_case import Corpus
from tools.corpus_notes import LOW_ORDER
from tools.corpus_proofs import THREE


def add_policies(corpus: Corpus) -> None:
    """The policies that other cases are checked under, and broken ones."""
    log, witness = f"log {LOG_KEY.vkey}", f"witness w1 {WITNESS.vkey}"
    members = [f"witness w{n} {one.vkey}" for n, one in enumerate(THREE)]
    three = "\n".join([log, *members, "group g 2 w0 w1 w2", "quorum g", ""])
    corpus.texts["policy"] = format_policy(POLICY)
    corpus.texts["policy_alone"] = f"{log}\nquorum none\n"
    corpus.texts["policy_other"] = f"log {REGISTRAR.vkey}\nquorum none\n"
    corpus.texts["policy_groups"] = three

    def add(what: str, *lines: str, must: str | None = "policy.malformed") -> None:
        corpus.add("policy", what, "\n".join(lines), must, of="policy")

    nested_groups = [
        "group a any w0",
        "group b all w1 w2",
        "group c 2 a b",
        "quorum c",
    ]
    for what, lines in {
        "good": corpus.texts["policy"].split("\n"),
        "of one log": [log, "quorum none"],
        "with comments": ["# genesis " + "00" * 32, "", log, "  # more", "quorum none"],
        "tabs and spaces": [
            f"\t log\t {LOG_KEY.vkey}  https://example.org ",
            "quorum none",
        ],
        "no log": ["quorum none"],
        "two logs": [log, f"log {REGISTRAR.vkey}", "quorum none"],
        "three witnesses": three.split("\n"),
        "groups of groups": [log, *members, *nested_groups],
        "a quorum before the logs": [witness, "quorum w1", log],
        "a Chinese name": [log, f"witness 示例 {WITNESS.vkey}", "quorum 示例"],
    }.items():
        add(what, *lines, must=None)
    for what, lines in {
        "an unknown line": [log, "mirror x", "quorum none"],
        "a line with too many words": [f"{log} https://a https://b", "quorum none"],
        "a log without key": ["log", "quorum none"],
        "a witness without key": [log, "witness w1", "quorum none"],
        "a group without members": [log, witness, "group g 1", "quorum none"],
        "two names of a quorum": [log, witness, "quorum w1 w1"],
        "capitals": [log.replace("log", "LOG"), "quorum none"],
        "a carriage return": [f"{log}\r", "quorum none"],
        "a NUL": [f"{log}\0", "quorum none"],
        "DEL": [f"{log}\x7f", "quorum none"],
        "JSON": ["{}"],
    }.items():
        add(what, *lines)
    for what, lines in {
        "empty": [""],
        "no quorum": [log],
        "two quorums": [log, "quorum none", "quorum none"],
    }.items():
        add(what, *lines, must="policy.quorum")
    for what, lines in {
        "an unknown quorum": [log, "quorum w1"],
        "a quorum defined below": [log, "quorum w1", witness],
        "a group of strangers": [log, "group g 1 w1", "quorum g"],
        "a group of itself": [log, witness, "group g 1 w1 g", "quorum g"],
        "a group of none": [log, witness, "group g 1 w1 none", "quorum g"],
    }.items():
        add(what, *lines, must="policy.name")
    for what, lines in {
        "a log twice": [log, log, "quorum none"],
        "a name twice": [log, witness, members[1], "quorum w1"],
        "a key twice": [log, witness, witness.replace("w1", "w2", 1), "quorum w1"],
        "a witness called none": [log, witness.replace("w1", "none", 1), "quorum none"],
        "a group named as a witness": [log, witness, "group w1 1 w1", "quorum w1"],
        "a member twice": [log, *members, "group g 1 w0 w0", "quorum g"],
        "a member of two groups": [
            log,
            *members,
            "group g 1 w0 w1",
            "group h 1 w1 w2",
            "quorum g",
        ],
    }.items():
        add(what, *lines, must="policy.duplicate")
    for threshold in ("0", "4", "-1", "1.0", "x", "01", "ANY", "10000", "２"):
        lines = [log, *members, f"group g {threshold} w0 w1 w2", "quorum g"]
        add(f"a threshold of {threshold}", *lines, must="policy.threshold")
    _add_policy_keys(corpus, log, witness)


def _add_policy_keys(corpus: Corpus, log: str, witness: str) -> None:
    weak = LOW_ORDER[2]
    encoded = base64.b64encode(b"\x01" + bytes.fromhex(weak)).decode()
    for what, lines in {
        "a witness as a log": [f"log {WITNESS.vkey}", "quorum none"],
        "a log as a witness": [log, f"witness w1 {LOG_KEY.vkey}", "quorum none"],
        "a key cut off": [log[:-1], "quorum none"],
        "a key of another ID": [log.replace(LOG_KEY.name, "x"), "quorum none"],
        "a weak key": [f"log x+00000000+{encoded}", "quorum none"],
        "a witness's key cut off": [log, witness[:-4], "quorum w1"],
    }.items():
        corpus.add("policy", what, "\n".join(lines), "policy.key", of="policy")
