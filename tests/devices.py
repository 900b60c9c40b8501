"""A browser with a key of its own, without the browser: it signs what pages ask for."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.web.device_signing import COOKIE, SIGNED
from ledger import (
    Signer,
    key_name,
    leaf_hash,
    parse_canonical,
    prove_possession,
    sign_entry,
)
from tests.people import sign_in
from tests.world import World

UNSIGNED = re.compile(r'id="unsigned">(.*?)</script>', re.DOTALL)
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
FORM = re.compile(r'<form method="post" action="([^"]+)" data-sign>(.*?)</form>', re.S)


class Device:
    """Somebody's browser, and the key in it."""

    def __init__(self, app: APIFlask, world: World, email: str, org: str) -> None:
        self.client: FlaskClient = app.test_client()
        assert sign_in(self.client, email).status_code == 302
        self.world, self.org = world, org
        self.signer: Signer

    def register(self, number: int = 2) -> TestResponse:
        """Make a key and have it registered on the keys page."""
        name = key_name(self.world.root.origin, self.org, number)
        self.signer = Signer.generate(name)
        page = self.client.get("/keys?lang=en").text
        form = dict(HIDDEN.findall(page))
        return self.client.post(
            "/keys/own",
            data={
                "csrf_token": form["csrf_token"],
                "id": form["id"],
                "here": "yes",
                "vkey": self.signer.vkey,
                "proof": prove_possession(self.org, self.signer),
            },
        )

    @property
    def chosen(self) -> str | None:
        """What the browser says about its key."""
        cookie = self.client.get_cookie(COOKIE)
        return None if cookie is None else cookie.value

    def asked(self, answer: TestResponse) -> list[dict[str, Any]]:
        """What the page wants to have signed."""
        found = UNSIGNED.search(answer.text)
        assert found is not None, answer.text
        listed: list[dict[str, Any]] = json.loads(found[1])
        return listed

    def signed(self, answer: TestResponse) -> list[dict[str, Any]]:
        """Entries signed as the page's script signs them."""
        leaves: list[str] = []
        entries = []
        for one in self.asked(answer):
            fact = parse_canonical(one["line"].encode())
            own = [leaves[n] for n in one["after"]]
            fact["parents"] = sorted({*fact["parents"], *own})
            note = sign_entry(fact, [self.signer])
            leaves.append(leaf_hash(note).hex())
            entries.append({"note": note.decode(), "disclosures": one["disclosures"]})
        return entries

    def form(
        self, answer: TestResponse, entries: list[dict[str, Any]] | None = None
    ) -> tuple[str, list[tuple[str, str]]]:
        """Address and fields of the form that the page sends."""
        found = FORM.search(answer.text)
        assert found is not None
        fields = [
            (unescape(name), unescape(value))
            for name, value in HIDDEN.findall(found[2])
            if name != SIGNED
        ]
        signed = self.signed(answer) if entries is None else entries
        return unescape(found[1]), [*fields, (SIGNED, json.dumps(signed))]

    def sign(self, answer: TestResponse) -> TestResponse:
        """Sign what the page asks for, and send it."""
        address, fields = self.form(answer)
        return self.post(address, fields)

    def post(self, address: str, fields: list[tuple[str, str]]) -> TestResponse:
        """Send a form as a browser does."""
        data: dict[str, list[str]] = {}
        for name, value in fields:
            data.setdefault(name, []).append(value)
        return self.client.post(address, data=data)
