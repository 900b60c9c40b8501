/** Check a bundle: every claim that it makes, without asking anybody. */

import { equal, toHex } from "./bytes.js";
import { parseBundle } from "./bundle.js";
import { parseDisclosure } from "./disclosure.js";
import { parseEntry } from "./entry.js";
import { LedgerError, refuse, within } from "./errors.js";
import { has, isObject } from "./json.js";
import { KeyHistory } from "./keyhistory.js";
import { leafHash, verifyInclusion } from "./merkle.js";
import { evaluatePolicy, isSamePolicy, parsePolicy } from "./policy.js";

const member = (object, name) => (has(object, name) ? object[name] : undefined);

const listIn = (data, name) => {
  const value = member(data, name);
  return Array.isArray(value) ? value : [];
};

const at = (index) => `entry ${index}`;

/**
 * Check a bundle under what the caller trusts.
 *
 * @param {object} document as `loadBundle` gives it
 * @param {object} policy the caller's own; the bundle's must say the same
 * @param {?string} genesis leaf hash of entry 0 as the caller knows it; null: the
 *   bundle's own is taken
 * @returns {Promise<{kind, subject, checks, passed, facts, outcome}>} a report, whatever
 *   the checks found; the facts are to be believed only when every check passed
 * @throws {LedgerError} the document is no bundle
 */
export async function verifyBundle(document, policy, genesis = null) {
  const verification = new Verification(parseBundle(document), policy, genesis);
  const checks = await verification.run();
  return {
    kind: verification.bundle.kind,
    subject: verification.bundle.subject,
    checks,
    passed: checks.every((check) => check.passed),
    facts: verification.facts(),
    outcome: verification.outcome,
  };
}

class Verification {
  constructor(bundle, policy, genesis) {
    this.bundle = bundle;
    this.policy = policy;
    this.genesis = genesis;
    this.outcome = null;
    this.history = new KeyHistory();
    this.shown = [];
  }

  async run() {
    const checks = {
      policy: () => this.checkPolicy(),
      checkpoint: () => this.checkCheckpoint(),
      entries: () => this.checkEntries(),
      genesis: () => this.checkGenesis(),
      inclusion: () => this.checkInclusion(),
      keys: () => this.checkKeys(),
      parents: () => this.checkParents(),
      seen: () => this.checkSeen(),
      disclosures: () => this.checkDisclosures(),
      subject: () => this.checkSubject(),
    };
    const made = [];
    for (const [name, check] of Object.entries(checks)) {
      try {
        await check();
        made.push({ name, passed: true, code: null, place: "" });
      } catch (error) {
        if (!(error instanceof LedgerError)) throw error;
        made.push({ name, passed: false, code: error.code, place: error.place });
      }
    }
    return made;
  }

  facts() {
    return this.shown.map(([listed, entry]) => ({
      index: listed.index,
      leaf: toHex(listed.leaf),
      fact: entry.fact,
      keyName: entry.signatures[0].name,
      heldBy: this.history.heldBy(entry.signatures[0].name),
    }));
  }

  checkPolicy() {
    if (!isSamePolicy(parsePolicy(this.bundle.policy), this.policy)) {
      refuse("policy.other");
    }
  }

  async checkCheckpoint() {
    const outcome = await evaluatePolicy(this.policy, this.bundle.checkpoint);
    if (!outcome.satisfied) refuse("quorum.missing");
    this.outcome = outcome;
  }

  checkEntries() {
    for (const listed of this.bundle.entries) {
      if (listed.note === null) continue;
      if (!equal(leafHash(listed.note), listed.leaf)) {
        refuse("leaf.other", at(listed.index));
      }
      try {
        this.shown.push([listed, parseEntry(listed.note)]);
      } catch (error) {
        within(error, at(listed.index));
      }
    }
    const hidden = this.bundle.entries.length - this.shown.length;
    if (hidden && this.bundle.kind === "full") refuse("bundle.incomplete");
  }

  checkGenesis() {
    const anchor = this.bundle.genesis;
    if (this.genesis !== null && toHex(anchor) !== this.genesis) refuse("genesis.other");
    if (!this.shown.length || this.shown[0][0].index !== 0) refuse("genesis.missing");
    const [first, entry] = this.shown[0];
    if (!equal(first.leaf, anchor)) refuse("genesis.leaf");
    const logKey = member(entry.fact.data, "log_vkey");
    if (!this.policy.logs.some(({ vkey }) => vkey === logKey)) refuse("genesis.log_key");
    const origin = member(entry.fact.data, "origin");
    if (this.outcome && this.outcome.checkpoint.origin !== origin) {
      refuse("genesis.origin");
    }
  }

  checkInclusion() {
    if (!this.outcome) refuse("inclusion.no_checkpoint");
    const { size, root } = this.outcome.checkpoint;
    for (const { index, leaf, proof } of this.bundle.entries) {
      try {
        verifyInclusion(proof, { index: BigInt(index), size, leaf, root });
      } catch (error) {
        within(error, at(index));
      }
    }
  }

  async checkKeys() {
    for (const [{ index }, entry] of this.shown) {
      try {
        await this.history.check(index, entry);
      } catch (error) {
        within(error, at(index));
      }
    }
  }

  checkParents() {
    const indexOf = new Map();
    for (const { leaf, index } of this.bundle.entries) {
      if (!indexOf.has(toHex(leaf))) indexOf.set(toHex(leaf), index);
    }
    for (const [{ index }, entry] of this.shown) {
      for (const parent of entry.fact.parents) {
        if (!(indexOf.get(parent) < index)) refuse("parents.missing", at(index));
      }
    }
  }

  checkSeen() {
    for (const [{ index }, { fact }] of this.shown) {
      if (fact.seen !== null && fact.seen.size > index) refuse("seen.ahead", at(index));
    }
  }

  checkDisclosures() {
    for (const [{ index, disclosures }, { fact }] of this.shown) {
      const names = new Set();
      for (const text of disclosures) {
        const { name, digest } = parseDisclosure(text);
        if (!fact.sd.includes(digest)) refuse("disclosure.unknown", at(index));
        if (names.has(name)) refuse("disclosure.twice", at(index));
        names.add(name);
      }
    }
  }

  checkSubject() {
    const { subject } = this.bundle;
    const facts = this.shown.map(([, entry]) => entry.fact);
    const labels = facts
      .filter(({ type }) => type === "label.issued")
      .map(({ data }) => data)
      .filter(
        (data) =>
          has(subject, "label_sha256") &&
          listIn(data, "codes_sha256").includes(subject.label_sha256),
      );
    const claims = facts
      .filter(({ type }) => type === "claim.issued")
      .map(({ data }) => data)
      .filter((data) => has(subject, "claim") && member(data, "claim") === subject.claim);
    if (has(subject, "label_sha256") && !labels.length) refuse("subject.label");
    if (has(subject, "claim")) {
      if (!claims.length) refuse("subject.claim");
      if (labels.some((data) => member(data, "claim") !== subject.claim)) {
        refuse("subject.mixed");
      }
    }
    if (has(subject, "lot") && !isAboutLot(subject.lot, [...labels, ...claims], facts)) {
      refuse("subject.lot");
    }
  }
}

/** Whether label and claim name the lot; without them, whether a fact made it. */
function isAboutLot(lot, named, facts) {
  const lots = named.filter((data) => has(data, "lot")).map((data) => data.lot);
  if (lots.length) return lots.every((one) => one === lot);
  return facts.some(({ data }) => {
    const made = listIn(data, "outputs").filter(isObject);
    return made.some((one) => member(one, "lot") === lot) || member(data, "lot") === lot;
  });
}

/**
 * What the bundle itself shows to have ended its label or claim; null where nothing does.
 *
 * @returns {?{index: number, type: string, reason: string}}
 */
export function findEnd({ facts, subject }) {
  const issued = facts
    .filter(({ fact }) => fact.type === "claim.issued")
    .filter(({ fact }) => member(fact.data, "claim") === subject.claim)
    .map(({ fact }) => fact.id);
  const end = facts.find(({ fact: { type, data } }) => {
    if (type === "claim.withdrawn") return member(data, "claim") === subject.claim;
    if (type === "label.voided") {
      return has(subject, "label_sha256") && data.code_sha256 === subject.label_sha256;
    }
    return type === "entry.corrected" && issued.includes(member(data, "corrects"));
  });
  if (!end) return null;
  const reason = member(end.fact.data, "reason");
  return {
    index: end.index,
    type: end.fact.type,
    reason: typeof reason === "string" ? reason : "",
  };
}

/** The fact that issued the bundle's claim; null where it is about none. */
export function findClaim({ facts, subject }) {
  if (!has(subject, "claim")) return null;
  return (
    facts.find(
      ({ fact }) =>
        fact.type === "claim.issued" && member(fact.data, "claim") === subject.claim,
    ) ?? null
  );
}
