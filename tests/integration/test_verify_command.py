"""``remelt verify``: offline, without database or settings, check by check."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli.verify import WORDS, cli
from app.queries.facts import Reader
from app.services.archive import policy_text
from app.services.bundles import BundleKind, plan_bundle, write_bundle
from app.services.claim_composing import withdraw_claim
from app.services.fact_ids import new_fact_id
from ledger import leaf_hash
from tests.labelled import SMELTER, Labelled, grow_chain, labelled_claim, person
from tests.world import World

ROOT = Path(__file__).resolve().parent.parent.parent
MAIN = "from app.console import main; main()"
EVERYTHING = Reader(everything=True)
Document = dict[str, Any]


@pytest.fixture
def chain(world: World) -> World:
    """The golden chain up to its profile."""
    grow_chain(world)
    return world


@pytest.fixture
def claimed(chain: World) -> Labelled:
    """A label for a claim on the profile, under a checkpoint."""
    made = labelled_claim(chain)
    chain.checkpoint()
    return made


def bundle_text(world: World, code: str, kind: BundleKind = "public") -> str:
    with world.reading() as session:
        plan = plan_bundle(session, code, kind, EVERYTHING)
        assert plan is not None
        return "".join(write_bundle(session, plan))


def files(world: World, folder: Path, text: str) -> list[str]:
    """The bundle and the policy as files; gives the arguments."""
    (folder / "bundle.json").write_text(text, "utf-8")
    with world.reading() as session:
        (folder / "policy").write_text(policy_text(session), "utf-8")
    return [str(folder / "bundle.json"), "--policy", str(folder / "policy")]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


@pytest.mark.parametrize("kind", ["public", "full"])
def test_a_good_bundle_holds_check_by_check_in_words(
    chain: World, claimed: Labelled, tmp_path: Path, kind: BundleKind
) -> None:
    arguments = files(chain, tmp_path, bundle_text(chain, claimed.code, kind))

    result = run(*arguments)

    assert result.exit_code == 0, result.output
    for words in WORDS.values():
        assert f"holds   {words}" in result.output
    assert "the genesis that you know" in result.output
    assert "87.2188 % of the metal in 15000000 g" in result.output
    assert "kept by the platform" in result.output


def test_the_report_is_json_where_a_program_reads_it(
    chain: World, claimed: Labelled, tmp_path: Path
) -> None:
    arguments = files(chain, tmp_path, bundle_text(chain, claimed.code))

    report = json.loads(run(*arguments, "--json").output)

    assert report["passed"] is True
    assert report["ended"] is None
    assert [check["name"] for check in report["checks"]] == list(WORDS)
    assert report["claim"]["share_ppm"] == 872_188
    assert report["held_by"] == "platform"


def test_it_needs_no_database_and_no_setting(
    chain: World, claimed: Labelled, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    arguments = files(chain, away, bundle_text(chain, claimed.code))
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "REMELT_DATABASE_URL": "nothing://nowhere",
        "REMELT_BASE_URL": "no address",
    }

    done = subprocess.run(
        [sys.executable, "-c", MAIN, "verify", *arguments],
        cwd=away,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert "holds" in done.stdout
    written = sorted(path.name for path in away.iterdir())
    assert written == ["bundle.json", "policy"]


def entry_of(document: Document, fact_type: str) -> Document:
    return next(
        one
        for one in document["entries"]
        if f'"type":"{fact_type}"' in one.get("note", "")
    )


def forge_share(document: Document) -> None:
    entry = entry_of(document, "claim.issued")
    entry["note"] = entry["note"].replace("872188", "972188")


def forge_share_and_hash(document: Document) -> None:
    forge_share(document)
    entry = entry_of(document, "claim.issued")
    entry["leaf"] = leaf_hash(entry["note"].encode()).hex()


def swap_proofs(document: Document) -> None:
    one, other = document["entries"][1], document["entries"][2]
    one["proof"], other["proof"] = other["proof"], one["proof"]


def other_size(document: Document) -> None:
    lines = document["checkpoint"].split("\n")
    lines[1] = str(int(lines[1]) + 1)
    document["checkpoint"] = "\n".join(lines)


def drop_keys(document: Document) -> None:
    document["entries"] = [
        one for one in document["entries"] if '"type":"key.reg' not in str(one)
    ]


def drop_parents(document: Document) -> None:
    document["entries"] = [one for one in document["entries"] if "note" in one]


def other_claim(document: Document) -> None:
    document["subject"]["claim"] = "000000000000"


def other_policy(document: Document) -> None:
    document["policy"] = document["policy"].replace("quorum none", "quorum none\n#")
    document["policy"] = document["policy"].replace("log ", "log x", 1)


def other_genesis(document: Document) -> None:
    document["genesis"] = "00" * 32


@pytest.mark.parametrize(
    ("forge", "check"),
    [
        (forge_share, "entries"),
        (forge_share_and_hash, "inclusion"),
        (swap_proofs, "inclusion"),
        (other_size, "checkpoint"),
        (drop_keys, "keys"),
        (drop_parents, "parents"),
        (other_claim, "subject"),
        (other_policy, "policy"),
        (other_genesis, "genesis"),
    ],
)
def test_a_bundle_changed_at_one_place_fails_at_its_check(
    chain: World,
    claimed: Labelled,
    tmp_path: Path,
    forge: Callable[[Document], None],
    check: str,
) -> None:
    document: Document = json.loads(bundle_text(chain, claimed.code))
    forge(document)
    arguments = files(chain, tmp_path, json.dumps(document))

    result = run(*arguments)
    report = json.loads(run(*arguments, "--json").output)

    assert result.exit_code == 1
    assert f"FAILS   {WORDS[check]}" in result.output
    assert "believe nothing that it says" in result.output
    failed = {one["name"] for one in report["checks"] if not one["passed"]}
    assert check in failed
    assert (report["passed"], report["claim"]) == (False, None)


def test_another_genesis_than_the_pinned_one_is_refused(
    chain: World, claimed: Labelled, tmp_path: Path
) -> None:
    arguments = files(chain, tmp_path, bundle_text(chain, claimed.code))

    assert run(*arguments, "--genesis", chain.root.leaf_hash).exit_code == 0
    wrong = run(*arguments, "--genesis", "11" * 32)
    assert wrong.exit_code == 1
    assert "is not the one that you know" in wrong.output
    assert run(*arguments, "--genesis", "xyz").exit_code == 2


def test_a_withdrawal_in_the_bundle_is_a_negative_answer(
    chain: World, claimed: Labelled, tmp_path: Path
) -> None:
    withdraw_claim(
        chain.doors,
        chain.keyring,
        person(chain, SMELTER),
        claim=claimed.claim or "",
        reason="客户退货",
        fact_id=new_fact_id(chain.now),
        now=chain.now,
    )
    chain.checkpoint()
    arguments = files(chain, tmp_path, bundle_text(chain, claimed.code))

    result = run(*arguments)

    assert result.exit_code == 1
    assert "FAILS" not in result.output
    assert "the claim was withdrawn at entry" in result.output
    assert "客户退货" in result.output


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 1}', "no json"])
def test_what_is_no_bundle_is_refused(
    chain: World, claimed: Labelled, tmp_path: Path, text: str
) -> None:
    result = run(*files(chain, tmp_path, text))

    assert result.exit_code == 1
    assert "no bundle that can be checked" in result.output


def test_what_is_no_policy_is_a_wrong_call(
    chain: World, claimed: Labelled, tmp_path: Path
) -> None:
    arguments = files(chain, tmp_path, bundle_text(chain, claimed.code))
    (tmp_path / "policy").write_text("trust me\n")

    result = run(*arguments)

    assert result.exit_code == 2
    assert "line 1" in result.output
