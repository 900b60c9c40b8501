"""Where ``remelt demo tamper`` plays: folders, child processes, what they said."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import httpx

REMELT = (sys.executable, "-c", "from app.console import main; main()")
UP_WITHIN_S = 60.0
PAUSE_S = 0.1
SHOWN_LINES = 6


class StageFailed(click.ClickException):
    """Something that has nothing to do with tampering went wrong."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said, and how it ended."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A data directory of its own, and commands that run on it.

    Attributes:
        data_dir: Where the product keeps everything of this stage.
        base_url: Where it is served.
    """

    data_dir: Path
    base_url: str

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.data_dir / "remelt.db"

    @property
    def env(self) -> dict[str, str]:
        """Nothing of the settings around: this stage must not touch a real log."""
        clean = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith("REMELT_")
        }
        return clean | {
            "REMELT_DATA_DIR": str(self.data_dir),
            "REMELT_BASE_URL": self.base_url,
            "REMELT_LOG_READERS": "public",
        }

    def run(self, *words: str) -> Said:
        """Run a command of the product to its end."""
        done = subprocess.run(  # noqa: S603 - our own words
            [*REMELT, *words],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Said(done.returncode, done.stdout.strip())

    def must(self, *words: str) -> str:
        """Run one that sets the stage.

        Raises:
            StageFailed: It failed.
        """
        said = self.run(*words)
        if said.status:
            raise StageFailed(f"remelt {' '.join(words)}: {said.text}")
        return said.text

    def show(self, *words: str, only: str = "") -> Said:
        """Run one before the eyes of the reader; gives what it said.

        Args:
            words: Of the command.
            only: Show lines with this text alone.
        """
        click.echo(f"    $ remelt {' '.join(map(_short, words))}")
        said = self.run(*words)
        lines = [line for line in said.text.splitlines() if only in line]
        for line in lines[:SHOWN_LINES]:
            click.echo(f"      {line}")
        if len(lines) > SHOWN_LINES:
            click.echo(f"      … and {len(lines) - SHOWN_LINES} lines more")
        click.echo(f"      exit status {said.status}")
        return said

    @contextmanager
    def running(self, words: Sequence[str], errors: Path) -> Iterator[None]:
        """A command that serves, in the background, until the block ends."""
        with (
            errors.open("a") as stream,
            subprocess.Popen(  # noqa: S603 - our own words
                [*REMELT, *words], env=self.env, stdout=stream, stderr=stream
            ) as process,
        ):
            try:
                yield
            finally:
                process.terminate()
                process.wait(30)


def _short(word: str) -> str:
    return Path(word).name if word.startswith("/") else word


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def fetch(url: str) -> bytes:
    """The first good answer of a server that is just starting.

    Raises:
        StageFailed: There is none in a minute.
    """
    end = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < end:
        try:
            answer = httpx.get(url)
            if answer.is_success:
                return answer.content
        except httpx.TransportError:
            pass  # it is not up yet
        time.sleep(PAUSE_S)
    raise StageFailed(f"{url} gives no answer")


def wait_for_line(path: Path, text: str) -> str:
    """The first line with this text in a file that grows.

    Raises:
        StageFailed: There is none in a minute.
    """
    end = time.monotonic() + UP_WITHIN_S
    while time.monotonic() < end:
        for line in path.read_text().splitlines():
            if text in line:
                return line
        time.sleep(PAUSE_S)
    raise StageFailed(f"{path} does not say {text!r}")
