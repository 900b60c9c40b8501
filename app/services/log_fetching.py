"""Fetch a log over HTTP, from a server or a host of plain files: C2SP tlog-tiles.

Nothing that comes is believed; it is only kept short. Every answer has a limit of bytes
and of time, a fault of the network or of the server is tried again with growing pauses,
and a token goes to its own address and nowhere else.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx

from app.services.archive_reading import MAX_BUNDLE, MAX_TILE
from app.services.errors import ServiceError
from ledger import HASH_SIZE, TILE_WIDTH, MalformedTile, TileName, decode_bundle
from ledger.note import MAX_NOTE_SIZE
from ledger.policy import MAX_TEXT
from ledger.tiles import ENTRIES

AGENT = "remelt-mirror/1"
POLICY_PATH = "/.well-known/remelt/policy"
TIMEOUT_S = 20.0
WHOLE_ANSWER_S = 120.0
ATTEMPTS = 5
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0
AT_ONCE = 4
LOCAL = {"localhost", "127.0.0.1", "::1"}
OK, UNAUTHORISED, FORBIDDEN, NOT_THERE, TOO_MANY = 200, 401, 403, 404, 429


class LogUnreachable(ServiceError):
    """The other side gave no usable answer, however often it was asked."""


class BadAnswer(ServiceError):
    """The other side answered with what no log answers with."""


class NotServed(ServiceError):
    """The other side has no such file."""


class NotAllowed(ServiceError):
    """The other side does not give this to us."""


class InsecureToken(ServiceError):
    """A token would travel in the open."""


class LogClient:
    """Asks one address for the files of a log.

    Args:
        url: Where ``checkpoint`` lies, such as ``https://remelt.example.org/log``; the
            address of a Remelt server without ``/log`` will do.
        token: Sent with requests for entries; None: none is.
        pause: Waits for seconds; another for tests.

    Raises:
        BadAnswer: The address is none.
        InsecureToken: The address is no https, and not this machine either.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadAnswer("{url} is no address", url=url)
        if token and parts.scheme != "https" and parts.hostname not in LOCAL:
            raise InsecureToken(
                "a token is sent over https only, and {url} is none", url=url
            )
        self.url = url.rstrip("/")
        self._token, self._pause = token, pause
        # No redirect: a token must not travel on, and who moves a log says so
        self._http = httpx.Client(
            timeout=TIMEOUT_S,
            headers={"User-Agent": AGENT},
            follow_redirects=False,
            limits=httpx.Limits(max_connections=AT_ONCE),
        )
        self._settled = False

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()

    def checkpoint(self) -> bytes:
        """The newest checkpoint that is published.

        Raises:
            LogUnreachable: No answer.
            NotServed: There is none.
        """
        if not self._settled and not self.url.endswith("/log"):
            try:
                note = self._get(f"{self.url}/checkpoint", MAX_NOTE_SIZE)
            except NotServed:
                note = self._get(f"{self.url}/log/checkpoint", MAX_NOTE_SIZE)
                self.url += "/log"
            self._settled = True
            return note
        return self._get(f"{self.url}/checkpoint", MAX_NOTE_SIZE)

    def policy(self) -> bytes:
        """The policy that the log publishes, or that lies beside a copy of it.

        Raises:
            LogUnreachable: No answer.
            NotServed: There is none.
        """
        parts = urlsplit(self.url)
        try:
            return self._get(f"{parts.scheme}://{parts.netloc}{POLICY_PATH}", MAX_TEXT)
        except NotServed:
            return self._get(f"{self.url}/policy", MAX_TEXT)

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile; the full one where no partial is kept.

        Raises:
            LogUnreachable: No answer.
            NotServed: There is neither.
            BadAnswer: It does not hold as many hashes as its name says.
        """
        name = TileName(level, index, width)
        found, data = self._get_tile(name, MAX_TILE)
        if len(data) != found.width * HASH_SIZE:
            raise BadAnswer(
                "{url}/{path} has {length} bytes, expected {expected}",
                url=self.url,
                path=found.path,
                length=len(data),
                expected=found.width * HASH_SIZE,
            )
        return data[: width * HASH_SIZE]

    def read_entries(self, index: int, width: int) -> list[bytes]:
        """The first ``width`` entries of a bundle.

        Raises:
            LogUnreachable: No answer.
            NotAllowed: The token does not open it, or there is none.
            NotServed: There is no such bundle.
            BadAnswer: It is no bundle of as many entries as its name says.
        """
        found, data = self._get_tile(TileName(ENTRIES, index, width), MAX_BUNDLE)
        try:
            entries = decode_bundle(data)
        except MalformedTile as error:
            raise BadAnswer(
                "{url}/{path}: {reason}", url=self.url, path=found.path, reason=error
            ) from None
        if len(entries) != found.width:
            raise BadAnswer(
                "{url}/{path} holds {count} entries",
                url=self.url,
                path=found.path,
                count=len(entries),
            )
        return entries[:width]

    def _get_tile(self, name: TileName, most: int) -> tuple[TileName, bytes]:
        token = self._token if name.level == ENTRIES else None
        try:
            return name, self._get(f"{self.url}/{name.path}", most, token)
        except NotServed:
            if name.width == TILE_WIDTH:
                raise
        full = TileName(name.level, name.index)
        return full, self._get(f"{self.url}/{full.path}", most, token)

    def get(self, path: str, most: int) -> bytes:
        """A file below the address, without a token.

        Raises:
            LogUnreachable: No answer.
            NotServed: There is none.
        """
        return self._get(f"{self.url}/{path}", most)

    def _get(self, url: str, most: int, token: str | None = None) -> bytes:
        reason, asked_s = "", 0.0
        for attempt in range(ATTEMPTS):
            if attempt:
                grown_s = FIRST_PAUSE_S * 2 ** (attempt - 1)
                # Not all at once, where many copies follow one log
                spread_s = grown_s * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
                self._pause(min(max(spread_s, asked_s), LONGEST_PAUSE_S))
            try:
                return self._get_once(url, most, token)
            except _TryAgain as error:
                reason, asked_s = error.reason, error.wait_s
            except httpx.InvalidURL:
                raise BadAnswer("{url} is no address", url=url) from None
            except httpx.HTTPError as error:
                reason, asked_s = f"{type(error).__name__} {error}".strip(), 0.0
        raise LogUnreachable("{url}: {reason}", url=url, reason=reason)

    def _get_once(self, url: str, most: int, token: str | None) -> bytes:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        end = time.monotonic() + WHOLE_ANSWER_S
        with self._http.stream("GET", url, headers=headers) as answer:
            status = answer.status_code
            if status in (UNAUTHORISED, FORBIDDEN):
                raise NotAllowed("{url} answers {status}", url=url, status=status)
            if status in (NOT_THERE, httpx.codes.GONE):
                raise NotServed("{url} answers {status}", url=url, status=status)
            if status == TOO_MANY or status >= httpx.codes.INTERNAL_SERVER_ERROR:
                wish = answer.headers.get("Retry-After", "")
                wait_s = float(wish) if wish.isdecimal() else 0.0
                raise _TryAgain(f"it answers {status}", wait_s)
            if status != OK:
                raise BadAnswer("{url} answers {status}", url=url, status=status)
            data = bytearray()
            for part in answer.iter_bytes():
                data += part
                if len(data) > most:
                    raise BadAnswer(
                        "{url} sends more than {most} bytes", url=url, most=most
                    )
                if time.monotonic() > end:
                    raise _TryAgain(f"not done after {WHOLE_ANSWER_S:g} s", 0.0)
        return bytes(data)


class _TryAgain(Exception):
    """What may well succeed a little later."""

    def __init__(self, reason: str, wait_s: float) -> None:
        super().__init__(reason)
        self.reason, self.wait_s = reason, wait_s
