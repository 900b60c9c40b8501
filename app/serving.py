"""``remelt serve``: the web server and the one signer beside it."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click
import structlog
from flask import Flask, current_app
from flask.cli import with_appcontext
from gunicorn.app.base import BaseApplication
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app import create_app
from app.cli.database import read_log_key
from app.collector import calm_collector
from app.config import Settings
from app.db import engine_of, reading, transaction
from app.logs import configure
from app.operation import SHARED_FOLDER
from app.queries.witnesses import WitnessState
from app.schema import check_schema
from app.schemas.entries import check_fact
from app.security import doors, keyring, now
from app.services.archive import policy_text
from app.services.checkpoints import check_witnesses, note_alive, sign_head
from app.services.copies import advice_for, compare_copies
from app.services.disclosures import seal_plain, tidy
from app.services.errors import LogRolledBack
from app.services.genesis import get_trust_root
from app.services.import_jobs import forget_old, work_off
from app.services.published import keep_newest
from app.services.witness_rounds import Rounds, ask_all
from app.services.witnessing import WitnessDesk
from ledger import Signer

log = structlog.get_logger("remelt.signer")
importer_log = structlog.get_logger("remelt.importer")
IMPORT_PERIOD_S = 0.5
TIDY_PERIOD_S = 3600.0
PERIOD_S = 0.4
REST_S = 5.0
HEARTBEATS = 10
SIGNER_LOCK = 0x52454D53


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=int)
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--threads", default=4, show_default=True, type=click.IntRange(1, 64))
@with_appcontext
def serve(host: str, port: int, workers: int, threads: int) -> None:
    """Serve pages and API, sign checkpoints, record files, until told to stop.

    Example: remelt serve --port 8080 --workers 4
    """
    settings: Settings = current_app.config["SETTINGS"]
    check_schema(engine_of(current_app))
    read_log_key(settings.data_dir)  # a missing key shows now, not in the child
    refuse_rolled_back(settings)
    with reading() as session:
        policy_text(session, settings.policy)  # another log's policy shows now, too
    share_figures(settings.data_dir)
    beside = [_start(run_signer), _start(run_importer)]
    options = {
        "bind": f"{host}:{port}",
        "workers": workers,
        "threads": threads,
        "worker_class": "gthread",
        "graceful_timeout": 30,
        "accesslog": None,
        # A socket in the home of whoever starts it, which nobody here asks
        "control_socket_disable": True,
    }
    click.echo(f"Remelt serves {settings.base_url} on {host}:{port}", err=True)
    parent = os.getpid()
    try:
        _Server(settings, options).run()
    finally:
        # A worker that was forked comes by here too: the two are not its children
        if os.getpid() == parent:
            for process in beside:
                process.terminate()
            for process in beside:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(5)


def refuse_rolled_back(settings: Settings) -> None:
    """Take no entry over a log that lacks what stands outside of it: it would be lost.

    Raises:
        click.ClickException: With what to do.
    """
    try:
        with reading() as session:
            vkey = get_trust_root(session).log_vkey
            compare_copies(session, settings.data_dir, vkey, settings.copies)
    except LogRolledBack as error:
        raise click.ClickException(advice_for(error)) from error


def _start(work: Callable[[int], None]) -> subprocess.Popen[bytes]:
    """A process beside the server that ends with it.

    Not one of multiprocessing: each worker of gunicorn is a fork, and would try to
    join what is not its child as it ends.
    """
    name = work.__name__
    line = f"from app.serving import {name}; {name}({os.getpid()})"
    return subprocess.Popen([sys.executable, "-c", line])  # noqa: S603 - our own words


def share_figures(data_dir: Path) -> None:
    """Give the workers one folder for their figures, empty at each start."""
    folder = data_dir / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    os.environ[SHARED_FOLDER] = str(folder)


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn carries no types
    """Gunicorn over our application, made in each worker after the fork."""

    def __init__(self, settings: Settings, options: dict[str, Any]) -> None:
        self._settings, self._options = settings, options
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        configure()
        return create_app(self._settings)


def run_signer(parent: int) -> None:
    """Sign the committed head, at most a second after each commit, until told to stop.

    Only the process that holds the leader's lock signs; the others wait for it.
    """
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    settings = Settings.from_env()
    app = create_app(settings)
    configure()
    with app.app_context():
        key = read_log_key(settings.data_dir)
        with leadership(app, settings.data_dir, stop):
            check_not_rolled_back(settings)
            with witnessing(app, settings):
                _sign_until(stop, key, parent, settings.data_dir)


def check_not_rolled_back(settings: Settings) -> None:
    """Sign nothing over a log that lacks what stands outside of it."""
    try:
        with reading() as session:
            vkey = get_trust_root(session).log_vkey
            states = compare_copies(session, settings.data_dir, vkey, settings.copies)
    except LogRolledBack as error:
        log.error("refuses to sign", reason=advice_for(error))
        sys.exit(1)
    for one in states:
        if one.size is None:
            log.warning("a copy of the log says nothing", copy=one.where, why=one.error)
    outside = any(one.size is not None for one in states)
    if not outside and settings.policy is None:
        log.warning(
            "cannot tell whether an old backup was restored: no checkpoint was "
            "published from here, REMELT_COPIES names no copy, and nobody witnesses"
        )


@contextmanager
def witnessing(app: Flask, settings: Settings) -> Iterator[None]:
    """Ask the witnesses where they stand before anything is signed, then follow on.

    In a thread beside the signer, which waits for nobody: a checkpoint is signed at
    once, whoever is slow to cosign the one before.
    """
    if settings.policy is None or not settings.policy.witnesses:
        yield
        return
    desk = WitnessDesk(doors(), settings.policy, now)
    ask_before_signing(desk)

    def follow() -> None:
        while not ended.is_set():
            try:
                with app.app_context():
                    Rounds(desk).run(ended)
            except Exception as error:
                # Entries are signed meanwhile; the witnesses catch up
                log.exception("asks no witness for a moment", reason=str(error))
                ended.wait(REST_S)

    ended = threading.Event()
    thread = threading.Thread(target=follow, name="witnesses", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(1)


def ask_before_signing(desk: WitnessDesk) -> None:
    """Sign nothing while a witness is known to hold what the log lacks."""
    try:
        told = ask_all(desk)
        for address in desk.addresses:
            outcome = told.get(address.url)
            if outcome is not None and outcome.state is not WitnessState.COSIGNED:
                log.warning(
                    "cannot tell whether the log is behind a witness",
                    url=address.url,
                    reason=outcome.error,
                )
        with reading() as session:
            check_witnesses(session)
    except LogRolledBack as error:
        log.error("refuses to sign", reason=advice_for(error))
        sys.exit(1)


def _sign_until(
    stop: threading.Event, key: Signer, parent: int, data_dir: Path
) -> None:
    beats = 0
    while not stop.is_set() and os.getppid() == parent:
        try:
            sign_once(key, data_dir, beat=beats % HEARTBEATS == 0)
        except LogRolledBack as error:
            log.error("refuses to sign", reason=advice_for(error))
            sys.exit(1)
        except (SQLAlchemyError, OSError) as error:
            # Database and disk may be back in a moment; nothing is signed twice
            log.warning("could not sign, or keep what was signed", reason=str(error))
        beats += 1
        stop.wait(PERIOD_S)


def sign_once(key: Signer, data_dir: Path, *, beat: bool) -> None:
    """Sign the head if it has grown, and keep what was signed as a file.

    In this order, so that the file never names what the database may yet lose. A file
    that a crash or a full disk has left behind is brought up at the next beat.

    Args:
        key: Of the log.
        data_dir: Where the newest checkpoint is kept.
        beat: Say that the signer is alive, and look at the file, even if there is
            nothing to sign.

    Raises:
        LogRolledBack: The log lacks what was signed or kept, or what a witness has
            cosigned.
    """
    with transaction() as session:
        origin = get_trust_root(session).origin
        signed = sign_head(session, key, origin, now())
        if signed is not None or beat:
            note_alive(session, now())
    if signed is not None or beat:
        with reading() as session:
            keep_newest(session, data_dir, key.vkey)


def keep_private(*, sealed: bool) -> bool:
    """See to private values: what is erased loses its key, what is plain is sealed.

    Args:
        sealed: Whether the plain ones of an older release were seen to already.

    Returns:
        Whether they are now.
    """
    try:
        if not sealed:
            seal_plain(reading, transaction, keyring(), now())
        tidy(reading, transaction, keyring(), now())
    except Exception as error:
        # Nothing is lost: the next look goes on from here
        importer_log.exception("private values wait", reason=str(error))
        return False
    return True


def forget_files() -> None:
    """Drop files that were handed in a while ago."""
    try:
        with transaction() as session:
            forget_old(session, now())
    except SQLAlchemyError as error:
        importer_log.warning("old files stay for now", reason=str(error))


def run_importer(parent: int) -> None:
    """Work on files that were handed in, one after the other, until told to stop.

    Apart from the signer: a large file takes half a minute, a checkpoint waits for
    one second at most.
    """
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    calm_collector()
    app = create_app(Settings.from_env())
    configure()
    with app.app_context():
        sealed, forget_at = False, 0.0
        while not stop.is_set() and os.getppid() == parent:
            sealed = keep_private(sealed=sealed)
            if time.monotonic() >= forget_at:
                forget_files()
                forget_at = time.monotonic() + TIDY_PERIOD_S
            try:
                job = work_off(doors(), keyring(), check_fact, now)
            except Exception as error:
                # The file is marked as failed; the next one must not wait for it
                importer_log.exception("an import failed", reason=str(error))
                job = None
            if job is None:
                stop.wait(IMPORT_PERIOD_S)


@contextmanager
def leadership(app: Flask, data_dir: Path, stop: threading.Event) -> Iterator[None]:
    """Hold the leader's lock: of the database, or of a file beside SQLite."""
    engine = engine_of(app)
    if engine.dialect.name == "postgresql":
        connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            wanted = text("SELECT pg_try_advisory_lock(:lock)")
            while not connection.scalar(wanted, {"lock": SIGNER_LOCK}):
                if stop.wait(1):
                    sys.exit(0)
            yield
        finally:
            connection.close()
        return
    with (data_dir / "signer.lock").open("w") as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if stop.wait(1):
                    sys.exit(0)
        yield
