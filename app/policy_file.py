"""The log's own policy, a file of the data directory: who witnesses the log.

C2SP tlog-policy, with the log's key, its witnesses and the quorum. Without the file
nobody witnesses, and the policy is the log's key alone.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from ledger import MalformedPolicy, Policy, parse_policy

NAME = "policy"


def read_policy(data_dir: Path) -> Policy | None:
    """The policy; None where there is no file.

    Raises:
        ValueError: The file states no policy that a log can follow.
    """
    path = data_dir / NAME
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    try:
        policy = parse_policy(text)
    except MalformedPolicy as error:
        raise ValueError(f"{path}: {error}") from None
    if len(policy.logs) != 1:
        raise ValueError(
            f"{path} names {len(policy.logs)} logs; expected this log alone"
        )
    for one in policy.witnesses:
        if not _can_be_asked(one.url):
            raise ValueError(
                f"{path}: witness {one.name} has no address that can be asked; "
                "expected http:// or https:// behind its key"
            )
    return policy


def _can_be_asked(url: str | None) -> bool:
    try:
        parts = urlsplit(url or "")
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and not parts.query
            and not parts.fragment
        )
    except ValueError:
        return False
