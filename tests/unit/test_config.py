"""Settings: defaults, every fault at once, secrets that are made and kept."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.config import Settings, SettingsError, keep_secret


@pytest.fixture(autouse=True)
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_any_setting_everything_lives_under_var(tmp_path: Path) -> None:
    settings = Settings.from_env({})

    assert settings.data_dir == tmp_path / "var"
    assert settings.database_url == f"sqlite:///{tmp_path}/var/remelt.db"
    assert settings.base_url == "http://127.0.0.1:8000"
    assert settings.log_origin is None
    assert settings.log_readers == "members"
    assert not settings.production


def test_secrets_that_are_missing_are_made_once_and_kept_from_others(
    tmp_path: Path,
) -> None:
    first, second = Settings.from_env({}), Settings.from_env({})

    assert first.secret_key == second.secret_key
    assert first.key_encryption_key == second.key_encryption_key
    assert len(first.key_encryption_key) == 32
    for name in ("secret_key", "key_encryption_key"):
        assert stat.S_IMODE((tmp_path / "var" / name).stat().st_mode) == 0o600


def test_production_refuses_secrets_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"REMELT_PRODUCTION": "1"})

    assert caught.value.faults == (
        "REMELT_SECRET_KEY is not set, and REMELT_PRODUCTION is 1",
        "REMELT_KEY_ENCRYPTION_KEY is not set, and REMELT_PRODUCTION is 1",
    )
    assert not (tmp_path / "var" / "secret_key").exists()


def test_all_faults_are_reported_at_once() -> None:
    env = {
        "REMELT_PRODUCTION": "yes",
        "REMELT_BASE_URL": "ftp://example.org",
        "REMELT_LOG_ORIGIN": "https://log.example.org",
        "REMELT_LOG_READERS": "everyone",
        "REMELT_DATABASE_URL": "mysql://localhost/remelt",
        "REMELT_SECRET_KEY": "short",
        "REMELT_KEY_ENCRYPTION_KEY": "xyz",
        "REMELT_PROXIES": "many",
        "REMELT_DATABSE_URL": "sqlite:///typo.db",
    }

    with pytest.raises(SettingsError) as caught:
        Settings.from_env(env)

    named = [fault.split()[0].rstrip(":") for fault in caught.value.faults]
    assert sorted(named) == sorted(env)


@pytest.mark.parametrize(
    "base_url",
    [
        "example.org",
        "https://",
        "https://example.org/remelt",
        "https://example.org?x=1",
        "https://me:secret@example.org",
        "https://example.org:99999",
        "https://exa mple.org",
    ],
)
def test_a_base_url_is_a_scheme_and_a_host_and_nothing_else(base_url: str) -> None:
    with pytest.raises(SettingsError, match="REMELT_BASE_URL"):
        Settings.from_env({"REMELT_BASE_URL": base_url})


@pytest.mark.parametrize(
    ("base_url", "secure"),
    [("https://remelt.example", True), ("http://192.0.2.7:8000", False)],
)
def test_cookies_are_secure_exactly_when_the_base_url_is_https(
    base_url: str, secure: bool
) -> None:
    config = Settings.from_env({"REMELT_BASE_URL": f"{base_url}/"}).to_flask()

    assert config["SESSION_COOKIE_SECURE"] is secure
    assert config["REMEMBER_COOKIE_SECURE"] is secure
    assert str(config["SESSION_COOKIE_NAME"]).startswith("__Host-") is secure


@pytest.mark.parametrize("origin", ["log.example.org", "example.org:8080/metal/log-1"])
def test_a_log_origin_is_a_host_with_a_path_perhaps(origin: str) -> None:
    assert Settings.from_env({"REMELT_LOG_ORIGIN": origin}).log_origin == origin


@pytest.mark.parametrize(
    "origin", ["log example.org", "a+b.example", "example.org/", "x" * 201, "//host"]
)
def test_a_log_origin_that_cannot_name_a_key_is_refused(origin: str) -> None:
    with pytest.raises(SettingsError, match="REMELT_LOG_ORIGIN"):
        Settings.from_env({"REMELT_LOG_ORIGIN": origin})


def test_a_postgresql_url_gets_the_driver_that_we_ship() -> None:
    url = "postgresql://remelt:p%40ss@db.example/remelt"

    settings = Settings.from_env({"REMELT_DATABASE_URL": url})

    assert settings.database_url == url.replace("postgresql:", "postgresql+psycopg:")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="memory"):
        Settings.from_env({"REMELT_DATABASE_URL": url})


def test_neither_the_settings_nor_a_fault_shows_a_secret() -> None:
    secret = "correct horse battery staple, and more"

    settings = Settings.from_env(
        {
            "REMELT_SECRET_KEY": secret,
            "REMELT_DATABASE_URL": "postgresql://remelt:hunter2@db.example/remelt",
        }
    )
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"REMELT_DATABASE_URL": "postgresql//me:hunter2@db"})

    assert secret not in repr(settings)
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in str(caught.value)


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    Settings.from_env({})
    (tmp_path / "var" / "secret_key").chmod(0o644)

    with pytest.raises(SettingsError, match="chmod 600"):
        Settings.from_env({})


def test_a_damaged_secret_is_refused_and_not_replaced(tmp_path: Path) -> None:
    Settings.from_env({})
    kept = tmp_path / "var" / "key_encryption_key"
    kept.write_text("half a k")

    with pytest.raises(SettingsError, match="key_encryption_key"):
        Settings.from_env({})
    assert kept.read_text() == "half a k"


def test_processes_that_start_together_take_the_same_secret(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: keep_secret(path), range(64)))

    assert len(made) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]


def test_a_data_directory_that_is_a_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")

    with pytest.raises(SettingsError, match="REMELT_DATA_DIR"):
        Settings.from_env({"REMELT_DATA_DIR": "taken"})
