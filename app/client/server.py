"""What the organisation's programs ask of a server: its API, its log, its policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from app.client.errors import ClientError, ServerRefused
from ledger import HASH_SIZE, LedgerError, TileName, parse_policy

TIMEOUT_S = 60.0
MAX_SHOWN = 20


class Server:
    """A server of Remelt.

    Args:
        url: Its base URL.
        token: For its API; None: only what is public is asked for.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.url = url.rstrip("/")
        self._client = httpx.Client(
            base_url=self.url, headers=headers, timeout=TIMEOUT_S, trust_env=True
        )

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """A JSON answer of the API.

        Raises:
            ServerRefused: The server answered with a problem.
        """
        return self._ask("GET", f"/api/v1{path}").json()

    def post(self, path: str, body: object) -> Any:  # noqa: ANN401 - JSON
        """Send JSON to the API.

        Raises:
            ServerRefused: The server answered with a problem.
        """
        return self._ask("POST", f"/api/v1{path}", json=body).json()

    def draft_file(self, path: Path, template: str) -> Any:  # noqa: ANN401 - JSON
        """What a file of rows states, as facts; nothing is recorded.

        Raises:
            ServerRefused: The server answered with a problem.
        """
        with path.open("rb") as file:
            return self._ask(
                "POST",
                "/api/v1/imports/facts",
                data={"template": template},
                files={"file": (path.name, file)},
            ).json()

    def checkpoint(self) -> bytes:
        """The newest checkpoint, nothing verified."""
        return self._ask("GET", "/log/checkpoint").content

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """The first ``width`` hashes of a tile."""
        path = TileName(level, index, width).path
        data = self._ask("GET", f"/log/{path}").content
        return data[: width * HASH_SIZE]

    def log_vkey(self) -> str:
        """The log's key, out of the policy that the server publishes.

        Raises:
            ServerRefused: There is no policy.
            ClientError: What it publishes is no policy.
        """
        text = self._ask("GET", "/.well-known/remelt/policy").text
        try:
            return parse_policy(text).logs[0].vkey
        except (LedgerError, IndexError) as error:
            raise ClientError(f"{self.url} publishes no policy: {error}") from None

    def _ask(self, method: str, path: str, **content: Any) -> httpx.Response:  # noqa: ANN401 - as httpx has it
        try:
            answer = self._client.request(method, path, **content)
        except httpx.HTTPError as error:
            raise ClientError(f"{self.url} cannot be reached: {error}") from None
        if answer.is_success:
            return answer
        raise ServerRefused(_problem(answer))


def _problem(answer: httpx.Response) -> str:
    """A problem document in lines that say what is wrong where."""
    try:
        problem = answer.json()
        lines = [f"{problem['title']} ({answer.status_code}): {problem['detail']}"]
        for fault in problem.get("errors", ())[:MAX_SHOWN]:
            place = f"fact {fault['position'] + 1}: " if "position" in fault else ""
            lines.append(f"  {place}{fault['field']}: {fault['message']}")
    except (ValueError, KeyError, TypeError):
        return f"the server answered {answer.status_code}"
    return "\n".join(lines)
