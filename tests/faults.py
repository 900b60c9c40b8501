"""Workers that die, and what must hold of a log whenever one has died.

A worker is a fork of the test: it answers a request through the application, signs the
head and exports the log with the code of the product, and says over a pipe what it has
answered. It dies by SIGKILL, at a named step of its own or at a moment that the test
picks; nothing of the product knows about this.
"""

from __future__ import annotations

import inspect
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from select import select as wait_readable
from types import CodeType, FrameType
from typing import Any, NoReturn

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.engine.default import DefaultDialect

from app import db as app_db
from app.api.entries import post_entries
from app.db import engine_of
from app.models import CheckpointRow, LogEntryRow
from app.queries import prepared
from app.queries.log import get_head
from app.services import archive, checkpoints, posting, published
from app.services.archive import export_log
from app.services.archive_check import check_archive
from app.services.journal import Journal
from app.services.policy_files import seal_policy
from app.services.published import KEPT
from app.services.verification import verify_log
from app.serving import sign_once
from ledger import sign_checkpoint
from tests.yards import Yards, send

Work = Callable[["Voice"], None]
LIFE_S = 60.0


class Voice:
    """The worker's end of the pipe: what it says has been answered to somebody."""

    def __init__(self, stream: int) -> None:
        self._stream = stream

    def say(self, **said: Any) -> None:
        """Written whole and at once: a line is shorter than a pipe's buffer."""
        os.write(self._stream, json.dumps(said).encode() + b"\n")


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker ended.

    Attributes:
        killed: By SIGKILL; else it did all its work.
        said: In order.
        took_s: From the fork to the end.
    """

    killed: bool
    said: list[dict[str, Any]]
    took_s: float


def live(work: Work, *, kill_after_s: float | None = None) -> Death:
    """Let a worker work until it ends, or is killed from outside.

    Raises:
        RuntimeError: The worker failed: that is no way to die.
    """
    reads, writes = os.pipe()
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.close(reads)
        _work(work, writes)
    os.close(writes)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(pid, signal.SIGKILL)
    text = _read(reads, pid)
    took_s = time.monotonic() - start
    _, status = os.waitpid(pid, 0)
    said = [json.loads(line) for line in text.splitlines()]
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, -signal.SIGKILL) or any("failed" in one for one in said):
        raise RuntimeError(f"the worker ended with {code}: {said}")
    return Death(code != 0, said, took_s)


def _work(work: Work, stream: int) -> NoReturn:
    voice = Voice(stream)
    try:
        work(voice)
    except BaseException:
        voice.say(failed=traceback.format_exc()[-3000:])
        os._exit(1)
    sys.setprofile(None)
    os._exit(0)


def _read(stream: int, pid: int) -> bytes:
    """What the worker says until it ends; one that hangs is ended."""
    text, end = b"", time.monotonic() + LIFE_S
    while True:
        ready, _, _ = wait_readable([stream], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            os.kill(pid, signal.SIGKILL)
            os.close(stream)
            raise RuntimeError(f"the worker hangs, having said {text!r}")
        block = os.read(stream, 65536)
        if not block:
            os.close(stream)
            return text
        text += block


def die() -> NoReturn:
    """As kill -9: no handler runs, no buffer is written, no lock is given back."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("survived SIGKILL")


@dataclass(frozen=True, slots=True)
class Step:
    """A place in the code of the product where a worker dies.

    Attributes:
        name: In words.
        part: Of the work: ``append``, ``sign`` or ``export``.
        code: Of the function.
        event: ``call``, ``return``, or ``sync`` for a file about to be made to last.
        nth: Which time it gets there.
        after: Only from the first return of this function on.
        tiles: The log has to fill a tile at this.
    """

    name: str
    part: str
    code: CodeType
    event: str
    nth: int = 1
    after: CodeType | None = None
    tiles: bool = False


def code_of_function(function: Any) -> CodeType:
    """The code object that frames of a function carry."""
    code: CodeType = inspect.unwrap(function).__code__
    return code


_ASKED = code_of_function(post_entries)
_COMMIT = code_of_function(DefaultDialect.do_commit)
_INSERT = code_of_function(prepared.insert_rows)
_JOURNAL = code_of_function(Journal.__init__)
_KEEP = code_of_function(published.keep_published)
_POST = code_of_function(posting.post)
_SEAL = code_of_function(seal_policy)
_SIGN = code_of_function(sign_checkpoint)
_SIGN_HEAD = code_of_function(checkpoints.sign_head)
_TILES = code_of_function(checkpoints.keep_tile_roots)
_WRITE = code_of_function(archive.write_file)
_WRITE_LOG = code_of_function(Journal.write)
STEPS = [
    Step("before the lock", "append", _JOURNAL, "call"),
    Step("under the lock", "append", _JOURNAL, "return"),
    Step("with entries, without head", "append", _INSERT, "return", after=_JOURNAL),
    Step("with the head, without other rows", "append", _WRITE_LOG, "return"),
    Step("with all rows", "append", _POST, "return"),
    Step("before the commit", "append", _COMMIT, "call", after=_POST),
    Step("after the commit", "append", _COMMIT, "return", after=_POST),
    Step("before the answer", "append", _ASKED, "return"),
    Step("before the checkpoint is signed", "sign", _SIGN, "call"),
    Step("before the checkpoint's row", "sign", _SIGN, "return"),
    Step("with the checkpoint's row", "sign", _SIGN_HEAD, "return"),
    Step("before the signer's commit", "sign", _COMMIT, "call", after=_SIGN_HEAD),
    Step("after the signer's commit", "sign", _COMMIT, "return", after=_SIGN_HEAD),
    Step("before the checkpoint is kept", "sign", _KEEP, "call"),
    Step("while the checkpoint is kept", "sign", _WRITE, "sync"),
    Step("after the checkpoint is kept", "sign", _WRITE, "return"),
    Step("before a tile's root", "sign", _TILES, "call", tiles=True),
    Step("with a tile's root, not signed", "sign", _TILES, "return", tiles=True),
    Step("before a tile is written", "export", _WRITE, "call"),
    Step("while a tile is written", "export", _WRITE, "sync"),
    Step("with one tile of several", "export", _WRITE, "return"),
    Step("while the policy is written", "export", _WRITE, "sync", after=_SEAL),
    Step("with the new policy", "export", _WRITE, "return", after=_SEAL),
    Step("while the head is written", "export", _WRITE, "sync", after=_SEAL, nth=2),
]
"""Each step of an append, of the signature over it, and of the files made of it."""


class Killer:
    """Ends the process when it gets to a step, or to the n-th event of all.

    Args:
        step: Where; None for none.
        event: Count of events at which to die; None for never.
    """

    def __init__(self, step: Step | None = None, event: int | None = None) -> None:
        self._step, self._event = step, event
        self.events = 0
        self.begin("")

    def begin(self, part: str) -> None:
        """The worker comes to the next part of its work."""
        self._part = part
        self._passed = 0
        self._due = self._step is not None and self._step.after is None

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        self.events += 1
        if self.events == self._event:
            die()
        step = self._step
        if step is None or step.part != self._part:
            return
        if frame.f_code is step.code and self._due:
            sync = event == "c_call" and arg is os.fsync
            if sync if step.event == "sync" else event == step.event:
                self._passed += 1
                if self._passed == step.nth:
                    die()
        if frame.f_code is step.after and event == "return":
            self._due = True


@dataclass
class Remembered:
    """What people outside have seen of a log, and what must hold of it for ever.

    Attributes:
        receipts: Fact id -> index and leaf hash, as answered.
        roots: Size -> root of every checkpoint that anybody could have seen.
    """

    receipts: dict[str, tuple[int, str]] = field(default_factory=dict)
    roots: dict[int, str] = field(default_factory=dict)

    def take(self, said: Iterable[dict[str, Any]]) -> None:
        """What a worker has answered."""
        for one in said:
            for receipt in one.get("receipts", ()):
                self.acknowledge(receipt)

    def acknowledge(self, receipt: dict[str, Any]) -> None:
        """A receipt; a second one for the same fact has to say the same."""
        place = (receipt["entry_index"], receipt["leaf_hash"])
        assert self.receipts.setdefault(receipt["id"], place) == place

    def see(self, size: int, root: bytes) -> None:
        """A checkpoint: one root for a size, for ever."""
        assert self.roots.setdefault(size, root.hex()) == root.hex(), size

    def check(self, yards: Yards) -> None:
        """No gap, nothing acknowledged is lost, one history, nothing that differs."""
        world = yards.world
        with world.reading() as session:
            entries = session.execute(
                select(
                    LogEntryRow.entry_index, LogEntryRow.fact_id, LogEntryRow.leaf_hash
                ).order_by(LogEntryRow.entry_index)
            ).all()
            indexes = [one.entry_index for one in entries]
            assert indexes == list(range(get_head(session).size))
            stored = {
                one.fact_id: (one.entry_index, one.leaf_hash.hex()) for one in entries
            }
            signed = session.scalars(select(CheckpointRow)).all()
            for row in signed:
                self.see(row.size, row.root)
            assert verify_log(session) == []
        assert self.receipts.items() <= stored.items()
        assert len(self.roots) == len(signed), "a checkpoint that was given out is gone"


class Mortal:
    """A yard whose workers die, and the client, the signer and the disk they leave.

    Args:
        yards: The application; it keeps no connection while a worker is forked.
        folder: For what is exported.
    """

    def __init__(self, yards: Yards, folder: Path) -> None:
        self.yards, self.folder = yards, folder
        self.client: FlaskClient = yards.client("recycler", yards.own)
        self.data_dir: Path = yards.app.config["SETTINGS"].data_dir
        self.seen = Remembered()
        self.goes_on([yards.sourced()])

    def life(
        self,
        facts: list[dict[str, Any]],
        killer: Killer,
        *,
        kill_after_s: float | None = None,
    ) -> Death:
        """One worker: records facts, signs, exports; dies where it is told to."""
        # SQLite's locks belong to a process: none may be open across a fork
        engine_of(self.yards.app).dispose()
        self.yards.world.engine.dispose()

        def work(voice: Voice) -> None:
            sys.setprofile(killer)
            self._work(facts, killer, voice)
            sys.setprofile(None)
            voice.say(events=killer.events)

        death = live(work, kill_after_s=kill_after_s)
        self.seen.take(death.said)
        return death

    def _work(self, facts: list[dict[str, Any]], killer: Killer, voice: Voice) -> None:
        killer.begin("append")
        voice.say(receipts=self.record(facts))
        killer.begin("sign")
        self.sign()
        killer.begin("export")
        self.export()

    def record(self, facts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Send facts; the receipts."""
        answer = send(self.client, *facts)
        assert answer.status_code == 201, answer.text
        receipts: list[dict[str, Any]] = answer.json["receipts"]
        return receipts

    def sign(self) -> None:
        """Sign the head, as the signer process does."""
        with self.yards.app.app_context():
            sign_once(self.yards.world.log_key, self.data_dir, beat=True)

    def export(self) -> None:
        """Write the log as files."""
        with self.yards.app.app_context(), app_db.reading() as session:
            export_log(session, self.folder)

    def look_around(self) -> None:
        """What the dead worker has left, before anybody has mended a thing."""
        self.seen.check(self.yards)
        for place in (self.data_dir / KEPT, self.folder / "checkpoint"):
            if place.exists():
                _, size, root, *_ = place.read_text("utf-8").split("\n")
                assert int(size) in self.seen.roots, "was kept before it was committed"
                assert len(root) == 44
        if (self.folder / "checkpoint").exists():
            report = check_archive(self.folder)
            assert report.passed, [one.to_text() for one in report.faults]

    def goes_on(self, facts: list[dict[str, Any]]) -> None:
        """The client sends again what got no answer; all is signed and exported."""
        for receipt in self.record(facts):
            self.seen.acknowledge(receipt)
        self.sign()
        self.export()
        with self.yards.world.reading() as session:
            size = get_head(session).size
            newest = session.get(CheckpointRow, size)
            assert newest is not None, "the head is not signed"
            assert (self.data_dir / KEPT).read_bytes() == newest.note
        self.look_around()
        assert check_archive(self.folder).size == size

    def fill_tile(self) -> None:
        """Leave room for one entry only in the last tile."""
        with self.yards.world.reading() as session:
            missing = 255 - get_head(session).size % 256
        if missing:
            self.record([self.yards.sourced() for _ in range(missing)])
