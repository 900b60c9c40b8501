"""Private values: sealed, shown to whom they were shown, and gone when erased."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from app.models import (
    DisclosureKeyRow,
    DisclosureRow,
    ErasureRow,
    LogEntryRow,
    OrganisationRow,
    UserRow,
)
from app.queries.errors import NotFound
from app.services.access import Actor
from app.services.backup import write_backup
from app.services.disclosure_check import check_disclosures
from app.services.disclosures import Looker, Safe, rows_of, seal_plain, tidy
from app.services.errors import Forbidden, Refused
from app.services.grants import list_grants, show_values, withdraw_grant
from app.services.keys import KeyRing
from app.services.users import add_user
from app.services.vault_file import BadVault, restore_vault, write_vault
from app.services.verification import verify_log
from labels.codes import new_code
from ledger import parse_entry
from tests.integration.test_never_two_histories import make_yard
from tests.people import PASSWORD
from tests.world import NOW, World, code_of

SECRETS = {"supplier": "示例供方甲", "price": "18000", "vehicle": "示例A12345"}


SITES: dict[World, str] = {}


@pytest.fixture
def yard(world: World) -> World:
    _, SITES[world] = make_yard(world)
    world.register("mill")
    return world


def code(_: World, name: str) -> str:
    return code_of(name)


def organisation_id(session: Session, name: str) -> int:
    row = session.scalars(
        select(OrganisationRow).where(OrganisationRow.code == code_of(name))
    ).one()
    return row.id


def state(world: World, private: dict[str, str] = SECRETS) -> int:
    """A lot with private values; gives the index of its entry."""
    data = {
        "lot": new_code(),
        "facility": SITES[world],
        "material": "AL-SCRAP-MIXED",
        "source": "collected",
        "origin_class": "post_consumer",
        "weighing": {"net_g": 10_000_000, "scale": "W1"},
        "metal": "Al",
        "content_ppm": 950_000,
        "content_basis": "declared",
    }
    fact = world.fact("lot.sourced", code(world, "yard"), data)
    [receipt] = world.post([replace(fact, private=private)])
    return receipt.entry_index


def seen(world: World, name: str, index: int, **later: float) -> dict[str, str]:
    """What somebody of an organisation is shown of an entry."""
    with world.reading() as session:
        organisation = organisation_id(session, name)
        looker = Looker(
            world.keyring,
            organisation,
            code(world, name),
            world.now + timedelta(**later),
        )
        return dict(looker(session, [index]).get(index, {}))


def manager(world: World, name: str = "yard") -> Actor:
    with world.transaction() as session:
        organisation = organisation_id(session, name)
        user = session.scalar(select(UserRow).where(UserRow.email == f"{name}@x.test"))
        if user is None:
            user = add_user(
                session,
                email=f"{name}@x.test",
                name=name,
                password=PASSWORD,
                organisation_id=organisation,
                roles=["recycler", "manager"],
                now=world.now,
            )
        return Actor(
            user.id,
            organisation,
            code(world, name),
            frozenset({"recycler", "manager"}),
        )


def show(world: World, index: int, *names: str, days: int = 7) -> int:
    with world.transaction() as session:
        return show_values(
            session,
            manager(world),
            index,
            to=code(world, "mill"),
            names=names,
            until_at=world.now + timedelta(days=days),
            now=world.now,
        )


def erase(world: World, index: int, *names: str) -> None:
    with world.reading() as session:
        rows = session.execute(
            select(DisclosureRow.digest, DisclosureRow.name).where(
                DisclosureRow.entry_index == index
            )
        ).all()
        note = session.get_one(LogEntryRow, index).note
    digests = sorted(digest for digest, name in rows if name in names)
    data = {
        "of": parse_entry(note).fact["id"],
        "digests": digests,
        "basis": "示例：合同到期",
    }
    world.post([world.fact("disclosure.erased", code(world, "yard"), data)])


def run_tidy(world: World) -> int:
    return tidy(world.reading, world.transaction, world.keyring, world.now)


def differences(world: World) -> list[tuple[int | None, str, str | None]]:
    with world.reading() as session:
        found = list(check_disclosures(session, world.keyring))
    return [(one.entry_index, one.table, one.field) for one in found]


def test_values_are_kept_sealed_and_read_by_their_own(yard: World) -> None:
    index = state(yard)

    with yard.reading() as session:
        kept = session.execute(
            select(DisclosureRow.text, DisclosureRow.sealed).where(
                DisclosureRow.entry_index == index
            )
        ).all()
    assert len(kept) == len(SECRETS)
    for plain, sealed in kept:
        assert plain is None
        assert not any(one.encode() in (sealed or b"") for one in SECRETS.values())
    assert seen(yard, "yard", index) == SECRETS
    assert seen(yard, "mill", index) == {}
    assert differences(yard) == []


def test_a_named_party_sees_named_fields_until_the_end(yard: World) -> None:
    index = state(yard)
    number = show(yard, index, "price")

    assert seen(yard, "mill", index) == {"price": "18000"}
    assert seen(yard, "mill", index, days=6, hours=23) == {"price": "18000"}
    assert seen(yard, "mill", index, days=7) == {}
    assert seen(yard, "yard", index, days=8) == SECRETS
    show(yard, index, "supplier")
    assert seen(yard, "mill", index) == {"price": "18000", "supplier": "示例供方甲"}
    with yard.transaction() as session:
        withdraw_grant(session, manager(yard), index, number, yard.now)
    assert seen(yard, "mill", index) == {"supplier": "示例供方甲"}
    with yard.reading() as session:
        listed = list_grants(session, index)
    assert [one.names for one in listed] == [("supplier",), ("price",)]
    assert [one.ended_at is None for one in listed] == [True, False]


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "ZZZZZZZZZZZZ"},
        {"names": ["plate"]},
        {"names": []},
        {"until_at": NOW - timedelta(days=400)},
        {"until_at": NOW + timedelta(days=4000)},
    ],
)
def test_nothing_is_shown_to_nobody_or_for_ever(
    yard: World, wrong: dict[str, Any]
) -> None:
    index = state(yard)
    asked: dict[str, Any] = {
        "to": code(yard, "mill"),
        "names": ["price"],
        "until_at": yard.now + timedelta(days=1),
    }

    with yard.transaction() as session, pytest.raises(Refused):
        show_values(session, manager(yard), index, **{**asked, **wrong}, now=yard.now)


def test_only_the_responsible_party_shows_and_withdraws(yard: World) -> None:
    index = state(yard)
    number = show(yard, index, "price")
    stranger = manager(yard, "mill")
    recycler = replace(manager(yard), roles=frozenset({"recycler"}))

    with yard.transaction() as session:
        with pytest.raises(NotFound):
            withdraw_grant(session, stranger, index, number, yard.now)
        with pytest.raises(Forbidden):
            withdraw_grant(session, recycler, index, number, yard.now)


def test_what_is_erased_is_gone_and_everything_still_verifies(yard: World) -> None:
    index = state(yard)
    show(yard, index, "supplier")
    erase(yard, index, "supplier")

    rest = {name: value for name, value in SECRETS.items() if name != "supplier"}
    assert seen(yard, "yard", index) == rest
    assert seen(yard, "mill", index) == {}
    assert run_tidy(yard) == 1
    assert seen(yard, "yard", index) == rest
    assert run_tidy(yard) == 0
    yard.checkpoint()
    with yard.reading() as session:
        assert verify_log(session) == []
    assert differences(yard) == []


def test_an_erased_value_cannot_be_opened_out_of_an_older_copy(yard: World) -> None:
    """The copy holds the sealed value, and the newest keys do not open it."""
    other = state(yard, {"price": "19000"})
    index = state(yard)
    with yard.reading() as session:
        old = [
            dict(row._mapping)
            for row in session.execute(
                select(DisclosureRow.__table__).where(
                    DisclosureRow.entry_index.in_((index, other))
                )
            )
        ]
    erase(yard, index, "supplier")
    run_tidy(yard)
    with yard.transaction() as session:
        session.execute(delete(DisclosureRow))
        session.execute(insert(DisclosureRow), old)

    assert seen(yard, "yard", index) == {}
    assert seen(yard, "yard", other) == {"price": "19000"}
    assert (index, "disclosure", "sealed") in differences(yard)


def test_tidying_goes_on_where_it_was_killed(
    yard: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = state(yard)
    erase(yard, index, "price")

    class Killed(BaseException):
        pass

    def fail(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("app.services.disclosures._keep", fail)
        with pytest.raises(Killed):
            run_tidy(yard)
    assert seen(yard, "yard", index) == {
        "supplier": SECRETS["supplier"],
        "vehicle": SECRETS["vehicle"],
    }
    assert run_tidy(yard) == 1
    assert differences(yard) == []


def test_values_of_an_older_release_are_sealed(yard: World) -> None:
    index = state(yard)
    plain = {}
    with yard.transaction() as session:
        looker = Looker(yard.keyring, None, code(yard, "yard"), yard.now)
        assert looker(session, [index])
        for row in list(rows_of(session, DisclosureRow.entry_index == index)):
            plain[row.digest] = Safe(yard.keyring).text_of(row)
        for digest, one in plain.items():
            session.execute(
                update(DisclosureRow)
                .where(DisclosureRow.digest == digest)
                .values(text=one, sealed=None, key_number=None)
            )
        session.execute(delete(DisclosureKeyRow))
    assert seen(yard, "yard", index) == SECRETS

    doors = yard.reading, yard.transaction
    assert seal_plain(*doors, yard.keyring, yard.now) == len(SECRETS)
    assert seal_plain(*doors, yard.keyring, yard.now) == 0

    assert seen(yard, "yard", index) == SECRETS
    with yard.reading() as session:
        assert session.scalars(select(DisclosureRow.text)).all() == [None] * 3


@pytest.mark.parametrize("at", [0, 12, 30, -1])
def test_one_changed_byte_is_named_with_its_entry(yard: World, at: int) -> None:
    index = state(yard)
    with yard.transaction() as session:
        digest, sealed = session.execute(
            select(DisclosureRow.digest, DisclosureRow.sealed).where(
                DisclosureRow.name == "price"
            )
        ).one()
        hurt = bytearray(sealed or b"")
        hurt[at] ^= 1
        session.execute(
            update(DisclosureRow)
            .where(DisclosureRow.digest == digest)
            .values(sealed=bytes(hurt))
        )

    assert differences(yard) == [(index, "disclosure", "sealed")]


def test_values_put_behind_other_digests_or_names_are_named(yard: World) -> None:
    index = state(yard)
    with yard.transaction() as session:
        session.execute(
            update(DisclosureRow)
            .where(DisclosureRow.name == "price")
            .values(name="supplier2")
        )

    assert differences(yard) == [(index, "disclosure", "name")]


def test_a_value_that_came_back_after_its_erasure_is_named(yard: World) -> None:
    index = state(yard)
    with yard.reading() as session:
        [old] = [
            dict(row._mapping)
            for row in session.execute(
                select(DisclosureRow.__table__).where(DisclosureRow.name == "price")
            )
        ]
    erase(yard, index, "price")
    with yard.transaction() as session:
        session.execute(insert(DisclosureRow), [old])

    assert (index, "disclosure", "digest") in differences(yard)


def test_another_key_encryption_key_opens_nothing(yard: World) -> None:
    index = state(yard)
    looker = Looker(KeyRing(bytes(32)), None, code(yard, "yard"), yard.now)

    with yard.reading() as session:
        assert looker(session, [index]) == {}
        found = list(check_disclosures(session, KeyRing(bytes(32))))
    assert len(found) == len(SECRETS)


def test_the_backup_holds_no_key_and_its_vault_only_those_that_are_left(
    yard: World, tmp_path: Path
) -> None:
    index = state(yard)
    other = state(yard, {"price": "19000"})
    with yard.reading() as session:
        write_backup(session, tmp_path / "b", revision="x", now=NOW)
        assert write_vault(session, tmp_path / "b.vault") == 2
    erase(yard, index, "supplier", "price", "vehicle")
    run_tidy(yard)
    with yard.reading() as session:
        assert write_vault(session, tmp_path / "newest.vault") == 1
    data = (tmp_path / "b").read_bytes()
    assert (tmp_path / "b.vault").stat().st_mode & 0o777 == 0o600
    for secret in SECRETS.values():
        assert secret.encode() not in data
    with yard.transaction() as session:
        session.execute(delete(DisclosureKeyRow))
        assert restore_vault(session, tmp_path / "newest.vault") == 1
    assert seen(yard, "yard", other) == {"price": "19000"}
    (tmp_path / "bad").write_text("{}")
    with yard.transaction() as session, pytest.raises(BadVault):
        restore_vault(session, tmp_path / "bad")


def test_a_key_that_was_condemned_is_destroyed_after_a_restore_too(
    yard: World, tmp_path: Path
) -> None:
    index = state(yard)
    erase(yard, index, "supplier")
    with yard.reading() as session:
        assert write_vault(session, tmp_path / "early.vault") == 1
    with yard.transaction() as session:
        session.execute(delete(DisclosureKeyRow))
        restore_vault(session, tmp_path / "early.vault")

    run_tidy(yard)

    with yard.reading() as session:
        rows = session.execute(
            select(DisclosureKeyRow.sealed, DisclosureKeyRow.destroyed_at).order_by(
                DisclosureKeyRow.destroyed_at.is_(None)
            )
        ).all()
    assert [(row.sealed is None, row.destroyed_at is None) for row in rows] == [
        (True, False),
        (False, True),
    ]
    assert seen(yard, "yard", index)["price"] == SECRETS["price"]


def test_erasures_say_what_and_why(yard: World) -> None:
    index = state(yard)
    erase(yard, index, "price")

    with yard.reading() as session:
        [row] = session.scalars(select(ErasureRow)).all()
        assert (row.erased_index, row.basis) == (index, "示例：合同到期")
