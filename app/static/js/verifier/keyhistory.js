/**
 * Which key may sign what, at which index: a fold over the log's own facts. A key is
 * valid from the entry after the one that registered it, up to and with the one that
 * ends it. A part of a log, such as a bundle, knows only what that part says.
 */

import { toHex } from "./bytes.js";
import { checkPossession, parseKeyName, verifyEntry } from "./entry.js";
import { refuse } from "./errors.js";
import { has } from "./json.js";
import { parseVkey } from "./note.js";
import { sha256 } from "./sha256.js";

const OPERATOR_TYPES = new Set([
  "log.genesis",
  "organisation.registered",
  "key.registered",
  "key.rotated",
  "key.revoked",
  "disclosure.erased",
  "entry.corrected",
  "reference.changed",
  "statement.released",
]);

const member = (fact, name) => (has(fact.data, name) ? fact.data[name] : undefined);

function textOf(fact, name) {
  const value = member(fact, name);
  if (typeof value !== "string") refuse("fact.malformed");
  return value;
}

const keyIn = (fact, name) => parseVkey(textOf(fact, name));

const isValidAt = (record, index) =>
  index > record.registeredIndex &&
  (record.endedIndex === null || index <= record.endedIndex);

export class KeyHistory {
  constructor() {
    this.origin = "";
    this.operator = "";
    this.organisations = new Set();
    this.keys = new Map();
    this.publicKeys = new Set();
    this.last = -1;
  }

  /** All keys that an organisation ever had, by number. */
  keysOf(organisation) {
    return [...this.keys.values()].filter((one) => one.organisation === organisation);
  }

  /** Who keeps the key of this name; null when there is no such key. */
  heldBy(name) {
    return this.keys.get(name)?.heldBy ?? null;
  }

  keyAt(name, index) {
    const record = this.keys.get(name);
    if (!record) refuse("key.unknown");
    if (!isValidAt(record, index)) refuse("key.not_valid");
    return record;
  }

  /** The one key that must have signed an entry at this index. */
  signerOf(index, entry) {
    const { fact, signatures } = entry;
    if (signatures.length !== 1) refuse("signature.count");
    if ((fact.type === "log.genesis") !== (index === 0)) refuse("genesis.place");
    if (index === 0) return keyIn(fact, "registrar_vkey");
    if (fact.type === "key.rotated") return keyIn(fact, "vkey");
    const record = this.keyAt(signatures[0].name, index);
    if (!this.signingOrganisations(fact, index).includes(record.organisation)) {
      refuse("signer.not_allowed");
    }
    if (record.organisation === this.operator && !OPERATOR_TYPES.has(fact.type)) {
      refuse("signer.not_allowed");
    }
    return record.key;
  }

  signingOrganisations(fact, index) {
    switch (fact.type) {
      case "organisation.registered":
        return fact.org === this.operator ? [this.operator] : [];
      case "key.registered": {
        const own = this.keysOf(fact.org).some((one) => isValidAt(one, index));
        return [own ? fact.org : this.operator];
      }
      case "key.revoked":
        return [this.operator, fact.org];
      default:
        return [fact.org];
    }
  }

  /** Verify an entry's signature at its index, and fold its fact. */
  async check(index, entry) {
    await verifyEntry(entry, this.signerOf(index, entry));
    await this.add(index, entry.fact);
  }

  /** Fold one fact whose signature was verified; in log order, gaps allowed. */
  async add(index, fact) {
    if (index <= this.last) refuse("history.order");
    if (!this.origin && fact.type !== "log.genesis") refuse("history.no_genesis");
    if (fact.type === "log.genesis") this.found(index, fact);
    else if (fact.type === "organisation.registered") this.registerOrganisation(fact);
    else if (fact.type === "key.registered") await this.registerKey(index, fact);
    else if (fact.type === "key.rotated") this.rotateKey(index, fact);
    else if (fact.type === "key.revoked") this.revokeKey(index, fact);
    this.last = index;
  }

  found(index, fact) {
    if (index !== 0) refuse("genesis.place");
    const [logKey, registrar] = [keyIn(fact, "log_vkey"), keyIn(fact, "registrar_vkey")];
    const origin = textOf(fact, "origin");
    const name = parseKeyName(registrar.name);
    const fits =
      origin === logKey.name && name.origin === origin && name.organisation === fact.org;
    if (!fits) refuse("genesis.names");
    if (toHex(logKey.publicKey) === toHex(registrar.publicKey)) {
      refuse("genesis.shared_key");
    }
    this.origin = origin;
    this.operator = fact.org;
    this.publicKeys.add(toHex(logKey.publicKey));
    this.keep(registrar, { ...name, heldBy: "operator", registeredIndex: index });
  }

  registerOrganisation(fact) {
    const code = textOf(fact, "code");
    if (this.organisations.has(code) || code === this.operator) {
      refuse("organisation.twice");
    }
    this.organisations.add(code);
  }

  async registerKey(index, fact) {
    const key = keyIn(fact, "vkey");
    if (!this.organisations.has(fact.org) && fact.org !== this.operator) {
      refuse("organisation.unknown");
    }
    await checkPossession(fact.org, key.vkey, textOf(fact, "proof"));
    const heldBy = textOf(fact, "held_by");
    if (heldBy !== "organisation" && heldBy !== "platform") refuse("fact.malformed");
    this.keep(key, this.newRecord(index, fact, key, heldBy));
  }

  rotateKey(index, fact) {
    const old = this.keyById(fact, "old");
    const key = keyIn(fact, "vkey");
    if (old.nextDigest !== toHex(sha256(key.publicKey))) refuse("rotation.other_key");
    this.keep(key, this.newRecord(index, fact, key, old.heldBy));
    old.endedIndex ??= index;
  }

  revokeKey(index, fact) {
    const record = this.keyById(fact, "key_id");
    if (!isValidAt(record, index)) refuse("key.ended");
    record.endedIndex = index;
  }

  newRecord(index, fact, key, heldBy) {
    const name = parseKeyName(key.name);
    if (name.origin !== this.origin || name.organisation !== fact.org) {
      refuse("key.name");
    }
    const known = this.keysOf(fact.org);
    if (known.length && name.number <= known[known.length - 1].number) refuse("key.number");
    const following = member(fact, "next") ?? null;
    const nextDigest = following === null ? null : textOf(fact, "next");
    return { ...name, heldBy, registeredIndex: index, nextDigest };
  }

  keep(key, record) {
    const publicKey = toHex(key.publicKey);
    if (this.publicKeys.has(publicKey)) refuse("key.in_use");
    this.publicKeys.add(publicKey);
    this.keys.set(key.name, { key, endedIndex: null, nextDigest: null, ...record });
  }

  keyById(fact, name) {
    const wanted = textOf(fact, name);
    const found = this.keysOf(fact.org).filter((one) => toHex(one.key.id) === wanted);
    return found.pop() ?? refuse("key.unknown");
  }
}
