"""Every form logs with the key of the browser, and none knows of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from app.queries.log import get_entry, get_head
from app.queries.registers import list_keys
from ledger import (
    Entry,
    KeyHistory,
    Signer,
    key_name,
    leaf_hash,
    parse_entry,
    prove_possession,
)
from tests.devices import Device
from tests.integration.test_pages_logging import fields_of
from tests.labelled import PROFILE, SMELTER, grow_chain
from tests.people import add_person, close, make_app, sign_in
from tests.world import World, code_of

PERSON = "smelter@example.org"


@pytest.fixture
def app(world: World, tmp_path: Path) -> Iterator[APIFlask]:
    grow_chain(world)
    app = make_app(world.engine, tmp_path)
    add_person(app, PERSON, "recycler", "manager", organisation=SMELTER)
    yield app
    close(app)


@pytest.fixture
def device(app: APIFlask, world: World) -> Device:
    """A browser of the smelter whose key is registered."""
    made = Device(app, world, PERSON, SMELTER)
    assert made.register().status_code == 302
    return made


def size(world: World) -> int:
    with world.reading() as session:
        return get_head(session).size


def entry(world: World, index: int) -> Entry:
    with world.reading() as session:
        return parse_entry(get_entry(session, index).note)


def signers(world: World, start: int) -> set[str]:
    """Who holds the keys that signed the entries from one on; all must verify."""
    history = KeyHistory()
    held = set()
    for index in range(size(world)):
        one = entry(world, index)
        history.check(index, one)
        if index >= start:
            held.add(history.held_by(one.signatures[0].name) or "")
    return held


def form_of(device: Device, page: str, **typed: str) -> MultiDict[str, str]:
    answer = device.client.get(f"{page}{'&' if '?' in page else '?'}lang=en")
    assert answer.status_code == 200
    values = fields_of(answer.text)
    for name, value in typed.items():
        values[name] = value
    return values


def log(device: Device, page: str, to: str | None = None, **typed: str) -> str:
    """Fill in a form, sign what it asks for; gives where it leads."""
    form = form_of(device, page, **typed)
    answer = device.client.post(to or page.partition("?")[0], data=form)
    assert answer.status_code == 200, answer.text
    done = device.sign(answer)
    assert done.status_code == 302, done.text
    return done.location


def test_the_platform_signs_for_the_new_key_and_no_longer_from_then_on(
    device: Device, world: World
) -> None:
    before = size(world)

    location = log(device, "/lots/new", net="1200")

    assert location == f"/logged/{before}"
    assert signers(world, before) == {"organisation"}
    assert entry(world, before).signatures[0].name == device.signer.name


def test_a_form_that_waits_for_its_signature_has_logged_nothing(
    device: Device, world: World
) -> None:
    before = size(world)
    form = form_of(device, "/lots/new", net="1200", supplier="示例供方")

    answer = device.client.post("/lots/new", data=form)

    assert size(world) == before
    [asked] = device.asked(answer)
    assert "示例供方" not in asked["line"]
    assert len(asked["disclosures"]) == 1


def test_private_values_go_with_the_signed_entry_and_are_kept(
    device: Device, world: World
) -> None:
    location = log(device, "/lots/new", net="1200", supplier="示例供方")

    index = int(location.rpartition("/")[2])
    assert "示例供方" not in entry(world, index).note.decode()
    assert "示例供方" in device.client.get(f"/ledger/entries/{index}").text


def test_faults_stand_beside_their_fields_before_anybody_signs(
    device: Device,
) -> None:
    form = form_of(device, "/lots/new", net="1200", at="2099-01-01T00:00:00")

    answer = device.client.post("/lots/new", data=form)

    assert answer.status_code == 422
    assert "in the future" in answer.text


def test_a_double_tap_logs_once_at_either_step(device: Device, world: World) -> None:
    form = form_of(device, "/lots/new", net="1200")
    first = device.client.post("/lots/new", data=form)
    second = device.client.post("/lots/new", data=form)
    before = size(world)
    address, fields = device.form(first)

    answers = [
        device.post(address, fields),
        device.post(address, fields),
        device.sign(second),
        device.client.post("/lots/new", data=form),
    ]

    assert {one.location for one in answers} == {f"/logged/{before}"}
    assert size(world) == before + 1


def test_a_part_that_is_split_off_is_the_parent_of_its_dispatch(
    device: Device, world: World
) -> None:
    log(device, "/lots/new", net="1200", own_number="S-1")
    before = size(world)

    form = form_of(device, "/transfers/new?lot=S-1", net="500")
    form["to"] = code_of("FAC-P")
    answer = device.client.post("/transfers/new", data=form)
    done = device.sign(answer)

    assert done.status_code == 302, done.text
    split, dispatch = entry(world, before), entry(world, before + 1)
    assert split.fact["type"] == "run.recorded"
    assert leaf_hash(split.note).hex() in dispatch.fact["parents"]
    assert signers(world, before) == {"organisation"}


def test_claims_and_labels_are_issued_and_ended_with_the_key_of_the_browser(
    device: Device, world: World
) -> None:
    before = size(world)

    claim = log(device, f"/claims/new?lot={PROFILE}", "/claims", net_g="15000")
    labels = log(
        device,
        f"/labels/new?claim={claim.rpartition('/')[2]}",
        "/labels",
        count="2",
        format="100x70",
    )
    printed = device.client.get(f"{labels}/sheet.pdf")
    log(device, labels, f"{labels}/void", reason="misprint")
    log(device, claim, f"{claim}/withdraw", reason="wrong lot")

    assert printed.status_code == 200
    kinds = [entry(world, n).fact["type"] for n in range(before, size(world))]
    assert kinds == [
        "claim.issued",
        "label.issued",
        "label.voided",
        "claim.withdrawn",
    ]
    assert signers(world, before) == {"organisation"}


def test_a_facility_a_delivery_and_a_taking_back_are_signed_in_the_browser(
    device: Device, world: World
) -> None:
    before = size(world)
    log(
        device,
        "/facilities",
        kind="smelter",
        province="440000",
        boundary="B",
        name_zh="示例新厂",
    )
    lot = int(log(device, "/lots/new", net="1200", own_number="S-2")[8:])
    log(device, "/deliveries/new?lot=S-2", net="200")
    log(device, f"/entries/{lot + 1}/take-back", reason="weighed twice")

    kinds = [entry(world, n).fact["type"] for n in range(before, size(world))]
    assert kinds == [
        "facility.registered",
        "lot.sourced",
        "lot.delivered",
        "entry.corrected",
    ]
    assert signers(world, before) == {"organisation"}


def test_an_organisation_without_a_platform_key_logs_on_the_pages(
    device: Device, world: World
) -> None:
    with world.reading() as session:
        [platform] = [
            one.key.key_name
            for one in list_keys(session)
            if SMELTER in one.key.key_name and one.key.held_by == "platform"
        ]

    location = log(
        device,
        "/keys",
        "/keys/revoke",
        key_name=platform,
        reason="we sign ourselves",
    )
    logged = log(device, "/lots/new", net="1200")
    device.client.delete_cookie("device-key")
    form = form_of(device, "/lots/new", net="1200")
    without = device.client.post("/lots/new", data=form)

    assert location == "/keys"
    assert logged.startswith("/logged/")
    assert without.status_code == 409


def test_what_another_key_signed_is_not_taken(device: Device, world: World) -> None:
    form = form_of(device, "/lots/new", net="1200")
    answer = device.client.post("/lots/new", data=form)
    honest = device.signer
    device.signer = Signer.generate(honest.name)
    before = size(world)

    refused = device.sign(answer)

    assert refused.status_code == 422
    assert size(world) == before


def test_an_entry_that_says_something_else_than_the_form_is_asked_for_again(
    device: Device, world: World
) -> None:
    form = form_of(device, "/lots/new", net="1200")
    answer = device.client.post("/lots/new", data=form)
    signed = device.signed(answer)
    address, fields = device.form(answer, signed)
    fields = [(name, "1300" if name == "net" else value) for name, value in fields]
    before = size(world)

    again = device.post(address, fields)

    assert again.status_code == 200
    assert "no longer what would be logged" in again.text
    assert size(world) == before


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", "{}", "[1]", '[{"note": 5}]', '[{"id": "x"}]']
)
def test_what_is_no_signed_entry_is_refused_or_asked_for(
    device: Device, world: World, text: str
) -> None:
    form = form_of(device, "/lots/new", net="1200")
    form["signed_entries"] = text
    before = size(world)

    answer = device.client.post("/lots/new", data=form)

    assert answer.status_code == (422 if text else 200)
    assert size(world) == before


@pytest.mark.parametrize(
    "cookie", ["", "x", f"{SMELTER}.1", f"{SMELTER}.9", f"{code_of('ORG-Y')}.2", "². 1"]
)
def test_a_cookie_that_names_no_browser_key_of_the_organisation_is_passed_over(
    app: APIFlask, world: World, cookie: str
) -> None:
    plain = Device(app, world, PERSON, SMELTER)
    plain.client.set_cookie("device-key", cookie)
    before = size(world)
    form = form_of(plain, "/lots/new", net="1200")

    answer = plain.client.post("/lots/new", data=form)

    assert answer.location == f"/logged/{before}"
    assert signers(world, before) == {"platform"}


def test_a_second_browser_is_registered_by_the_first_and_signs_beside_it(
    app: APIFlask, device: Device, world: World
) -> None:
    second = Device(app, world, PERSON, SMELTER)
    first = device.signer
    waiting = Device(app, world, PERSON, SMELTER)
    assert second.register(3).status_code == 302  # signed by the platform's key
    form = form_of(device, "/keys")
    waiting.signer = Signer.generate(first.name.replace("/2", "/4"))
    form["vkey"] = waiting.signer.vkey
    form["proof"] = prove_possession(SMELTER, waiting.signer)
    form.poplist("here")
    before = size(world)

    done = device.sign(device.client.post("/keys/own", data=form))

    assert done.location == "/keys"
    assert entry(world, before).signatures[0].name == first.name
    assert (second.chosen, device.chosen) == (f"{SMELTER}.3", f"{SMELTER}.2")


@pytest.fixture
def registrar(app: APIFlask) -> FlaskClient:
    add_person(app, "registrar@example.org", "registrar")
    client = app.test_client()
    assert sign_in(client, "registrar@example.org").status_code == 302
    return client


def own_key(world: World, org: str) -> dict[str, str]:
    """What an organisation hands to the registrar."""
    signer = Signer.generate(key_name(world.root.origin, org, 1))
    return {
        "vkey": signer.vkey,
        "proof": prove_possession(org, signer),
        "next": "cd" * 32,
    }


def filled(client: FlaskClient, page: str, typed: dict[str, str]) -> dict[str, str]:
    """The fields of a page, some of them typed over."""
    return fields_of(client.get(page).text).to_dict() | typed


def ended(device: Device) -> dict[str, str]:
    """What the registrar types to end a key."""
    return {"key_name": device.signer.name, "reason": "asked by telephone"}


NEW_COMPANY = {
    "name_zh": "示例新公司",
    "person": "示例 Person",
    "email": "new@example.org",
}


def test_an_organisation_is_registered_with_the_key_that_it_made(
    registrar: FlaskClient, world: World
) -> None:
    key = own_key(world, code_of("new"))
    form = filled(registrar, "/organisations", NEW_COMPANY | key)
    before = size(world)

    answer = registrar.post("/organisations", data=form)

    assert answer.status_code == 200
    registered = entry(world, before + 1).fact
    assert registered["org"] == code_of("new")
    assert registered["data"] == key | {"held_by": "organisation"}


@pytest.mark.parametrize("wrong", ["vkey", "proof", "next"])
def test_a_key_that_cannot_be_registered_leaves_no_organisation_behind(
    registrar: FlaskClient, world: World, wrong: str
) -> None:
    key = own_key(world, code_of("new")) | {wrong: "AAAA"}
    form = filled(registrar, "/organisations", NEW_COMPANY | key)
    before = size(world)

    answer = registrar.post("/organisations?lang=en", data=form)

    assert answer.status_code == 422
    assert f'id="{wrong}-error"' in answer.text
    assert size(world) == before


def test_the_registrar_ends_the_key_of_an_organisation_on_request(
    registrar: FlaskClient, device: Device, world: World
) -> None:
    form = filled(registrar, "/keys", ended(device))
    before = size(world)

    answer = registrar.post("/keys/revoke", data=form)
    lot = form_of(device, "/lots/new", net="1200")
    logged = device.client.post("/lots/new", data=lot)

    assert answer.status_code == 302
    assert entry(world, before).fact["type"] == "key.revoked"
    # The browser's key is passed over from then on, the platform's signs
    assert logged.location == f"/logged/{before + 1}"
    assert signers(world, before + 1) == {"platform"}


def test_a_key_that_ends_while_a_page_waits_signs_nothing(
    registrar: FlaskClient, device: Device, world: World
) -> None:
    lot = form_of(device, "/lots/new", net="1200")
    waiting = device.client.post("/lots/new", data=lot)
    form = filled(registrar, "/keys", ended(device))
    registrar.post("/keys/revoke", data=form)
    before = size(world)

    device.sign(waiting)

    names = {entry(world, n).signatures[0].name for n in range(before, size(world))}
    assert device.signer.name not in names


def test_nobody_but_a_manager_registers_or_ends_keys(
    app: APIFlask, device: Device
) -> None:
    add_person(app, "clerk@example.org", "recycler", organisation=SMELTER)
    client = app.test_client()
    sign_in(client, "clerk@example.org")
    form = filled(client, "/lots/new", {})

    own = client.post("/keys/own", data=form)
    revoked = client.post("/keys/revoke", data=form | ended(device))
    chosen = client.post("/keys/device", data=form | {"number": "2"})

    assert (own.status_code, revoked.status_code) == (403, 403)
    # Whoever logs on this device may use the key that a manager put there
    assert chosen.status_code == 302
