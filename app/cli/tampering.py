"""``remelt demo tamper``: change one weight three ways, and see who notices.

All of it happens on a log that is made for it and thrown away: real processes, real
files, the same commands that operators, buyers and auditors use.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click

from app.cli.database import read_log_key
from app.cli.stage import Said, Stage, StageFailed, fetch, free_port, wait_for_line
from app.db import open_engine, session_makers
from app.schema import upgrade
from app.services.keys import KeyRing
from app.services.tampering import Weight, find_weight, forge_log
from ledger import (
    Policy,
    PolicyLog,
    PolicyWitness,
    Verifier,
    format_policy,
    open_checkpoint,
)

LOTS = 1000
ADDED_G = 10_000_000
WITNESS = "witness.example"
UNSEEN = """
What would have gone unseen: a history signed anew that nobody outside had seen before.
Run a witness, keep a mirror, keep the proofs that you are given: each one ends that.
Keys that organisations hold themselves end it, too: nobody signs anew for them."""
UNDER_WEIGHT = "UPDATE lot SET net_g = net_g + ? WHERE code = ?"


@click.command("tamper")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep everything in this new folder; without it, it is thrown away.",
)
def tamper(out: Path | None) -> None:
    """Change one weight in a log made for it, and show who notices, where and how.

    Three scenes: a row of a table; an entry and all hashes above it; the whole history
    signed anew with every key that the operator has. Needs no set-up, takes about a
    minute, and touches no other log.

    Exit status: 0 if each was noticed by everybody who should; 1 if not.
    """
    if out is None:
        with tempfile.TemporaryDirectory(prefix="remelt-tamper-") as folder:
            missed = _play(Path(folder))
    else:
        if out.exists() and any(out.iterdir()):
            raise click.BadParameter("is not empty", param_hint="--out")
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        missed = _play(out.absolute())
        click.echo(f"Everything is kept in {out}.")
    if missed:
        sys.exit(1)


@dataclass(slots=True)
class _Play:
    """The folder, the honest log, and what was noticed."""

    folder: Path
    honest: Stage
    witness_url: str
    noticed: list[tuple[str, bool]] = field(default_factory=list)
    label: str = ""
    weight: Weight | None = None

    @property
    def policy(self) -> Path:
        """The policy as the buyer had it with the label."""
        return self.folder / "buyer" / "policy"

    @property
    def bundle(self) -> Path:
        """The proof that the buyer took."""
        return self.folder / "buyer" / "label.json"

    @property
    def copy(self) -> Path:
        """The auditor's mirror."""
        return self.folder / "auditor"

    def note(self, who: str, noticed: bool) -> None:
        """Say whether somebody noticed; the last page counts these."""
        self.noticed.append((who, noticed))
        mark = "✓" if noticed else "✕ NOT NOTICED:"
        click.secho(f"    {mark} {who}", bold=True)

    def stage(self, name: str) -> Stage:
        """A copy of the honest server's data directory, to be spoilt."""
        made = Stage(self.folder / name, self.honest.base_url)
        shutil.copytree(self.honest.data_dir, made.data_dir)
        return made


def _play(folder: Path) -> bool:
    """All scenes; gives whether somebody missed something."""
    url, witness_url = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    play = _Play(folder, Stage(folder / "server", url), witness_url)
    _title("An honest log")
    _found(play)
    with _witness(play):
        _witnessed(play)
        _scene_row(play)
        _scene_entry(play)
        _scene_history(play)
    _title("Who noticed")
    for who, noticed in play.noticed:
        click.echo(f"  {'✓' if noticed else '✕'} {who}")
    click.echo(UNSEEN)
    return not all(noticed for _, noticed in play.noticed)


def _title(text: str) -> None:
    click.secho(f"\n{text}\n{'-' * len(text)}", bold=True)


def _kg(grams: int) -> str:
    return f"{grams // 1000:,} kg".replace(",", " ")


def _found(play: _Play) -> None:
    """Found a log with a witness in its policy, and load the demonstration."""
    server = play.honest
    click.echo("Invented recyclers (示例) log a year of lots; one witness runs beside.")
    server.must("db", "upgrade")
    server.must("demo", "load", "--lots", str(LOTS), "--quiet")
    key = play.folder / "witness" / "w.key"
    key.parent.mkdir()
    vkey = server.must("witness", "new", WITNESS, str(key))
    policy = Policy(
        (PolicyLog(read_log_key(server.data_dir).vkey),),
        (PolicyWitness("outsider", vkey, play.witness_url),),
        (),
        "outsider",
    )
    (server.data_dir / "policy").write_text(format_policy(policy))
    told = json.loads((server.data_dir / "demonstration.json").read_text())
    play.label = next(one["code"] for one in told["links"] if one["shows"] == "valid")


@contextmanager
def _witness(play: _Play) -> Iterator[None]:
    key = play.folder / "witness" / "w.key"
    port = play.witness_url.rpartition(":")[2]
    words = ["witness", "serve", str(key), "--port", port]
    words += ["--log", read_log_key(play.honest.data_dir).vkey]
    with play.honest.running(words, play.folder / "witness" / "log"):
        yield


def _serve(stage: Stage) -> list[str]:
    port = stage.base_url.rpartition(":")[2]
    return ["serve", "--port", port, "--workers", "1"]


def _witnessed(play: _Play) -> None:
    """Serve once: the witness cosigns, a buyer takes a proof, an auditor a copy."""
    server, url = play.honest, play.honest.base_url
    with server.running(_serve(server), play.folder / "server.log"):
        note = fetch(f"{url}/log/checkpoint")
        policy = fetch(f"{url}/.well-known/remelt/policy")
        play.policy.parent.mkdir()
        play.policy.write_bytes(policy)
        play.bundle.write_bytes(fetch(f"{url}/v/{play.label}/bundle"))
        words = ["mirror", url, str(play.copy), "--policy", str(play.policy), "--quiet"]
        server.must(*words)
    key = read_log_key(server.data_dir)
    size = open_checkpoint(note, [Verifier.parse(key.vkey)], key.name).size
    click.echo(f"{size} entries are signed by the log and cosigned by the witness.")
    with _reading(server) as find:
        weight = play.weight = find(play.label)
    click.echo(
        f"A buyer scanned label {play.label} and kept its proof; an auditor keeps a "
        f"mirror.\nBehind the label, among others: entry {weight.entry_index}, lot "
        f"{weight.lot}, weighed {_kg(weight.net_g)}."
    )


@contextmanager
def _reading(stage: Stage) -> Iterator[Callable[[str], Weight]]:
    engine = open_engine(f"sqlite:///{stage.database}")
    readers = session_makers(engine)[1]
    try:
        with readers() as session:
            yield lambda label: find_weight(session, label)
    finally:
        engine.dispose()


def _scene_row(play: _Play) -> None:
    """Somebody with a password of the database changes one row."""
    _title("1. One weight in a table is changed")
    stage, weight = play.stage("1-row"), _weight(play)
    with closing(sqlite3.connect(stage.database)) as database, database:
        click.echo(f"    sqlite> {UNDER_WEIGHT}")
        try:
            database.execute(UNDER_WEIGHT, (ADDED_G, weight.lot))
        except sqlite3.DatabaseError as error:
            click.echo(f"      {error}")
            play.note("the database refuses: facts are append-only", True)
        else:
            play.note("the database refuses: facts are append-only", False)
        click.echo("    Whoever owns the file takes the trigger away first:")
        database.execute("DROP TRIGGER lot_refuses_update")
        database.execute(UNDER_WEIGHT, (ADDED_G, weight.lot))
    told = stage.show("ledger", "verify", "--quiet")
    place = f"entry {weight.entry_index}, lot.net_g"
    play.note(f"ledger verify names {place}", told.status == 1 and place in told.text)
    told = stage.show(*_serve(stage), only="Error")
    play.note(
        "the server does not start without its trigger",
        told.status != 0 and "lot_refuses_update" in told.text,
    )
    told = stage.show(
        "verify", str(play.bundle), "--policy", str(play.policy), only="signed size"
    )
    play.note("the buyer's proof holds: the table is not what counts", not told.status)


def _scene_entry(play: _Play) -> None:
    """Somebody changes the entry, and makes every hash and table fit it."""
    _title("2. The entry itself is changed, with all hashes and tables")
    stage, weight = play.stage("2-entry"), _weight(play)
    stage.database.unlink()
    changed = _forge(play, stage, None)
    click.echo(
        f"    {changed} entry changed, all rows, leaf hashes, tiles and the frontier "
        "made anew.\n    The signatures stay: without keys nobody makes others."
    )
    told = stage.show("ledger", "verify", "--quiet")
    index = weight.entry_index
    play.note(
        f"ledger verify: the signature of entry {index} does not verify",
        told.status == 1 and f"entry {index}, log_entry.note" in told.text,
    )
    play.note(
        "ledger verify: the signed checkpoint is not over these entries",
        "checkpoint.root" in told.text,
    )
    told = stage.show(*_serve(stage), only="Error")
    play.note(
        "the server does not start, and nothing is signed on top of it",
        told.status != 0 and "was changed" in told.text,
    )


def _scene_history(play: _Play) -> None:
    """The operator uses every key there is."""
    _title("3. The operator signs the whole history anew, with every key it holds")
    old, stage = play.honest, Stage(play.folder / "3-history", play.honest.base_url)
    stage.data_dir.mkdir()
    for name in ("keys", "key_encryption_key", "secret_key", "policy"):
        path = old.data_dir / name
        (shutil.copytree if path.is_dir() else shutil.copy)(path, stage.data_dir / name)
    keyring = KeyRing(bytes.fromhex((old.data_dir / "key_encryption_key").read_text()))
    changed = _forge(play, stage, keyring)
    click.echo(
        f"    {changed} entries changed and signed anew in the names of their "
        "organisations,\n    whose keys the platform holds. Nothing of before is left."
    )
    log = play.folder / "3-history.log"
    with stage.running(_serve(stage), log):
        line = wait_for_line(log, "refuses to sign")
    _quote(line)
    play.note(
        "the witness has seen entries that are not these: the signer refuses", True
    )

    click.echo("    The operator takes the witness out of the policy, and serves:")
    (stage.data_dir / "policy").unlink()
    with closing(sqlite3.connect(stage.database)) as database, database:
        database.execute("DELETE FROM witness")
    stage.must("ledger", "checkpoint")
    told = stage.show("ledger", "verify", "--quiet")
    if told.status:
        raise StageFailed("a history signed with all keys should agree with itself")
    click.echo(
        "      (Nothing: whoever has every key writes a log that agrees with itself. "
        "It\n      takes somebody outside.)"
    )
    _outsiders(play, stage)


def _outsiders(play: _Play, stage: Stage) -> None:
    url, anew = stage.base_url, play.folder / "buyer" / "label-anew.json"
    with stage.running(_serve(stage), play.folder / "3-serving.log"):
        fetch(f"{url}/healthz")
        anew.write_bytes(fetch(f"{url}/v/{play.label}/bundle"))
        told = stage.show(
            "verify", str(anew), "--policy", str(play.policy), only="FAILS"
        )
        play.note("a buyer's check: no witness has signed this", told.status != 0)
        words = ["mirror", url, str(play.copy), "--policy", str(play.policy), "--quiet"]
        told = stage.show(*words)
        play.note("the auditor's mirror: two histories under one key", _is_fork(told))
    for evidence in play.copy.glob("fork-*.json"):
        told = stage.show("verify", str(evidence), "--policy", str(play.policy))
        play.note(
            "anybody: the evidence proves that the log's key signed both",
            not told.status and "It is proven" in told.text,
        )
    told = stage.show(
        "verify", str(play.bundle), "--policy", str(play.policy), only="signed size"
    )
    play.note(
        "the buyer's proof of before still holds, and still says so", not told.status
    )


def _is_fork(told: Said) -> bool:
    return told.status == 1 and "two histories" in told.text


def _forge(play: _Play, stage: Stage, keyring: KeyRing | None) -> int:
    weight = _weight(play)
    source = open_engine(f"sqlite:///{play.honest.database}")
    target = open_engine(f"sqlite:///{stage.database}")
    try:
        upgrade(target)
        with session_makers(source)[1]() as session:
            return forge_log(
                session.connection(),
                session_makers(target)[0].begin,
                weight,
                weight.net_g + ADDED_G,
                keyring,
            )
    finally:
        source.dispose()
        target.dispose()


def _quote(line: str) -> None:
    told = json.loads(line)
    click.echo(f"      {told['event']}: {told['reason']}")


def _weight(play: _Play) -> Weight:
    if play.weight is None:
        raise StageFailed("no weight was chosen")
    return play.weight
