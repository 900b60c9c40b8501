/** Which logs and witnesses a verifier trusts: C2SP tlog-policy. */

import { parseCheckpointText, parseWitnessVkey, verifyCosignature } from "./checkpoint.js";
import { orRefuse, refuse } from "./errors.js";
import { keyOf, openNote, parseVkey } from "./note.js";
import { toHex } from "./bytes.js";

const MAX_LINES = 1000;
const MAX_TEXT = 1_000_000;
const NO_QUORUM = "none";
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/;
const NUMBER = /^[1-9][0-9]{0,3}$/;
const GENESIS = /^# genesis ([0-9a-f]{64})$/m;

class Reader {
  constructor() {
    this.logs = [];
    this.witnesses = [];
    this.groups = [];
    this.quorum = null;
    this.names = new Set();
    this.count = 0;
  }

  read([word, ...rest]) {
    this.count += 1;
    if (this.count > MAX_LINES) refuse("policy.malformed");
    if (word === "log" && (rest.length === 1 || rest.length === 2)) this.log(...rest);
    else if (word === "witness" && (rest.length === 2 || rest.length === 3)) {
      this.witness(...rest);
    } else if (word === "group" && rest.length >= 3) this.group(...rest);
    else if (word === "quorum" && rest.length === 1) this.setQuorum(rest[0]);
    else refuse("policy.malformed");
  }

  log(vkey, url = null) {
    this.logs.push({ vkey, url, key: orRefuse("policy.key", () => parseVkey(vkey)) });
  }

  witness(name, vkey, url = null) {
    const key = orRefuse("policy.key", () => parseWitnessVkey(vkey));
    this.witnesses.push({ name, vkey, url, key });
    this.define(name);
  }

  group(name, text, ...members) {
    for (const member of members) this.need(member);
    this.groups.push({ name, threshold: threshold(text, members.length), members });
    this.define(name);
  }

  setQuorum(name) {
    if (this.quorum !== null) refuse("policy.quorum");
    if (name !== NO_QUORUM) this.need(name);
    this.quorum = name;
  }

  need(name) {
    if (!this.names.has(name)) refuse("policy.name");
  }

  define(name) {
    if (this.names.has(name) || name === NO_QUORUM) refuse("policy.duplicate");
    this.names.add(name);
  }
}

function threshold(text, count) {
  if (text === "any") return 1;
  if (text === "all") return count;
  if (!NUMBER.test(text) || Number(text) > count) refuse("policy.threshold");
  return Number(text);
}

function checkOnce(values) {
  if (new Set(values).size !== values.length) refuse("policy.duplicate");
}

/** The policy that a text states. */
export function parsePolicy(text) {
  if (Array.from(text).length > MAX_TEXT || CONTROL.test(text)) {
    refuse("policy.malformed");
  }
  const reader = new Reader();
  for (const line of text.split("\n")) {
    const words = line.split(/[ \t]+/).filter((word) => word !== "");
    if (words.length && !words[0].startsWith("#")) reader.read(words);
  }
  if (reader.quorum === null) refuse("policy.quorum");
  const { logs, witnesses, groups, quorum } = reader;
  checkOnce(logs.map(({ key }) => toHex(key.publicKey)));
  checkOnce(witnesses.map(({ key }) => toHex(key.publicKey)));
  checkOnce(groups.flatMap(({ members }) => members));
  return { logs, witnesses, groups, quorum };
}

/** The leaf hash of entry 0 that a comment of the policy pins; null where none does. */
export const pinnedGenesis = (text) => GENESIS.exec(text)?.[1] ?? null;

/** Whether two policies say the same, in the same order. */
export function isSamePolicy(one, other) {
  const said = ({ logs, witnesses, groups, quorum }) =>
    JSON.stringify([
      logs.map(({ vkey, url }) => [vkey, url]),
      witnesses.map(({ name, vkey, url }) => [name, vkey, url]),
      groups.map(({ name, threshold: k, members }) => [name, k, members]),
      quorum,
    ]);
  return said(one) === said(other);
}

/** Whether these witnesses, by their names in the policy, make the quorum. */
export function isMet(policy, witnessed) {
  const reached = new Set(witnessed);
  for (const { name, threshold: k, members } of policy.groups) {
    if (members.filter((member) => reached.has(member)).length >= k) reached.add(name);
  }
  return policy.quorum === NO_QUORUM || reached.has(policy.quorum);
}

/**
 * Check a checkpoint's signatures under a policy. A missing quorum is no error here: the
 * outcome says so.
 *
 * @returns {{checkpoint, witnessed: Map<string, bigint>, satisfied, needsWitnesses}}
 */
export async function evaluatePolicy(policy, note) {
  const opened = await openNote(note, policy.logs.map(({ key }) => key));
  const checkpoint = parseCheckpointText(opened.text);
  if (opened.signatures.some(({ name }) => name !== checkpoint.origin)) {
    refuse("checkpoint.origin");
  }
  const byKey = new Map(policy.witnesses.map((one) => [keyOf(one.key), one]));
  const witnessed = new Map();
  for (const line of opened.unknown) {
    const witness = byKey.get(keyOf(line));
    if (!witness) continue;
    const time = await verifyCosignature(witness.key, line, opened.text);
    const before = witnessed.get(witness.name) ?? 0n;
    witnessed.set(witness.name, time > before ? time : before);
  }
  return {
    checkpoint,
    witnessed,
    satisfied: isMet(policy, witnessed.keys()),
    needsWitnesses: policy.quorum !== NO_QUORUM,
  };
}
