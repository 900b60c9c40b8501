"""A verifier by somebody who has read docs/reference/log-format.md and nothing else.

It imports none of our packages: the standard library, and Ed25519 of ``cryptography``.
Numbers in comments are sections of that page.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import re
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P
HEX = re.compile(r"[0-9a-f]{64}")


class Bad(Exception):
    """Refused, with the code of section 14."""


def need(holds: object, code: str) -> None:
    if not holds:
        raise Bad(code)


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def un64(text: str, code: str) -> bytes:
    """Base64 in its one spelling."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Bad(code) from None
    need(base64.b64encode(data).decode() == text, code)
    return data


# 1. Keys


def is_weak(raw: bytes) -> bool:
    if len(raw) != 32:
        return True
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= P:
        return True
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - xx) % P:
        return False  # no point at all: it verifies nothing
    for _ in range(3):
        k = D * x * x * y * y % P
        x, y = (
            2 * x * y * pow(1 + k, P - 2, P) % P,
            (y * y + x * x) * pow(1 - k, P - 2, P) % P,
        )
    return (x, y) == (0, 1)


def is_name(name: str) -> bool:
    return bool(name) and not re.search(r"[\s+\x00-\x1f\ud800-\udfff]", name)


def key_of(vkey: str, kind: int = 1) -> tuple[str, bytes, bytes]:
    """(name, key ID, public key)."""
    parts = vkey.split("+", 2)
    need(len(parts) == 3, "key.malformed")
    name, shown, encoded = parts
    data = un64(encoded, "key.malformed")
    need(len(data) == 33 and data[0] == kind and is_name(name), "key.malformed")
    need(not is_weak(data[1:]), "key.weak")
    key_id = sha(name.encode(), b"\n", data)[:4]
    need(key_id.hex() == shown, "key.malformed")
    return name, key_id, data[1:]


def check(public: bytes, signature: bytes, message: bytes, code: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise Bad(code) from None


# 2. Signed notes


def split(note: bytes) -> tuple[bytes, list[tuple[str, bytes, bytes, str]]]:
    bad = "note.malformed"
    need(len(note) <= 1_000_000 and note.endswith(b"\n"), bad)
    need(not any(one < 0x20 and one != 10 for one in note), bad)
    try:
        note.decode()
    except UnicodeDecodeError:
        raise Bad(bad) from None
    cut = note.rfind(b"\n\n")
    need(cut >= 0 and note[cut + 2 :], bad)
    rows = note[cut + 2 : -1].decode().split("\n")
    need(len(rows) <= 100, bad)
    lines = []
    for row in rows:
        need(row.startswith("— ") and row.count(" ") == 2, bad)
        _, name, encoded = row.split(" ")
        data = un64(encoded, bad)
        need(is_name(name) and len(data) > 4, bad)
        lines.append((name, data[:4], data[4:], row))
    return note[: cut + 1], lines


def open_note(
    note: bytes, vkeys: list[str]
) -> tuple[bytes, list[tuple[str, bytes, bytes, str]], list[str]]:
    """(text, lines of unknown keys, names of those who signed)."""
    text, lines = split(note)
    known: dict[tuple[str, bytes], bytes] = {}
    for one in vkeys:
        name, key_id, public = key_of(one)
        need(known.setdefault((name, key_id), public) == public, "key.ambiguous")
    signed, unknown = [], []
    for line in lines:
        key = known.get(line[:2])
        if key is None:
            unknown.append(line)
        else:
            check(key, line[2], text, "signature.bad")
            signed.append(line[0])
    need(signed, "signature.missing")
    return text, unknown, signed


# 3. Entries


def load(text: str, code: str) -> Any:
    """JSON of whole numbers, no member twice."""

    def no(_: str) -> Any:
        raise Bad(code)

    def whole(number: str) -> int:
        need(len(number) <= 17 and abs(int(number)) <= 2**53 - 1, code)
        return int(number)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        need(len(dict(items)) == len(items), code)
        return dict(items)

    try:
        return json.loads(
            text,
            parse_float=no,
            parse_constant=no,
            parse_int=whole,
            object_pairs_hook=pairs,
        )
    except (ValueError, RecursionError):
        raise Bad(code) from None


def fits(value: Any, depth: int = 32) -> bool:
    """Depth, and names in ASCII."""
    if isinstance(value, dict):
        return depth > 0 and all(
            name.isascii() and fits(one, depth - 1) for name, one in value.items()
        )
    if isinstance(value, list):
        return depth > 0 and all(fits(one, depth - 1) for one in value)
    return True


def ascending(value: Any, pattern: str) -> bool:
    return (
        isinstance(value, list)
        and all(isinstance(one, str) and re.fullmatch(pattern, one) for one in value)
        and value == sorted(set(value))
    )


def is_second(text: Any) -> bool:
    if not isinstance(text, str) or not re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text, re.ASCII
    ):
        return False
    try:
        datetime.datetime(*map(int, re.findall(r"\d+", text)))  # type: ignore[arg-type]
    except ValueError:
        return False
    return True


def is_text(value: Any, pattern: str) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None


def is_seen(value: Any) -> bool:
    return value is None or (
        isinstance(value, dict)
        and set(value) == {"root", "size"}
        and type(value["size"]) is int
        and value["size"] >= 1
        and is_text(value["root"], "[0-9a-f]{64}")
    )


UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
MEMBERS = {"at", "data", "id", "org", "parents", "sd", "seen", "type", "v"}


def entry_of(
    note: bytes,
) -> tuple[dict[str, Any], bytes, list[tuple[str, bytes, bytes, str]]]:
    """(fact, text, lines)."""
    need(len(note) <= 65_535, "entry.too_long")
    text, lines = split(note)
    need(text.startswith(b"remelt/fact@v1\n"), "entry.header")
    body = text[15:-1].decode()
    need("\n" not in body, "entry.malformed")
    fact = load(body, "entry.not_canonical")
    need(isinstance(fact, dict) and fits(fact), "entry.not_canonical")
    spelt = json.dumps(fact, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    need(spelt == body, "entry.not_canonical")
    need(
        set(fact) == MEMBERS
        and is_text(fact["id"], UUID)
        and is_text(fact["type"], r"[a-z]+\.[a-z_]+")
        and type(fact["v"]) is int
        and fact["v"] >= 1
        and is_text(fact["org"], "[0-9A-Z-]{1,64}")
        and is_second(fact["at"])
        and isinstance(fact["data"], dict)
        and ascending(fact["sd"], "[A-Za-z0-9_-]{43}")
        and ascending(fact["parents"], "[0-9a-f]{64}")
        and is_seen(fact["seen"]),
        "entry.envelope",
    )
    names = [line[0] for line in lines]
    need(names == sorted(set(names)), "entry.signatures")
    return fact, text, lines


def leaf_of(note: bytes) -> bytes:
    return sha(b"\0", note)


# 4. Private values


def disclosure_of(text: str) -> tuple[str, str]:
    """(name, digest)."""
    bad = "disclosure.malformed"
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        parts = json.loads(raw.decode())
    except (ValueError, RecursionError):
        raise Bad(bad) from None
    need(base64.urlsafe_b64encode(raw).decode().rstrip("=") == text, bad)
    need(isinstance(parts, list) and len(parts) == 3, bad)
    need(all(isinstance(one, str) for one in parts), bad)
    digest = base64.urlsafe_b64encode(sha(text.encode())).decode().rstrip("=")
    return parts[1], digest


# 5. Keys in the log

OPERATORS = {
    *("log.genesis", "organisation.registered", "key.registered", "key.rotated"),
    *("key.revoked", "disclosure.erased", "entry.corrected", "reference.changed"),
    "statement.released",
}


class Key:
    def __init__(self, vkey: str, org: str, held_by: str, index: int) -> None:
        self.name, self.id, self.public = key_of(vkey)
        self.org, self.held_by, self.start = org, held_by, index
        self.number = int(self.name.rpartition("/")[2])
        self.next: str | None = None
        self.end: int | None = None

    def valid(self, index: int) -> bool:
        return self.start < index and (self.end is None or index <= self.end)


class Keys:
    """The fold of section 5."""

    def __init__(self) -> None:
        self.origin = self.operator = self.log_vkey = ""
        self.orgs: set[str] = set()
        self.keys: dict[str, Key] = {}
        self.publics: set[bytes] = set()
        self.last = -1

    def check(self, index: int, note: bytes) -> dict[str, Any]:
        fact, text, lines = entry_of(note)
        need(len(lines) == 1, "signature.count")
        need((fact["type"] == "log.genesis") == (index == 0), "genesis.place")
        name, key_id, signature, _ = lines[0]
        public = self._signer(index, fact, name)
        need(public[:2] == (name, key_id), "signature.unexpected")
        check(public[2], signature, text, "signature.bad")
        self._fold(index, fact)
        return fact

    def _signer(
        self, index: int, fact: dict[str, Any], name: str
    ) -> tuple[str, bytes, bytes]:
        if index == 0:
            return key_of(self._text(fact, "registrar_vkey"))
        if fact["type"] == "key.rotated":
            return key_of(self._text(fact, "vkey"))
        key = self.keys.get(name)
        need(key is not None, "key.unknown")
        assert key is not None
        need(key.valid(index), "key.not_valid")
        org = fact["org"]
        allowed = {org}
        if fact["type"] == "organisation.registered":
            allowed = {org} & {self.operator}
        if fact["type"] == "key.registered":
            own = any(k.org == org and k.valid(index) for k in self.keys.values())
            allowed = {org if own else self.operator}
        if fact["type"] == "key.revoked":
            allowed = {org, self.operator}
        need(key.org in allowed, "signer.not_allowed")
        need(
            key.org != self.operator or fact["type"] in OPERATORS, "signer.not_allowed"
        )
        return key.name, key.id, key.public

    def _text(self, fact: dict[str, Any], member: str) -> str:
        value = fact["data"].get(member)
        need(isinstance(value, str), "fact.malformed")
        return str(value)

    def _fold(self, index: int, fact: dict[str, Any]) -> None:
        need(index > self.last, "history.order")
        kind, org = fact["type"], fact["org"]
        if kind == "log.genesis":
            self._found(fact)
        need(self.origin, "history.no_genesis")
        if kind == "organisation.registered":
            code = self._text(fact, "code")
            need(code not in self.orgs and code != self.operator, "organisation.twice")
            self.orgs.add(code)
        elif kind == "key.registered":
            need(org in self.orgs or org == self.operator, "organisation.unknown")
            vkey = self._text(fact, "vkey")
            public = key_of(vkey)[2]
            proof = un64(self._text(fact, "proof"), "possession.malformed")
            words = f"remelt/key-possession@v1\n{org}\n{vkey}\n".encode()
            check(public, proof, words, "possession.bad")
            holder = self._text(fact, "held_by")
            need(holder in ("organisation", "platform"), "fact.malformed")
            self._add(index, fact, holder)
        elif kind == "key.rotated":
            old = self._by_id(fact, "old")
            public = key_of(self._text(fact, "vkey"))[2]
            need(old.next == sha(public).hex(), "rotation.other_key")
            self._add(index, fact, old.held_by)
            old.end = index if old.end is None else old.end
        elif kind == "key.revoked":
            key = self._by_id(fact, "key_id")
            need(key.valid(index), "key.ended")
            key.end = index
        self.last = index

    def _found(self, fact: dict[str, Any]) -> None:
        log = key_of(self._text(fact, "log_vkey"))
        registrar = self._text(fact, "registrar_vkey")
        self.origin, self.operator = self._text(fact, "origin"), fact["org"]
        name = re.fullmatch(
            r"(.+)/([0-9A-Z-]+)/([1-9][0-9]{0,8})", key_of(registrar)[0]
        )
        need(name, "key.name")
        assert name is not None
        need(
            log[0] == self.origin and name.groups()[:2] == (self.origin, self.operator),
            "genesis.names",
        )
        need(log[2] != key_of(registrar)[2], "genesis.shared_key")
        self.publics.add(log[2])
        self.log_vkey = self._text(fact, "log_vkey")
        self._keep(Key(registrar, self.operator, "operator", 0))

    def _add(self, index: int, fact: dict[str, Any], held_by: str) -> None:
        vkey, org = self._text(fact, "vkey"), fact["org"]
        name = re.fullmatch(r"(.+)/([0-9A-Z-]+)/([1-9][0-9]{0,8})", key_of(vkey)[0])
        need(name, "key.name")
        assert name is not None
        need(name.groups()[:2] == (self.origin, org), "key.name")
        numbers = [key.number for key in self.keys.values() if key.org == org]
        need(int(name[3]) > max(numbers, default=0), "key.number")
        key = Key(vkey, org, held_by, index)
        if fact["data"].get("next") is not None:
            key.next = self._text(fact, "next")
        self._keep(key)

    def _keep(self, key: Key) -> None:
        need(key.public not in self.publics, "key.in_use")
        self.publics.add(key.public)
        self.keys[key.name] = key

    def _by_id(self, fact: dict[str, Any], member: str) -> Key:
        wanted = self._text(fact, member)
        for key in reversed(self.keys.values()):
            if key.org == fact["org"] and key.id.hex() == wanted:
                return key
        raise Bad("key.unknown")


# 6. The tree


def node(left: bytes, right: bytes) -> bytes:
    return sha(b"\1", left, right)


def root_of(leaves: list[bytes]) -> bytes:
    if not leaves:
        return sha()
    if len(leaves) == 1:
        return leaves[0]
    cut = 1 << (len(leaves) - 1).bit_length() - 1
    return node(root_of(leaves[:cut]), root_of(leaves[cut:]))


def inclusion(
    proof: list[bytes], index: int, size: int, leaf: bytes, root: bytes
) -> None:
    need(0 <= index < size, "inclusion.index")
    need(all(len(one) == 32 for one in [leaf, root, *proof]), "hash.length")
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        need(last, "inclusion.length")
        if at % 2 or at == last:
            found = node(sibling, found)
            while at % 2 == 0 and at:
                at, last = at // 2, last // 2
        else:
            found = node(found, sibling)
        at, last = at // 2, last // 2
    need(last == 0 and found == root, "inclusion.root")


def consistency(
    proof: list[bytes], old_size: int, new_size: int, old_root: bytes, new_root: bytes
) -> None:
    need(0 < old_size <= new_size, "consistency.size")
    hashes = [old_root, new_root, *proof]
    need(all(len(one) == 32 for one in hashes), "hash.length")
    if old_size == new_size:
        need(not proof and old_root == new_root, "consistency.roots")
        return
    need(proof, "consistency.empty")
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else proof
    at, last = old_size - 1, new_size - 1
    while at % 2:
        at, last = at // 2, last // 2
    old = new = path[0]
    for sibling in path[1:]:
        need(last, "consistency.length")
        if at % 2 or at == last:
            old, new = node(sibling, old), node(sibling, new)
            while at % 2 == 0 and at:
                at, last = at // 2, last // 2
        else:
            new = node(new, sibling)
        at, last = at // 2, last // 2
    need((last, old, new) == (0, old_root, new_root), "consistency.root")


# 8. Checkpoints, 9. policies


def head_of(text: bytes) -> tuple[str, int, bytes]:
    bad = "checkpoint.malformed"
    lines = text.decode().split("\n")
    need(len(lines) >= 4 and not lines[-1] and "" not in lines[:-1], bad)
    need(re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1]), bad)
    root = un64(lines[2], bad)
    need(len(root) == 32 and int(lines[1]) < 2**63, bad)
    need(not lines[0].startswith("remelt/"), bad)
    return lines[0], int(lines[1]), root


class Policy:
    def __init__(self, text: str) -> None:
        bad = "policy.malformed"
        need(len(text) <= 1_000_000, bad)
        need(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text), bad)
        self.logs: list[str] = []
        self.witnesses: dict[str, tuple[str, bytes, bytes]] = {}
        self.groups: dict[str, tuple[int, list[str]]] = {}
        self.quorum: str | None = None
        self.said: list[list[str]] = []
        self._members: list[str] = []
        for line in text.split("\n"):
            words = re.split(r"[ \t]+", line.strip(" \t"))
            if words[0] and not words[0].startswith("#"):
                self.said.append(words)
                need(len(self.said) <= 1000, bad)
                self._read(words)
        need(self.quorum is not None, "policy.quorum")
        self._once([key_of(one)[2] for one in self.logs])
        self._once([one[2] for one in self.witnesses.values()])
        self._once(self._members)

    def _once(self, values: list[Any]) -> None:
        need(len(set(values)) == len(values), "policy.duplicate")

    def _define(self, name: str) -> None:
        taken = name in self.witnesses or name in self.groups or name == "none"
        need(not taken, "policy.duplicate")

    def _known(self, name: str) -> None:
        need(name in self.witnesses or name in self.groups, "policy.name")

    def _key(self, vkey: str, kind: int) -> tuple[str, bytes, bytes]:
        try:
            return key_of(vkey, kind)
        except Bad:
            raise Bad("policy.key") from None

    def _read(self, words: list[str]) -> None:
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                self._key(vkey, 1)
                self.logs.append(vkey)
            case ["witness", name, vkey] | ["witness", name, vkey, _]:
                key = self._key(vkey, 4)
                self._define(name)
                self.witnesses[name] = key
            case ["group", name, count, *members] if members:
                for one in members:
                    self._known(one)
                bounds = {"any": 1, "all": len(members)}
                if count not in bounds:
                    need(re.fullmatch("[1-9][0-9]{0,3}", count), "policy.threshold")
                k = bounds.get(count) or int(count)
                need(k <= len(members), "policy.threshold")
                self._define(name)
                self._members += members
                self.groups[name] = (k, members)
            case ["quorum", name]:
                need(self.quorum is None, "policy.quorum")
                if name != "none":
                    self._known(name)
                self.quorum = name
            case _:
                raise Bad("policy.malformed")

    def evaluate(self, note: bytes) -> tuple[str, int, bytes]:
        """The checkpoint, its quorum met."""
        text, unknown, signed = open_note(note, self.logs)
        head = head_of(text)
        need(all(name == head[0] for name in signed), "checkpoint.origin")
        reached = set()
        for name, key_id, signature, _ in unknown:
            for known, key in self.witnesses.items():
                if key[:2] != (name, key_id):
                    continue
                need(
                    len(signature) == 72 and signature[0] < 128, "cosignature.malformed"
                )
                seconds = int.from_bytes(signature[:8], "big")
                words = f"cosignature/v1\ntime {seconds}\n".encode() + text
                check(key[2], signature[8:], words, "cosignature.bad")
                reached.add(known)
        for name, (k, members) in self.groups.items():
            if len(reached.intersection(members)) >= k:
                reached.add(name)
        need(self.quorum == "none" or self.quorum in reached, "quorum.missing")
        return head

    def same(self, other: Policy) -> bool:
        """Order within a kind counts, between kinds it does not; any and all are k."""
        return self._form() == other._form()

    def _form(self) -> tuple[Any, ...]:
        named = [one for one in self.said if one[0] in ("log", "witness")]
        return (
            sorted(named, key=lambda one: one[0]),
            list(self.groups.items()),
            self.quorum,
        )


# 10. Proof files


def proof_file(data: bytes, leaf: bytes, policy: Policy) -> None:
    bad = "proof_file.malformed"
    head, empty, checkpoint = data.partition(b"\n\n")
    need(empty and len(data) <= 2_000_000, bad)
    try:
        lines = head.decode("ascii").split("\n")
        head_of(split(checkpoint)[0])
    except (UnicodeDecodeError, Bad):
        raise Bad(bad) from None
    need(lines.pop(0) == "c2sp.org/tlog-proof@v1", bad)
    if lines and lines[0].startswith("extra "):
        un64(lines.pop(0)[6:], bad)
    need(lines and re.fullmatch("index (0|[1-9][0-9]{0,18})", lines[0]), bad)
    index = int(lines.pop(0)[6:])
    hashes = [un64(one, bad) for one in lines]
    need(index < 2**63 and len(hashes) <= 63, bad)
    need(all(len(one) == 32 for one in hashes), bad)
    _, size, root = policy.evaluate(checkpoint)
    inclusion(hashes, index, size, leaf, root)


# 11. Bundles


def _document(data: bytes) -> dict[str, Any]:
    bad = "bundle.malformed"
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Bad("bundle.not_json") from None
    made = load_plain(text)
    need(isinstance(made, dict), "bundle.not_json")
    parts = {"kind", "subject", "policy", "genesis", "checkpoint", "entries"}
    need(set(made) == {"format", *parts}, bad)
    need(made["format"] == "remelt/bundle@v1", bad)
    need(made["kind"] in ("public", "full"), bad)
    subject = made["subject"]
    need(isinstance(subject, dict) and subject, bad)
    need(set(subject) <= {"label_sha256", "claim", "lot"}, bad)
    need(all(isinstance(one, str) for one in subject.values()), bad)
    need(is_plain(made["policy"]) or isinstance(made["policy"], str), bad)
    need(is_text(made["genesis"], "[0-9a-f]{64}") and is_plain(made["checkpoint"]), bad)
    need(isinstance(made["entries"], list), bad)
    for one in made["entries"]:
        need(isinstance(one, dict), bad)
        need({"index", "leaf", "proof"} <= set(one), bad)
        need(set(one) <= {"index", "leaf", "proof", "note", "disclosures"}, bad)
        need(type(one["index"]) is int and 0 <= one["index"] < 2**53, bad)
        need(is_text(one["leaf"], "[0-9a-f]{64}"), bad)
        need(isinstance(one["proof"], list) and len(one["proof"]) <= 63, bad)
        need(all(is_text(h, "[0-9a-f]{64}") for h in one["proof"]), bad)
        need("note" in one or "disclosures" not in one, bad)
        need("note" not in one or is_plain(one["note"]), bad)
        shown = one.get("disclosures", [])
        need(isinstance(shown, list) and all(isinstance(d, str) for d in shown), bad)
    indexes = [one["index"] for one in made["entries"]]
    need(indexes == sorted(set(indexes)), bad)
    return dict(made)


def is_plain(value: Any) -> bool:
    """Text without lone surrogates."""
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)


def load_plain(text: str) -> Any:
    def no(_: str) -> Any:
        raise Bad("bundle.not_json")

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        need(len(dict(items)) == len(items), "bundle.not_json")
        return dict(items)

    try:
        return json.loads(
            text, parse_float=no, parse_constant=no, object_pairs_hook=pairs
        )
    except (ValueError, RecursionError):
        raise Bad("bundle.not_json") from None


class Bundle:
    """The ten checks, all of them whatever fails."""

    def __init__(self, data: bytes, policy: Policy, genesis: str | None) -> None:
        self.made = _document(data)
        self.policy, self.known = policy, genesis
        self.head: tuple[str, int, bytes] | None = None
        self.shown: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def faults(self) -> dict[str, str]:
        """Check -> code, of those that fail."""
        found = {}
        names = "policy checkpoint entries genesis inclusion keys parents seen"
        for name in [*names.split(), "disclosures", "subject"]:
            try:
                getattr(self, f"check_{name}")()
            except Bad as bad:
                found[name] = str(bad)
        return found

    def check_policy(self) -> None:
        need(self.policy.same(Policy(self.made["policy"])), "policy.other")

    def check_checkpoint(self) -> None:
        self.head = self.policy.evaluate(self.made["checkpoint"].encode())

    def check_entries(self) -> None:
        for one in self.made["entries"]:
            if "note" in one:
                note = one["note"].encode()
                need(leaf_of(note).hex() == one["leaf"], "leaf.other")
                self.shown.append((one, entry_of(note)[0]))
        full = self.made["kind"] == "full"
        complete = len(self.shown) == len(self.made["entries"])
        need(not full or complete, "bundle.incomplete")

    def check_genesis(self) -> None:
        anchor = self.made["genesis"]
        need(self.known in (None, anchor), "genesis.other")
        need(self.shown and self.shown[0][0]["index"] == 0, "genesis.missing")
        first, fact = self.shown[0]
        need(first["leaf"] == anchor, "genesis.leaf")
        need(fact["data"].get("log_vkey") in self.policy.logs, "genesis.log_key")
        origin = fact["data"].get("origin")
        need(self.head is None or self.head[0] == origin, "genesis.origin")

    def check_inclusion(self) -> None:
        need(self.head, "inclusion.no_checkpoint")
        assert self.head is not None
        for one in self.made["entries"]:
            proof = [bytes.fromhex(h) for h in one["proof"]]
            leaf = bytes.fromhex(one["leaf"])
            inclusion(proof, one["index"], self.head[1], leaf, self.head[2])

    def check_keys(self) -> None:
        keys = Keys()
        for one, _ in self.shown:
            keys.check(one["index"], one["note"].encode())

    def check_parents(self) -> None:
        places: dict[str, int] = {}
        for one in self.made["entries"]:
            places.setdefault(one["leaf"], one["index"])
        for one, fact in self.shown:
            for parent in fact["parents"]:
                before = places.get(parent, one["index"]) < one["index"]
                need(before, "parents.missing")

    def check_seen(self) -> None:
        for one, fact in self.shown:
            seen = fact["seen"]
            need(seen is None or seen["size"] <= one["index"], "seen.ahead")

    def check_disclosures(self) -> None:
        for one, fact in self.shown:
            names = []
            for text in one.get("disclosures", []):
                name, digest = disclosure_of(text)
                need(digest in fact["sd"], "disclosure.unknown")
                need(name not in names, "disclosure.twice")
                names.append(name)

    def check_subject(self) -> None:
        subject = self.made["subject"]
        facts = [fact for _, fact in self.shown]
        wanted, claim = subject.get("label_sha256"), subject.get("claim")
        labels = [
            fact["data"]
            for fact in facts
            if fact["type"] == "label.issued"
            and wanted in listed(fact["data"], "codes_sha256")
        ]
        claims = [
            fact["data"]
            for fact in facts
            if fact["type"] == "claim.issued"
            and claim is not None
            and fact["data"].get("claim") == claim
        ]
        need(wanted is None or labels, "subject.label")
        need(claim is None or claims, "subject.claim")
        mixed = claim is not None and any(x.get("claim") != claim for x in labels)
        need(not mixed, "subject.mixed")
        if (lot := subject.get("lot")) is None:
            return
        lots = [x["lot"] for x in [*labels, *claims] if "lot" in x]
        made = [
            one.get("lot")
            for fact in facts
            for one in listed(fact["data"], "outputs")
            if isinstance(one, dict)
        ]
        made += [fact["data"].get("lot") for fact in facts]
        need(all(one == lot for one in lots) if lots else lot in made, "subject.lot")


def listed(data: dict[str, Any], member: str) -> list[Any]:
    value = data.get(member)
    return value if isinstance(value, list) else []


# 7. and 12. A whole archive


def tile_path(level: str, index: int, width: int) -> str:
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03d}")
    return f"tile/{level}/{'/'.join(groups)}" + (f".p/{width}" if width < 256 else "")


def edge_of(size: int) -> list[str]:
    """Section 7: the partial tiles of a tree."""
    paths, level, count = [], 0, size
    while count:
        if width := count % 256:
            kinds = [str(level)] if level else ["entries", "0"]
            paths += [tile_path(kind, count // 256, width) for kind in kinds]
        level, count = level + 1, count // 256
    return paths


def archive(folder: Any, policy: Policy) -> int:
    """Verify a folder; gives its size."""
    sealed = (folder / "policy").read_bytes()
    cut = sealed.rindex(b"# sha256 ")
    need(sealed[cut + 9 : -1].decode() == sha(sealed[:cut]).hex(), "policy.malformed")
    pin = re.search(rb"^# genesis ([0-9a-f]{64})$", sealed, re.MULTILINE)
    need(pin, "policy.malformed")
    checkpoint = (folder / "checkpoint").read_bytes()
    origin, size, root = policy.evaluate(checkpoint)
    known = {key_of(one)[:2] for one in policy.logs}
    known |= {key[:2] for key in policy.witnesses.values()}
    need(all(line[:2] in known for line in split(checkpoint)[1]), "note.malformed")
    hashes: list[bytes] = []
    notes: list[bytes] = []
    for at in range(0, size, 256):
        width = min(256, size - at)
        tile = (folder / tile_path("0", at // 256, width)).read_bytes()
        need(len(tile) == 32 * width, "tile.malformed")
        hashes += [tile[n : n + 32] for n in range(0, len(tile), 32)]
        data = (folder / tile_path("entries", at // 256, width)).read_bytes()
        while data:
            length = int.from_bytes(data[:2], "big")
            need(len(data) >= 2 + length, "tile.malformed")
            notes.append(data[2 : 2 + length])
            data = data[2 + length :]
    need(len(notes) == size and root_of(hashes) == root, "inclusion.root")
    row, level = hashes, 1
    while len(row) // 256:
        row = [root_of(row[n : n + 256]) for n in range(0, len(row) - 255, 256)]
        for at in range(0, len(row), 256):
            width = min(256, len(row) - at)
            path = folder / tile_path(str(level), at // 256, width)
            need(path.read_bytes() == b"".join(row[at : at + width]), "tile.malformed")
        level += 1
    assert pin is not None
    need(hashes[0].hex() == pin[1].decode(), "genesis.other")
    keys, before = Keys(), {}
    for index, note in enumerate(notes):
        need(leaf_of(note) == hashes[index], "leaf.other")
        fact = keys.check(index, note)
        need(keys.origin == origin, "genesis.origin")
        need(all(one in before for one in fact["parents"]), "parents.missing")
        before[hashes[index].hex()] = index
        if (seen := fact["seen"]) is not None:
            need(seen["size"] <= index, "seen.ahead")
            need(root_of(hashes[: seen["size"]]).hex() == seen["root"], "seen.ahead")
    return size


# 12. Evidence of a fork


def fork(data: bytes, policy: Policy) -> str:
    """``fork``, ``consistent`` or ``unproven``, under the log key that we know."""
    bad = "proof_file.malformed"
    made = load_plain(data.decode())
    need(isinstance(made, dict), "bundle.not_json")
    need(set(made) == {"format", "policy", "older", "newer", "proof"}, bad)
    need(made["format"] == "remelt/fork@v1" and isinstance(made["policy"], str), bad)
    proof = made["proof"]
    need(isinstance(proof, list) and len(proof) <= 65, bad)
    need(all(is_text(one, "[0-9a-f]{64}") for one in proof), bad)
    heads = []
    for side in (made["older"], made["newer"]):
        need(isinstance(side, dict) and set(side) == {"checkpoint", "from"}, bad)
        need(is_plain(side["checkpoint"]) and isinstance(side["from"], str), bad)
        need(len(side["from"]) <= 2000, bad)
        text, _, signed = open_note(side["checkpoint"].encode(), policy.logs)
        heads.append(head_of(text))
        need(set(signed) == {heads[-1][0]}, bad)
    (origin, old, old_root), (other, new, new_root) = heads
    need(origin == other and old <= new, bad)
    hashes = [bytes.fromhex(one) for one in proof]
    if old == new:
        return "consistent" if old_root == new_root else "fork"
    if old == 0:
        return "consistent" if old_root == sha() else "fork"
    return judge(hashes, old, new, old_root, new_root)


def judge(
    hashes: list[bytes], old: int, new: int, old_root: bytes, new_root: bytes
) -> str:
    """By the proof of the RFC and the older root that it gives itself."""
    if not hashes:
        return "unproven"
    at, last = old - 1, new - 1
    while at % 2:
        at, last = at // 2, last // 2
    begun = hashes[0]
    for sibling in hashes[1:]:  # the left siblings make the root of the old tree
        if at % 2 or at == last:
            begun = node(sibling, begun)
            while at % 2 == 0 and at:
                at, last = at // 2, last // 2
        at, last = at // 2, last // 2
    whole = hashes[1:] if old & (old - 1) == 0 else hashes
    try:
        if old & (old - 1) == 0:
            begun = hashes[0]
        consistency(whole, old, new, begun, new_root)
    except Bad:
        return "unproven"
    return "consistent" if begun == old_root else "fork"
