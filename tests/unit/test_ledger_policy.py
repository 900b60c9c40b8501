"""Policies and cosignatures: who must have signed for a checkpoint to be believed."""

from __future__ import annotations

import pytest

from ledger import (
    BadSignature,
    Checkpoint,
    MalformedNote,
    MalformedPolicy,
    Policy,
    PolicyGroup,
    PolicyLog,
    PolicyWitness,
    SignatureLine,
    Signer,
    Verifier,
    WeakKey,
    Witness,
    WitnessKey,
    add_lines,
    evaluate_policy,
    format_policy,
    parse_policy,
    sign_checkpoint,
    sign_note,
)

LOG = Signer.from_bytes("example.org/log", bytes(32))
OTHER_LOG = Signer.from_bytes("example.org/other", bytes([9]) * 32)
WITNESSES = [Witness.from_bytes(f"w{n}.example", bytes([n]) * 32) for n in range(1, 7)]
X1, X2, X3, Y1, Y2, Y3 = WITNESSES
HEAD = Checkpoint("example.org/log", 42, bytes(range(32)))
NOTE = sign_checkpoint(HEAD, [LOG])
TIME = 1_679_315_147

TWO_LEVELS = f"""\
# Two of three X, and one Y

log {LOG.vkey}
\twitness X1 {X1.vkey}  https://x1.example/
witness X2 {X2.vkey}
  # a comment
witness 见证三 {X3.vkey}
group X-witnesses 2 X1 X2 见证三
witness Y1 {Y1.vkey}
witness Y2\t{Y2.vkey}
witness Y3 {Y3.vkey}
group Y-witnesses any Y1 Y2 Y3
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def cosigned(*witnesses: Witness) -> bytes:
    return add_lines(NOTE, [one.cosign(NOTE, TIME) for one in witnesses])


def test_a_cosignature_signs_time_and_checkpoint_as_the_specification_says() -> None:
    line = X1.cosign(NOTE, TIME)

    message = f"cosignature/v1\ntime {TIME}\n{HEAD.to_text()}".encode()
    Verifier("any", X1.key.public_key).verify(line.signature[8:], message)
    assert line.signature[:8] == TIME.to_bytes(8, "big")
    assert X1.key.verify(line, HEAD.to_text().encode()) == TIME
    assert WitnessKey.parse(X1.vkey).key_id == line.key_id
    assert X1.vkey.split("+")[2].startswith("B")  # the type byte is 4


def test_a_cosignature_covers_extension_lines() -> None:
    note = sign_note(HEAD.to_text() + "extension\n", [LOG])
    line = X1.cosign(note, TIME)

    assert X1.key.verify(line, (HEAD.to_text() + "extension\n").encode()) == TIME
    with pytest.raises(BadSignature):
        X1.key.verify(line, HEAD.to_text().encode())


def test_every_changed_byte_of_a_cosignature_is_noticed() -> None:
    line = X1.cosign(NOTE, TIME)
    text = HEAD.to_text().encode()

    for at in range(len(line.signature)):
        hurt = bytearray(line.signature)
        hurt[at] ^= 0x80
        with pytest.raises(BadSignature):
            X1.key.verify(SignatureLine(line.name, line.key_id, bytes(hurt)), text)
    for wrong in (line.signature[:-1], line.signature + b"\x00", line.signature[8:]):
        with pytest.raises(BadSignature, match="length"):
            X1.key.verify(SignatureLine(line.name, line.key_id, wrong), text)
    with pytest.raises(BadSignature, match="not by"):
        X2.key.verify(line, text)


def test_only_checkpoints_are_cosigned_and_only_at_a_possible_time() -> None:
    with pytest.raises(MalformedNote):
        X1.cosign(sign_note("no checkpoint\n", [LOG]), TIME)
    for time in (-1, 2**63):
        with pytest.raises(ValueError, match="no time"):
            X1.cosign(NOTE, time)


def test_a_log_key_is_no_witness_key_and_weak_keys_are_refused() -> None:
    with pytest.raises(MalformedNote):
        WitnessKey.parse(LOG.vkey)
    with pytest.raises(MalformedNote):
        Verifier.parse(X1.vkey)
    with pytest.raises(WeakKey):
        WitnessKey("weak", bytes(32))


def test_lines_are_added_once_each() -> None:
    line = X1.cosign(NOTE, TIME)

    assert add_lines(add_lines(NOTE, [line]), [line]) == add_lines(NOTE, [line])
    with pytest.raises(MalformedNote):
        add_lines(b"no note\n", [line])
    with pytest.raises(MalformedNote):
        add_lines(NOTE, [SignatureLine("w", bytes(4), bytes([n])) for n in range(100)])


@pytest.mark.parametrize(
    ("witnesses", "met"),
    [
        ([], False),
        ([X1, X2], False),
        ([X1, Y1], False),
        ([Y1, Y2, Y3], False),
        ([X1, X2, Y1], True),
        ([X2, X3, Y3], True),
        (WITNESSES, True),
    ],
)
def test_a_quorum_of_two_levels_is_counted(witnesses: list[Witness], met: bool) -> None:
    outcome = evaluate_policy(parse_policy(TWO_LEVELS), cosigned(*witnesses))

    assert outcome.checkpoint == HEAD
    assert outcome.satisfied is met
    assert outcome.grade == ("witnessed" if met else "logged")
    assert set(outcome.witnessed.values()) <= {TIME}
    assert len(outcome.witnessed) == len(witnesses)


def test_a_policy_without_quorum_asks_for_the_log_alone() -> None:
    outcome = evaluate_policy(parse_policy(f"log {LOG.vkey}\nquorum none\n"), NOTE)

    assert outcome.satisfied
    assert outcome.grade == "logged"


def test_the_quorum_may_be_one_witness() -> None:
    policy = parse_policy(f"log {LOG.vkey}\nwitness w {X1.vkey}\nquorum w\n")

    assert not evaluate_policy(policy, NOTE).satisfied
    assert not evaluate_policy(policy, cosigned(X2)).satisfied
    assert evaluate_policy(policy, cosigned(X1)).witnessed == {"w": TIME}


def test_two_cosignatures_by_one_witness_count_once_with_the_later_time() -> None:
    text = (
        f"log {LOG.vkey}\nwitness a {X1.vkey}\nwitness b {X2.vkey}\n"
        "group both all a b\nquorum both\n"
    )
    note = add_lines(NOTE, [X1.cosign(NOTE, TIME), X1.cosign(NOTE, TIME + 60)])

    outcome = evaluate_policy(parse_policy(text), note)

    assert outcome.witnessed == {"a": TIME + 60}
    assert not outcome.satisfied


def test_a_known_witness_with_a_bad_cosignature_condemns_the_checkpoint() -> None:
    policy = parse_policy(TWO_LEVELS)
    bad = SignatureLine(Y2.key.name, Y2.key.key_id, bytes(72))

    with pytest.raises(BadSignature, match=r"w5\.example"):
        evaluate_policy(policy, add_lines(cosigned(X1, X2, Y1), [bad]))


def test_a_checkpoint_must_be_signed_by_a_log_of_the_policy_under_its_own_name() -> (
    None
):
    policy = parse_policy(f"log {LOG.vkey}\nlog {OTHER_LOG.vkey}\nquorum none\n")

    with pytest.raises(BadSignature, match="no known key"):
        evaluate_policy(parse_policy("quorum none\n"), NOTE)
    with pytest.raises(BadSignature, match="signed by example"):
        evaluate_policy(policy, sign_checkpoint(HEAD, [OTHER_LOG]))
    assert evaluate_policy(policy, NOTE).checkpoint == HEAD


def test_a_policy_is_read_back_from_the_text_that_it_writes() -> None:
    policy = parse_policy(TWO_LEVELS)

    assert parse_policy(format_policy(policy)) == policy
    assert policy.groups[0] == PolicyGroup("X-witnesses", 2, ("X1", "X2", "见证三"))
    assert policy.groups[1].threshold == 1
    assert policy.groups[2].threshold == 2
    assert policy.witnesses[0].url == "https://x1.example/"


W = f"witness a {X1.vkey}\nwitness b {X2.vkey}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n",
        W,
        W + "quorum\n",
        W + "quorum a b\n",
        W + "quorum c\n",
        W + "quorum a\nquorum a\n",
        "quorum none\nquorum none\n",
        "quorum a\n" + W,
        "group g any a\n" + W + "quorum g\n",
        W + "group g any\nquorum g\n",
        W + "group g 0 a b\nquorum g\n",
        W + "group g 3 a b\nquorum g\n",
        W + "group g 01 a b\nquorum g\n",
        W + "group g +1 a b\nquorum g\n",
        W + "group g ١ a b\nquorum g\n",
        W + "group g some a b\nquorum g\n",
        W + "group g any a a\nquorum g\n",
        W + "group g any a none\nquorum g\n",
        W + "group g any g\nquorum g\n",
        W + "group a any b\nquorum a\n",
        W + "group none any b\nquorum none\n",
        W + "group g any a\ngroup h any a\nquorum g\n",
        W + f"witness c {X1.vkey}\nquorum a\n",
        W + f"witness c {Witness.from_bytes('new', bytes([1]) * 32).vkey}\nquorum a\n",
        W + f"witness a {X3.vkey}\nquorum a\n",
        W + f"witness none {X3.vkey}\nquorum a\n",
        W + f"witness c {LOG.vkey}\nquorum a\n",
        W + f"witness c {X3.vkey} url more\nquorum a\n",
        f"log {LOG.vkey}\nlog {LOG.vkey}\nquorum none\n",
        f"log {X1.vkey}\nquorum none\n",
        "log\nquorum none\n",
        "log key\nquorum none\n",
        f"log {LOG.vkey} url more\nquorum none\n",
        "Quorum none\n",
        "quorum none\r\n",
        "quorum none\x00\n",
        "quorum\u00a0none\n",
        "quorum none\x7f\n",
        "later none\nquorum none\n",
        "#" * 1_000_001,
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(MalformedPolicy):
        parse_policy(text)


def test_a_fault_names_its_line() -> None:
    with pytest.raises(MalformedPolicy, match="line 3: the name c is not defined"):
        parse_policy(W + "quorum c\n")


def test_a_policy_of_many_logs_witnesses_and_groups_is_read() -> None:
    lines = []
    for n in range(64):
        seed = n.to_bytes(32, "big")
        lines.append(f"log {Signer.from_bytes(f'log{n}', seed).vkey}")
        lines.append(f"witness w{n} {Witness.from_bytes(f'w{n}', seed).vkey}")
        lines.append(f"group g{n} any w{n}")
    members = " ".join(f"g{n}" for n in range(64))

    policy = parse_policy("\n".join([*lines, f"group g 64 {members}", "quorum g"]))

    assert (len(policy.logs), len(policy.witnesses), len(policy.groups)) == (64, 64, 65)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Policy((PolicyLog("no key"),)),
        lambda: Policy((PolicyLog(LOG.vkey, "two words"),)),
        lambda: Policy((), (PolicyWitness("two\nlines", X1.vkey),)),
        lambda: Policy((), (PolicyWitness("", X1.vkey),)),
        lambda: Policy((), (PolicyWitness("a", X1.vkey),), (), "b"),
        lambda: Policy(
            (), (PolicyWitness("a", X1.vkey),), (PolicyGroup("g", 2, ("a",)),)
        ),
        lambda: Policy((), (), (PolicyGroup("g", 1, ("a",)),)),
    ],
)
def test_a_policy_that_could_not_be_read_back_cannot_be_made(make: object) -> None:
    assert callable(make)
    with pytest.raises(MalformedPolicy):
        make()
