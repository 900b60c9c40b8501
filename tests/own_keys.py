"""An organisation that keeps its own key in a file, in front of a real server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from werkzeug.serving import make_server

from app.cli import keys, organisations, sign
from app.client.key_file import KeyFile, read_key_file
from labels.codes import parse_code
from ledger import Signer
from tests.world import World
from tests.yards import Yards, open_yards

PASSPHRASE = "ten tonnes of copper wire"


class Holder:
    """A manager's machine: a folder with key files, and the server that it talks to."""

    def __init__(self, yards: Yards, url: str, folder: Path) -> None:
        self.yards, self.url, self.folder = yards, url, folder
        self.world = yards.world
        self.file = folder / "key.json"
        self.org = ""
        self.site = ""
        self.token = ""

    def keys(self, *args: str, passphrase: str = PASSPHRASE) -> Result:
        """Run ``remelt keys``."""
        return self._run(keys.cli, args, passphrase)

    def sign(self, *args: str) -> Result:
        """Run ``remelt sign`` with the key."""
        return self._run(sign.cli, ("--key", str(self.file), *args), PASSPHRASE)

    def _run(self, command: Any, args: tuple[str, ...], passphrase: str) -> Result:
        env = {
            "REMELT_KEY_PASSPHRASE": passphrase,
            "REMELT_SERVER": self.url,
            "REMELT_TOKEN": self.token or None,
        }
        return CliRunner().invoke(command, list(args), env=env)

    def join(self) -> None:
        """Make a key, have it registered by the operator, get a token and a gate."""
        made = self.keys("new", str(self.file), "--json")
        assert made.exit_code == 0, made.output
        asked = json.loads(made.stdout)
        self.org = asked["org"]
        runner = self.yards.app.test_cli_runner()
        added = runner.invoke(
            organisations.cli,
            [
                "add",
                "--name-zh",
                "示例自持",
                "--code",
                self.org,
                "--vkey",
                asked["vkey"],
                "--proof",
                asked["proof"],
                "--next",
                asked["next"],
            ],
        )
        assert added.exit_code == 0, added.output
        self.token = self.yards.token("manager", self.org)

    def settle(self) -> None:
        """Register a facility, signed with the own key."""
        self.site = self.code()
        facts = [
            {
                "type": "facility.registered",
                "at": "2026-03-01T08:00:00Z",
                "data": {
                    "code": self.site,
                    "organisation": self.org,
                    "kind": "collection",
                    "province": "440000",
                    "boundary": {"code": "B", "text_zh": "边界"},
                    "scales": [{"code": "W1", "e_g": 20_000, "max_g": 100_000_000}],
                },
            }
        ]
        sent = self.sign(str(self.facts("site.json", facts)), "--send")
        assert sent.exit_code == 0, sent.output

    def code(self) -> str:
        """A fresh code."""
        return str(self.yards.sourced()["data"]["lot"])

    def facts(self, name: str, facts: list[dict[str, Any]]) -> Path:
        """A file of facts."""
        path = self.folder / name
        path.write_text(json.dumps({"facts": facts}, ensure_ascii=False), "utf-8")
        return path

    def sourced(self, **more: Any) -> dict[str, Any]:
        """A lot that came in at the own gate, with values nobody else shall read."""
        fact = self.yards.sourced(facility=self.site, **more)
        return {**fact, "private": {"supplier": "示例供方", "ticket": "T-1"}}

    def key(self) -> KeyFile:
        """The key file as it lies there now."""
        return read_key_file(self.file)

    def signer(self) -> Signer:
        """The key itself, as a thief of file and passphrase has it."""
        return self.key().open(PASSPHRASE)


@contextmanager
def open_holder(world: World, folder: Path) -> Iterator[Holder]:
    """A served application, and an organisation that has joined with its own key."""
    with open_yards(world, folder) as yards:
        server = make_server("127.0.0.1", 0, yards.app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            machine = folder / "machine"
            machine.mkdir()
            world.checkpoint()
            holder = Holder(yards, f"http://127.0.0.1:{server.server_port}", machine)
            holder.join()
            yield holder
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


def same_code(text: str) -> str:
    """A code as it stands in facts."""
    return parse_code(text)
