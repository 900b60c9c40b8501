"""The log as a register: who sees what of it, and that all of it can be shown."""

from __future__ import annotations

import base64
import csv
import html
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, text

from app import create_app
from app.config import Settings
from app.data import read_csv
from app.models import (
    CheckpointRow,
    EntryPartyRow,
    LogEntryRow,
    LotRow,
    OrganisationRow,
)
from app.services.facts import FACT_TYPES
from app.services.witness_rounds import ask_all
from app.services.witness_standing import standings
from app.web.numbers import grouped
from labels.codes import format_code
from ledger import parse_checkpoint_text, split_note
from tests.every_type import CANARY, OWNER, every_type
from tests.labelled import PROFILE, SMELTER, YARD
from tests.people import add_person, close, make_app, sign_in
from tests.witnesses import at, desk_of, honest, policy_of, witness_key
from tests.world import World

STRANGE = (
    "%",
    "_",
    "' OR 1=1 --",
    "a" * 400,
    '<script>alert("x")</script>',
    "𠮷",
    "-1",
)


@dataclass(slots=True)
class Site:
    """The application over a log that holds every type of fact."""

    app: APIFlask
    world: World
    newest: dict[str, int]

    def person(self, role: str, org: str | None = None) -> FlaskClient:
        """Somebody who has signed in."""
        email = f"{role}-{(org or 'nobody').lower()}@example.org"
        add_person(self.app, email, role, organisation=org)
        client = self.app.test_client()
        sign_in(client, email)
        return client

    @property
    def visitor(self) -> FlaskClient:
        """Somebody who has not."""
        return self.app.test_client()

    def leaf(self, index: int) -> bytes:
        with self.world.reading() as session:
            return session.get_one(LogEntryRow, index).leaf_hash

    def readable(self, org: str) -> set[int]:
        """What an organisation signed or is a party of, found the plain way."""
        with self.world.reading() as session:
            key = session.scalar(
                select(OrganisationRow.id).where(OrganisationRow.code == org)
            )
            own = select(LogEntryRow.entry_index).where(LogEntryRow.org == org)
            party = select(EntryPartyRow.entry_index).where(
                EntryPartyRow.organisation_id == key
            )
            return {*session.scalars(own), *session.scalars(party)}


@pytest.fixture
def site(world: World, tmp_path: Path) -> Iterator[Site]:
    newest = every_type(world)
    world.checkpoint()
    app = make_app(world.engine, tmp_path)
    yield Site(app, world, newest)
    close(app)


def found(page: str) -> list[int]:
    """Indexes that a list shows, in its order."""
    return [
        int(one) for one in re.findall(r'lead"><a href="/ledger/entries/(\d+)"', page)
    ]


def whole(client: FlaskClient, address: str) -> list[int]:
    """Indexes on all pages of a list."""
    page = client.get(address).text
    indexes = found(page)
    while (older := re.search(r'href="([^"]+)" rel="next"', page)) is not None:
        page = client.get(html.unescape(older[1])).text
        indexes += found(page)
    return indexes


def test_every_type_of_fact_has_a_page_in_both_languages(site: Site) -> None:
    assert set(site.newest) == set(FACT_TYPES)
    auditor = site.person("auditor")

    for kind, index in site.newest.items():
        for language in ("en", "zh"):
            page = auditor.get(f"/ledger/entries/{index}?lang={language}")

            assert page.status_code == 200, (kind, page.text)
            said = page.text.split('class="facts said"')[1].split("</dl>")[0]
            assert said.count("<dt>") >= 2, kind
            assert "_ppm" not in said, kind
            assert "_g<" not in said, kind
            assert page.text.count('class="mark ok"') >= 1, kind
            assert 'class="mark bad"' not in page.text, kind


def test_what_people_typed_is_escaped_and_no_style_stands_in_the_page(
    site: Site,
) -> None:
    auditor = site.person("auditor")

    for index in range(max(site.newest.values()) + 1):
        page = auditor.get(f"/ledger/entries/{index}").text

        assert "<script>alert" not in page
        assert " style=" not in page


def test_masses_shares_and_times_are_written_as_people_write_them(site: Site) -> None:
    auditor = site.person("auditor")
    index = site.newest["lot.assayed"] - 1

    page = auditor.get(f"/ledger/entries/{index}?lang=en").text.replace("\u202f", " ")

    for part in (
        "9 000 kg",
        "9 500 kg − 500 kg",
        "1.2345 %",
        "95 %",
        "passed",
        "UTC+8",
    ):
        assert part in page, part
    assert "Mixed" in page


def test_a_stranger_sees_hash_place_and_proof_and_why_no_more(site: Site) -> None:
    size = max(site.newest.values()) + 1
    with site.world.reading() as session:
        rows = session.execute(select(LogEntryRow)).scalars().all()
        secrets = {
            row.entry_index: {row.org, row.fact_id, row.type, grouped(row.org)}
            for row in rows
        }

    for index in range(1, size):
        page = site.visitor.get(f"/ledger/entries/{index}?lang=en").text

        assert site.leaf(index).hex() in page
        assert f"/log/proof/{index}.tlog-proof" in page
        assert "What it says is not open to you" in page
        assert "Sign in" in page
        for one in secrets[index]:
            assert one not in page
        assert "示例" not in page
    lengths = {
        len(site.visitor.get(f"/ledger/entries/{index}").data)
        for index in range(11, size - 2)
    }
    assert len(lengths) == 1, "the page would tell one kind of entry from another"


def test_entry_0_is_everybodys_anchor(site: Site) -> None:
    for client in (site.visitor, site.person("recycler", YARD)):
        page = client.get("/ledger/entries/0?lang=en").text

        assert site.world.root.log_vkey in page
        assert "What it says" in page
    assert site.world.root.leaf_hash in site.visitor.get("/ledger").text


def test_an_organisation_reads_what_it_signed_or_is_a_party_of(site: Site) -> None:
    yard = site.person("recycler", YARD)
    mine = site.readable(YARD)
    size = max(site.newest.values()) + 1
    assert 3 < len(mine) < size

    for index in range(1, size):
        page = yard.get(f"/ledger/entries/{index}?lang=en").text
        note = yard.get(f"/ledger/entries/{index}/note").status_code

        assert ("Who signed it" in page, note) == (
            (True, 200) if index in mine else (False, 404)
        )
        if index not in mine:
            assert "neither signed it nor is a party of it" in page
    assert set(whole(yard, "/ledger/search")) == mine
    assert site.visitor.get("/ledger/entries/5/note").status_code == 404


READS_ALL = {"auditor", "mirror"}
READS_OWN = {"recycler", "manager"}


@pytest.mark.parametrize(
    "role", ["recycler", "manager", "auditor", "mirror", "statistician", "registrar"]
)
def test_what_each_role_may_open(site: Site, role: str) -> None:
    granted = {
        row["relation"]
        for row in read_csv("rights.csv")
        if (row["action"], row["role"], row["allowed"]) == ("read-entry", role, "yes")
    }
    own = role in READS_OWN
    client = site.person(role, YARD if own else None)
    theirs = min(site.readable(SMELTER) - site.readable(YARD))

    assert (granted >= {"any"}) == (role in READS_ALL)
    entry = client.get(f"/ledger/entries/{theirs}?lang=en").text
    assert ("Who signed it" in entry) == (role in READS_ALL)
    statuses = [
        client.get(address).status_code
        for address in (
            "/ledger",
            "/ledger/entries/0",
            f"/ledger/entries/{theirs}",
            "/ledger/search",
            f"/ledger/keys/{YARD}",
            f"/ledger/keys/{SMELTER}",
        )
    ]
    all_of_it = role in READS_ALL
    assert statuses == [
        200,
        200,
        200,
        200 if all_of_it or own else 403,
        200 if all_of_it or own else 403,
        200 if all_of_it else 403,
    ]


def test_a_statistician_of_an_organisation_reads_no_entry_of_it(site: Site) -> None:
    client = site.person("statistician", YARD)
    mine = min(site.readable(YARD))

    assert "Your roles read" in client.get(f"/ledger/entries/{mine}?lang=en").text
    assert client.get("/ledger/search").status_code == 403


def test_strangers_are_asked_to_sign_in_for_what_is_not_theirs(site: Site) -> None:
    for address in ("/ledger/search", "/ledger/search?lot=x", f"/ledger/keys/{YARD}"):
        answer = site.visitor.get(address)

        assert answer.status_code == 302
        assert "/login" in answer.headers["Location"]


def test_a_public_log_is_open_to_everybody_but_for_what_is_private(
    world: World, tmp_path: Path
) -> None:
    newest = every_type(world)
    world.checkpoint()
    app = make_app(world.engine, tmp_path, log_readers="public")
    visitor = app.test_client()

    pages = [
        visitor.get(f"/ledger/entries/{n}") for n in range(max(newest.values()) + 1)
    ]
    pages += [visitor.get(f"/ledger/{a}") for a in ("search", f"keys/{OWNER}")]

    for page in pages:
        assert page.status_code == 200
        assert CANARY not in page.text
        assert "CANARY" not in page.text
        assert 'href="/lots/' not in page.text
    close(app)


def test_what_is_private_is_shown_to_the_organisation_alone(site: Site) -> None:
    index = site.newest["disclosure.erased"] - 1
    yard, auditor = site.person("recycler", YARD), site.person("auditor")

    assert CANARY in yard.get(f"/ledger/entries/{index}").text
    page = auditor.get(f"/ledger/entries/{index}?lang=en").text
    assert "CANARY" not in page
    assert "withheld" in page
    assert f'href="/ledger/entries/{site.newest["disclosure.erased"]}"' in page


def test_an_entry_shows_what_it_rests_on_and_what_cites_it(site: Site) -> None:
    auditor = site.person("auditor")
    claim, withdrawal = site.newest["claim.issued"], site.newest["claim.withdrawn"]

    page = auditor.get(f"/ledger/entries/{claim}?lang=en").text
    assert f'href="/ledger/entries/{withdrawal}"' in page.split("Cited by")[1]
    page = auditor.get(f"/ledger/entries/{withdrawal}?lang=en").text
    assert f'href="/ledger/entries/{claim}"' in page.split("Rests on")[1]
    correction = site.newest["entry.corrected"]
    with site.world.reading() as session:
        voided = session.execute(text("SELECT voided_index FROM voiding")).scalar_one()
    page = auditor.get(f"/ledger/entries/{voided}?lang=en").text
    assert f"Entry {correction} says why" in page
    assert (
        f'href="/ledger/entries/{voided}"'
        in auditor.get(f"/ledger/entries/{correction}").text
    )


def test_every_parent_of_every_entry_is_told_on_both_pages(site: Site) -> None:
    auditor = site.person("auditor")
    cited = 0

    for index in range(max(site.newest.values()) + 1):
        page = auditor.get(f"/ledger/entries/{index}?lang=en").text
        rests = page.split("Rests on")[1].split("Cited by")[0]
        for parent in re.findall(r'href="/ledger/entries/(\d+)"', rests):
            of_parent = auditor.get(f"/ledger/entries/{parent}?lang=en").text
            cites = of_parent.split("Cited by")[1].split("Seen by")[0]
            assert f'href="/ledger/entries/{index}"' in cites, (parent, index)
            cited += 1
    assert cited > 10


def test_keys_are_shown_from_their_first_entry_to_their_last(site: Site) -> None:
    page = site.person("auditor").get(f"/ledger/keys/{OWNER}?lang=en")

    assert page.status_code == 200
    history = page.text
    assert history.index("Key 3") < history.index("Key 2") < history.index("Key 1")
    assert "revoked" in history
    assert "replaced" in history
    assert "示例：手机丢失" in history
    assert "the organisation itself" in history
    assert f'/ledger/entries/{site.newest["key.rotated"]}"' in history


@pytest.mark.parametrize("code", ["nonsense", "0000-0000-0000", "%00", "a" * 300])
def test_no_keys_of_nobody(site: Site, code: str) -> None:
    answer = site.person("auditor").get(f"/ledger/keys/{code}")

    assert answer.status_code == 404
    assert "<h1" in answer.text


def test_an_entry_is_found_by_index_and_by_leaf_hash_however_it_is_written(
    site: Site,
) -> None:
    leaf = site.leaf(7)
    spaced = " ".join(re.findall("....", leaf.hex()))
    colons = ":".join(re.findall("..", leaf.hex()))
    plain = base64.b64encode(leaf).decode()
    url_safe = base64.urlsafe_b64encode(leaf).decode().rstrip("=")
    for typed in (
        "7",
        " 7 ",
        "#7",
        "７",
        leaf.hex(),
        leaf.hex().upper(),
        spaced,
        colons,
        f"sha256:{leaf.hex()}",
        f"0x{leaf.hex()}",
        plain,
        url_safe,
        f"https://log.example.org/log/proof/leaf/{leaf.hex()}.tlog-proof",
        "https://log.example.org/ledger/entries/7",
    ):
        answer = site.visitor.get("/ledger/find", query_string={"text": typed})

        assert answer.status_code == 302, typed
        assert answer.headers["Location"] == "/ledger/entries/7"


@pytest.mark.parametrize(
    ("typed", "status", "words"),
    [
        ("", 422, "expected an index or a leaf hash"),
        ("c0ffee", 422, "found 6 hexadecimal digits"),
        ("a" * 63, 422, "found 63 hexadecimal digits"),
        ("9" * 20, 422, "found 20 hexadecimal digits"),
        ("9" * 16, 422, "which no log reaches"),
        ("ab" * 32, 404, "no entry of this log has that leaf hash"),
        ("999999", 404, "the log has"),
        ("lead bars", 422, "found lead bars"),
        ("Z" * 42 + "B", 422, "no hash of 32 bytes"),
        ('"><script>alert(1)</script>', 422, "expected the index"),
    ],
)
def test_what_is_not_found_is_said_in_words(
    site: Site, typed: str, status: int, words: str
) -> None:
    asked = {"text": typed, "lang": "en"}

    answer = site.visitor.get("/ledger/find", query_string=asked)

    assert answer.status_code == status
    assert words in html.unescape(answer.text)
    assert "<script>alert" not in answer.text
    assert 'id="text-error"' in answer.text


@pytest.mark.parametrize("index", ["99999", str(2**53), str(2**70), "-1", "x", "1.5"])
def test_an_entry_that_is_not_there_is_not_found(site: Site, index: str) -> None:
    for client in (site.visitor, site.person("auditor")):
        assert client.get(f"/ledger/entries/{index}").status_code == 404


def test_the_search_finds_what_is_asked_and_nothing_else(site: Site) -> None:
    auditor = site.person("auditor")
    everything = whole(auditor, "/ledger/search")
    size = max(site.newest.values()) + 1
    assert everything == list(range(size - 1, -1, -1))
    with site.world.reading() as session:
        rows = session.execute(
            select(LogEntryRow.entry_index, LogEntryRow.type, LogEntryRow.org)
        ).all()

    for kind in FACT_TYPES:
        expected = {row.entry_index for row in rows if row.type == kind}
        assert set(whole(auditor, f"/ledger/search?type={kind}")) == expected, kind
    theirs = {row.entry_index for row in rows if row.org == SMELTER}
    for name in (SMELTER, format_code(SMELTER).lower(), "org-s"):
        asked = whole(auditor, f"/ledger/search?organisation={name}")
        assert set(asked) == theirs, name
    both = whole(auditor, f"/ledger/search?organisation={SMELTER}&type=run.recorded")
    assert set(both) == {
        row.entry_index
        for row in rows
        if (row.org, row.type) == (SMELTER, "run.recorded")
    }
    assert whole(auditor, "/ledger/search?organisation=nobody-like-it") == []


def test_the_search_finds_everything_about_a_lot_that_the_reader_may_read(
    site: Site,
) -> None:
    auditor, yard = site.person("auditor"), site.person("recycler", YARD)

    about = whole(auditor, f"/ledger/search?lot={format_code(PROFILE).lower()}")

    for kind in ("claim.issued", "claim.withdrawn", "label.issued", "label.voided"):
        assert site.newest[kind] in about, kind
    assert whole(yard, f"/ledger/search?lot={PROFILE}") == []
    with site.world.reading() as session:
        lots = session.scalars(select(LotRow.code)).all()
    mine = site.readable(YARD)
    for lot in lots:
        theirs = set(whole(auditor, f"/ledger/search?lot={lot}"))
        assert theirs
        assert set(whole(yard, f"/ledger/search?lot={lot}")) == theirs & mine
        narrowed = whole(auditor, f"/ledger/search?lot={lot}&type=lot.sourced")
        assert set(narrowed) <= theirs


def test_the_search_narrows_by_the_day_on_which_something_happened(site: Site) -> None:
    auditor = site.person("auditor")
    with site.world.reading() as session:
        rows = session.execute(select(LogEntryRow.entry_index, LogEntryRow.at)).all()
    days = sorted({row.at.strftime("%Y-%m-%d") for row in rows})
    assert len(days) > 1

    everything = {row.entry_index for row in rows}
    first = set(whole(auditor, f"/ledger/search?until={days[0]}"))
    rest = set(whole(auditor, f"/ledger/search?since={days[-1]}"))

    assert first < everything
    assert rest < everything
    assert set(whole(auditor, "/ledger/search?since=2020-01-01")) == everything
    assert whole(auditor, "/ledger/search?until=2019-12-31") == []
    assert whole(auditor, "/ledger/search?since=2026-12-31&until=2026-01-01") == []


@pytest.mark.parametrize("org", [None, YARD])
def test_pages_of_a_search_meet_without_gap_or_double(
    site: Site, org: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.ledger_search.PAGE", 7)
    client = site.person("recycler" if org else "auditor", org)

    page = client.get("/ledger/search").text
    forth = [found(page)]
    while (older := re.search(r'href="([^"]+)" rel="next"', page)) is not None:
        page = client.get(html.unescape(older[1])).text
        forth.append(found(page))
    back = [forth[-1]]
    while (newer := re.search(r'href="([^"]+)" rel="prev"', page)) is not None:
        page = client.get(html.unescape(newer[1])).text
        back.append(found(page))

    flat = [one for some in forth for one in some]
    assert len(forth) > 2
    assert flat == sorted(set(flat), reverse=True)
    assert sorted({one for some in back for one in some}, reverse=True) == flat


@pytest.mark.parametrize("typed", STRANGE)
def test_hostile_questions_break_nothing(site: Site, typed: str) -> None:
    client = site.person("auditor")
    names = ("lot", "organisation", "type", "since", "until", "before", "after")

    for name in names:
        answer = client.get("/ledger/search", query_string={name: typed})
        assert answer.status_code == (422 if name in ("lot", "since", "until") else 200)
        assert "<script>alert" not in answer.text


@pytest.mark.parametrize(
    "day", ["9999-12-31", "0001-01-01", "2026-02-30", "1900-01-01"]
)
def test_days_at_the_ends_of_the_calendar_break_nothing(site: Site, day: str) -> None:
    client = site.person("auditor")

    for name in ("since", "until"):
        answer = client.get(f"/ledger/search?{name}={day}")
        assert answer.status_code in (200, 422)
        assert (answer.status_code == 422) == (f'id="{name}-error"' in answer.text)


def test_a_wrong_code_or_day_is_said_beside_its_field(site: Site) -> None:
    client = site.person("auditor")

    answer = client.get("/ledger/search?lot=7K3M&since=yesterday&lang=en")

    assert answer.status_code == 422
    assert 'id="lot-error"' in answer.text
    assert "found yesterday, expected a date" in answer.text
    assert 'value="7K3M"' in answer.text


def test_checkpoints_are_shown_with_their_text_and_fit_the_newest(
    site: Site,
) -> None:
    first = max(site.newest.values()) + 1
    site.world.register("later")
    site.world.checkpoint()
    visitor = site.visitor

    front = visitor.get("/ledger?lang=en").text
    page = visitor.get(f"/ledger/checkpoints/{first}?lang=en").text
    file = visitor.get(f"/ledger/checkpoints/{first}/note")

    assert f'href="/ledger/checkpoints/{first}"' in front
    assert "Nobody witnesses this log" in front
    assert "checked as this page was made" in page
    assert "does not fit" not in page
    note, _ = split_note(file.data)
    checkpoint = parse_checkpoint_text(note)
    assert checkpoint.size == first
    assert checkpoint.root.hex() in page
    newest = visitor.get(f"/ledger/checkpoints/{first + 2}?lang=en").text
    assert "the newest" in newest
    missing = visitor.get(f"/ledger/checkpoints/{first + 1}?lang=en")
    assert missing.status_code == 404
    assert f"{first}, {first + 2}" in missing.text
    for size in (0, 2**53, 2**70):
        assert visitor.get(f"/ledger/checkpoints/{size}").status_code == 404


def test_a_checkpoint_that_does_not_fit_is_called_so(site: Site) -> None:
    first = max(site.newest.values()) + 1
    site.world.register("later")
    site.world.checkpoint()
    _tamper(
        site.world.engine,
        "checkpoint",
        f"UPDATE checkpoint SET root = :value WHERE size = {first}",
        bytes(32),
    )

    page = site.visitor.get(f"/ledger/checkpoints/{first}?lang=en")

    assert page.status_code == 200
    assert "does not fit" in page.text


def test_a_signature_that_does_not_hold_is_marked(site: Site) -> None:
    index = site.newest["lot.delivered"]
    with site.world.reading() as session:
        note = session.get_one(LogEntryRow, index).note
    changed = note.replace(b'"net_g":1000000', b'"net_g":1000001')
    assert changed != note
    _tamper(
        site.world.engine,
        "log_entry",
        f"UPDATE log_entry SET note = :value WHERE entry_index = {index}",
        changed,
    )

    page = site.person("auditor").get(f"/ledger/entries/{index}?lang=en").text

    assert 'class="mark bad"' in page
    assert "The signature is not by this key over this text" in page


def _tamper(engine: Engine, table: str, statement: str, value: bytes) -> None:
    """Change a row as whoever owns the database can."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text(f"DROP TRIGGER {table}_refuses_update"))
        else:
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        connection.execute(text(statement), {"value": value})


def test_the_earlier_addresses_lead_on(site: Site) -> None:
    auditor = site.person("auditor")

    old = auditor.get("/entries?type=run.recorded&lang=en")
    entry = auditor.get("/entries/5?lang=en")

    assert old.headers["Location"] == "/ledger/search?type=run.recorded&lang=en"
    assert entry.headers["Location"] == "/ledger/entries/5?lang=en"


def test_every_public_page_leads_to_the_log(site: Site) -> None:
    for address in ("/", "/v", "/ledger", "/statistics/national", "/ledger/entries/3"):
        assert 'href="/ledger"' in site.visitor.get(address).text
    assert 'href="/ledger"' in site.person("recycler", YARD).get("/lots").text


NEWEST = "entry_index < 1000 ORDER BY entry_index DESC LIMIT 51"
LOG = "FROM log_entry WHERE"
WALKS = {
    "ix_log_entry_org_entry_index": f"entry_index {LOG} org = 'X' AND {NEWEST}",
    "ix_log_entry_type_entry_index": f"entry_index {LOG} type = 'X' AND {NEWEST}",
    "ix_log_entry_at_entry_index": (
        f"min(entry_index + 0) {LOG} at >= '2026-01-01' AND at < '2026-02-01'"
    ),
    "ix_entry_party_organisation_id_entry_index": (
        "entry_index FROM entry_party WHERE organisation_id = 7 "
        "ORDER BY entry_index DESC LIMIT 51"
    ),
}


@pytest.mark.parametrize("index", sorted(WALKS))
def test_a_search_walks_an_index_and_sorts_nothing(world: World, index: str) -> None:
    explain = "EXPLAIN QUERY PLAN" if _is_sqlite(world) else "EXPLAIN"
    with world.engine.connect() as connection:
        if not _is_sqlite(world):
            # An empty table is always read whole unless that is forbidden
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        plan = connection.execute(text(f"{explain} SELECT {WALKS[index]}")).all()
    told = "\n".join(str(row) for row in plan)

    assert index in told
    assert "TEMP B-TREE" not in told
    assert "Sort" not in told


def _is_sqlite(world: World) -> bool:
    return world.engine.dialect.name == "sqlite"


def test_witnesses_are_shown_with_what_they_weigh_and_last_said(
    world: World, tmp_path: Path
) -> None:
    every_type(world)
    world.checkpoint()
    with honest(tmp_path, 1, world) as one, honest(tmp_path, 2, world) as two:
        policy = policy_of(world, *at(one, two), quorum=1)
        ask_all(desk_of(world, policy))
    world.register("later")
    world.checkpoint()
    ask_all(desk_of(world, policy))
    app = create_app(
        Settings(
            database_url=world.engine.url.render_as_string(hide_password=False),
            data_dir=tmp_path,
            secret_key="k" * 32,
            key_encryption_key=bytes(range(32)),
            policy=policy,
        )
    )
    visitor = app.test_client()
    with world.reading() as session:
        newest, first = session.scalars(
            select(CheckpointRow.size).order_by(CheckpointRow.size.desc())
        ).all()

    front = visitor.get("/ledger?lang=en").text
    pages = [
        visitor.get(f"/ledger/checkpoints/{size}?lang=en").text
        for size in (first, newest)
    ]
    entries = [
        visitor.get(f"/ledger/entries/{index}?lang=en").text
        for index in (1, newest - 1)
    ]

    table = front.split("Newest checkpoints")[1].split("</table>")[0]
    assert table.count('class="mark ok"') == 2
    assert f'href="/ledger/checkpoints/{first}">{first}</a></dd>' in front
    assert front.count("counts, others can stand in") == 2
    assert front.count("did not answer") == 2
    assert "at least 1 of them has cosigned" in front
    assert "the quorum of the policy has cosigned it" in pages[0]
    assert pages[0].count('class="mark ok"') == 2
    assert "the quorum of the policy has not cosigned it" in pages[1]
    state = entries[0].split("<dt>State</dt>")[1].split("</dd>")[0]
    assert ">witnessed</span>" in state
    assert "the witnesses have not come to it yet" in entries[1]
    close(app)


@pytest.mark.parametrize(
    ("quorum", "words"), [(0, "optional"), (2, "required")], ids=["none", "both"]
)
def test_a_policy_says_whether_a_witness_is_needed(
    world: World, quorum: int, words: str
) -> None:
    keys = [(witness_key(n), f"http://127.0.0.1:9/{n}") for n in (1, 2)]
    policy = policy_of(world, *keys, quorum=quorum)

    assert set(standings(policy).values()) == {words}


@pytest.mark.parametrize("question", ["", "&type=lot.sourced", f"&lot={PROFILE}"])
def test_all_that_is_found_can_be_taken_away(
    site: Site, question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.ledger_search.ROWS_A_READ", 7)
    for client in (site.person("auditor"), site.person("recycler", SMELTER)):
        answer = client.get(f"/ledger/search?format=csv&lang=en{question}")

        rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
        assert answer.mimetype == "text/csv"
        listed = [int(row[0]) for row in rows[1:] if row and row[0].isdecimal()]
        assert listed == whole(client, f"/ledger/search?lang=en{question}")
    assert site.visitor.get("/ledger/search?format=csv").status_code == 302


def test_nothing_is_taken_away_for_a_question_that_makes_no_sense(site: Site) -> None:
    client = site.person("auditor")

    answer = client.get("/ledger/search?format=csv&lot=abc&lang=en")

    assert answer.status_code == 422
    assert "expected the code of a lot" in answer.text
