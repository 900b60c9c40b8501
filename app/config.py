"""Settings, from the environment, checked once at start.

Everything lives under the data directory: the database, the secrets that were made
here, exports. All faults are reported in one error, so that an operator mends them in
one go.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from app.policy_file import read_policy
from ledger import Policy

LogReaders = Literal["members", "public"]

PREFIX = "REMELT_"
VARIABLES = {
    "REMELT_DATABASE_URL",
    "REMELT_DATA_DIR",
    "REMELT_BASE_URL",
    "REMELT_LOG_ORIGIN",
    "REMELT_SECRET_KEY",
    "REMELT_KEY_ENCRYPTION_KEY",
    "REMELT_LOG_READERS",
    "REMELT_PRODUCTION",
    "REMELT_PROXIES",
    "REMELT_COPIES",
}
CLIENT_VARIABLES = {"REMELT_KEY_PASSPHRASE", "REMELT_SERVER", "REMELT_TOKEN"}
"""Read by the commands of an organisation's side; no settings of the platform."""
TEST_VARIABLES = {"REMELT_TEST_VECTORS"}
"""Read by the test suite only; a command that runs inside it must not stumble."""

DEFAULT_BASE_URL = "http://127.0.0.1:8000"
SECRET_LENGTH = 32
KEY_BYTES = 32
MAX_BODY = 8 * 1024 * 1024
MAX_PROXIES = 5
# A key name of the log is its origin and more; C2SP signed-note allows no space and no
# plus sign in it, and an origin is a URL without scheme (C2SP tlog-checkpoint)
ORIGIN = re.compile(r"[a-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)*")
MAX_ORIGIN = 200

# 19 MiB and 28 ms a hash: the default of 64 MiB and 130 ms starves a small server
ARGON2 = {
    "argon2__memory_cost": 19456,
    "argon2__time_cost": 2,
    "argon2__parallelism": 1,
}


class SettingsError(ValueError):
    """One setting or more cannot be used.

    Attributes:
        faults: One sentence each, naming the variable.
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that an operator may set.

    Attributes:
        database_url: SQLAlchemy URL, ``sqlite:///file`` or ``postgresql+psycopg://``.
        data_dir: Where the product keeps its files; absolute.
        base_url: How people reach the server; printed on labels. No slash at its end.
        log_origin: Name of the log, for its first start; None: made from the log key.
        secret_key: Signs cookies; 32 characters or more.
        key_encryption_key: 32 bytes that seal the signing keys kept here.
        log_readers: Who reads entries: ``members`` (those concerned) or ``public``.
        production: Secrets must be given, never made here.
        proxies: How many reverse proxies in front are believed about addresses.
        copies: Folders and addresses where copies of the log stand: looked at before
            anything is signed.
        policy: Who witnesses the log, from the file ``policy`` of the data directory;
            None where there is none.
    """

    database_url: str = field(repr=False)
    data_dir: Path
    secret_key: str = field(repr=False)
    key_encryption_key: bytes = field(repr=False)
    base_url: str = DEFAULT_BASE_URL
    log_origin: str | None = None
    log_readers: LogReaders = "members"
    production: bool = False
    proxies: int = 0
    copies: tuple[str, ...] = ()
    policy: Policy | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Read ``REMELT_*``; makes the data directory where there is none.

        Raises:
            SettingsError: With every fault at once.
        """
        reader = _Reader(env)
        production = reader.flag("REMELT_PRODUCTION")
        data_dir = reader.directory("REMELT_DATA_DIR", "var")
        settings = cls(
            production=production,
            data_dir=data_dir,
            database_url=reader.database_url(data_dir),
            base_url=reader.base_url(),
            log_origin=reader.log_origin(),
            log_readers=reader.log_readers(),
            proxies=reader.proxies(),
            copies=reader.copies(),
            policy=reader.policy(data_dir),
            secret_key=reader.secret_key(data_dir, production),
            key_encryption_key=reader.key_encryption_key(data_dir, production),
        )
        if reader.faults:
            raise SettingsError(reader.faults)
        return settings

    @property
    def secure(self) -> bool:
        """Whether people reach the server by https."""
        return self.base_url.startswith("https://")

    def to_flask(self) -> dict[str, object]:
        """The configuration that Flask and its extensions read."""
        prefix = "__Host-" if self.secure else ""
        return {
            "SETTINGS": self,
            "SECRET_KEY": self.secret_key,
            "MAX_CONTENT_LENGTH": MAX_BODY,
            "SESSION_COOKIE_NAME": f"{prefix}remelt",
            "SESSION_COOKIE_HTTPONLY": True,
            "SESSION_COOKIE_SAMESITE": "Lax",
            "SESSION_COOKIE_SECURE": self.secure,
            "PERMANENT_SESSION_LIFETIME": timedelta(hours=12),
            "REMEMBER_COOKIE_NAME": f"{prefix}remelt_stay",
            "REMEMBER_COOKIE_DURATION": timedelta(days=14),
            "REMEMBER_COOKIE_HTTPONLY": True,
            "REMEMBER_COOKIE_SAMESITE": "Lax",
            "REMEMBER_COOKIE_SECURE": self.secure,
            # A form that lies open over a shift must still go through
            "WTF_CSRF_TIME_LIMIT": None,
            "BABEL_DEFAULT_LOCALE": "zh",
            "BABEL_DEFAULT_TIMEZONE": "Asia/Shanghai",
            "RATELIMIT_HEADERS_ENABLED": True,
            "RATELIMIT_STORAGE_URI": "memory://",
            "SECURITY_PASSWORD_HASH": "argon2",
            "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": ARGON2,
            "SECURITY_PASSWORD_SCHEMES": ["argon2"],
            # Argon2 takes passwords of any length: no need to hash them twice, and a
            # new secret key does not lock everybody out
            "SECURITY_PASSWORD_SINGLE_HASH": True,
            "SECURITY_PASSWORD_LENGTH_MIN": 15,
            "SECURITY_PASSWORD_CONFIRM_REQUIRED": False,
            "SECURITY_RETURN_GENERIC_RESPONSES": True,
            "SECURITY_CHANGEABLE": True,
            "SECURITY_CHANGE_URL": "/account/password",
            "SECURITY_POST_CHANGE_VIEW": "/account/settings",
            "SECURITY_SEND_PASSWORD_CHANGE_EMAIL": False,
            "SECURITY_LOGIN_URL": "/login",
            "SECURITY_LOGOUT_URL": "/logout",
            "SECURITY_LOGOUT_METHODS": ["POST"],
            "SECURITY_POST_LOGIN_VIEW": "/",
            "SECURITY_POST_LOGOUT_VIEW": "/",
            # Deliverability would need the network at each sign-in
            "SECURITY_EMAIL_VALIDATOR_ARGS": {"check_deliverability": False},
            "SECURITY_USE_REGISTER_V2": True,
            # No page asks for a password again, and none uses files of the extension:
            # their addresses stay closed
            "SECURITY_FRESHNESS": timedelta(seconds=-1),
            "SECURITY_STATIC_FOLDER": None,
        }


def keep_secret(path: Path) -> str:
    """The secret kept in a file; made, with 32 random bytes, where there is none.

    Several processes may start at once: the file appears whole or not at all, and
    whoever comes second takes what the first has made.

    Args:
        path: Of the file; its directory exists.

    Returns:
        64 hexadecimal digits.

    Raises:
        ValueError: The file is open to others, or holds something else.
        OSError: The file cannot be read or made.
    """
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    if path.stat().st_mode & 0o077:
        raise ValueError(f"{path} is open to others; run: chmod 600 {path}")
    text = path.read_text(encoding="ascii").strip()
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise ValueError(f"{path} does not hold 64 hexadecimal digits")
    return text


class _Reader:
    """Reads one variable after the other and collects what is wrong."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        known = VARIABLES | CLIENT_VARIABLES | TEST_VARIABLES
        self.faults = [
            f"{name} is not a setting of Remelt"
            for name in sorted(env)
            if name.startswith(PREFIX) and name not in known
        ]

    def flag(self, name: str) -> bool:
        text = self._env.get(name, "")
        if text not in ("", "0", "1"):
            self.faults.append(f"{name} is {text!r}; expected 0 or 1")
        return text == "1"

    def directory(self, name: str, default: str) -> Path:
        path = Path(self._env.get(name) or default).absolute()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            self.faults.append(f"{name}: cannot make {path}: {error.strerror}")
            return path
        if not os.access(path, os.W_OK | os.X_OK):
            self.faults.append(f"{name}: {path} cannot be written")
        return path

    def database_url(self, data_dir: Path) -> str:
        name = "REMELT_DATABASE_URL"
        text = self._env.get(name)
        if not text:
            return f"sqlite:///{data_dir / 'remelt.db'}"
        try:
            url = make_url(text)
        except (ArgumentError, ValueError):
            # The text may hold a password: it is not repeated
            self.faults.append(
                f"{name} is not a database URL; expected sqlite:////path/file.db"
                " or postgresql://user:password@host/database"
            )
            return text
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        if url.drivername == "postgresql+psycopg":
            if find_spec("psycopg") is None:
                self.faults.append(f"{name}: PostgreSQL needs the extra remelt[pg]")
        elif url.drivername not in ("sqlite", "sqlite+pysqlite"):
            self.faults.append(
                f"{name} names {url.drivername}; expected sqlite or postgresql"
            )
        elif url.database in (None, "", ":memory:"):
            self.faults.append(
                f"{name}: a database in memory cannot be shared by the processes"
            )
        return url.render_as_string(hide_password=False)

    def base_url(self) -> str:
        name = "REMELT_BASE_URL"
        text = (self._env.get(name) or DEFAULT_BASE_URL).removesuffix("/")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            self.faults.append(f"{name} is {text!r}; expected https://name or its port")
            return text
        rebuilt = f"{parts.scheme}://{parts.netloc}"
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or "@" in parts.netloc
            or rebuilt != text
            or port == 0
            or re.search(r"\s", text)
        ):
            self.faults.append(
                f"{name} is {text!r}; expected http or https, a host, perhaps a port,"
                " and nothing behind"
            )
        return text

    def log_origin(self) -> str | None:
        name = "REMELT_LOG_ORIGIN"
        text = self._env.get(name)
        if not text:
            return None
        if len(text) > MAX_ORIGIN or not ORIGIN.fullmatch(text):
            self.faults.append(
                f"{name} is {text!r}; expected a host name, perhaps with a path, and"
                " no scheme, such as log.example.org/metal"
            )
        return text

    def log_readers(self) -> LogReaders:
        text = self._env.get("REMELT_LOG_READERS") or "members"
        if text not in ("members", "public"):
            self.faults.append(
                f"REMELT_LOG_READERS is {text!r}; expected members or public"
            )
        return cast("LogReaders", text)

    def copies(self) -> tuple[str, ...]:
        found = tuple((self._env.get("REMELT_COPIES") or "").split())
        for one in found:
            parts = urlsplit(one) if "://" in one else None
            if parts is None and not Path(one).is_dir():
                self.faults.append(f"REMELT_COPIES: {one} is no folder")
            if parts is not None and (
                parts.scheme not in ("http", "https") or not parts.hostname
            ):
                self.faults.append(f"REMELT_COPIES: {one} is no http(s) address")
        return found

    def proxies(self) -> int:
        text = self._env.get("REMELT_PROXIES") or "0"
        if not re.fullmatch(r"[0-9]", text) or int(text) > MAX_PROXIES:
            self.faults.append(
                f"REMELT_PROXIES is {text!r}; expected the number of reverse proxies"
                f" in front, 0 to {MAX_PROXIES}"
            )
            return 0
        return int(text)

    def policy(self, data_dir: Path) -> Policy | None:
        try:
            return read_policy(data_dir)
        except ValueError as error:
            self.faults.append(str(error))
            return None

    def secret_key(self, data_dir: Path, production: bool) -> str:
        name = "REMELT_SECRET_KEY"
        text = self._env.get(name) or self._kept(name, data_dir, production)
        if text is None:
            return ""
        if len(text) < SECRET_LENGTH:
            self.faults.append(f"{name} is shorter than {SECRET_LENGTH} characters")
        return text

    def key_encryption_key(self, data_dir: Path, production: bool) -> bytes:
        name = "REMELT_KEY_ENCRYPTION_KEY"
        text = self._env.get(name) or self._kept(name, data_dir, production)
        if text is None:
            return b""
        if not re.fullmatch(r"[0-9a-f]{64}", text):
            self.faults.append(f"{name} is not 64 hexadecimal digits in lower case")
            return b""
        return bytes.fromhex(text)

    def _kept(self, name: str, data_dir: Path, production: bool) -> str | None:
        if production:
            self.faults.append(f"{name} is not set, and REMELT_PRODUCTION is 1")
            return None
        try:
            return keep_secret(data_dir / name.removeprefix(PREFIX).lower())
        except ValueError as error:
            self.faults.append(f"{name}: {error}")
        except OSError as error:
            self.faults.append(f"{name}: {error.filename}: {error.strerror}")
        return None
