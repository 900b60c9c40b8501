/** A bundle: all that it takes to check a claim or label, in one JSON document. */

import { fromHex, fromUtf8, toUtf8 } from "./bytes.js";
import { orRefuse, refuse } from "./errors.js";
import { has, isObject, parseJson } from "./json.js";

const FORMAT = "remelt/bundle@v1";
const KINDS = ["public", "full"];
const SUBJECTS = ["label_sha256", "claim", "lot"];
const MEMBERS = [
  "format", "kind", "subject", "policy", "genesis", "checkpoint", "entries",
];
const MAX_PATH = 63;
const HASH = /^[0-9a-f]{64}$/;

/** The JSON document in a file. */
export function loadBundle(data) {
  const document = orRefuse("bundle.not_json", () => parseJson(fromUtf8(data)));
  if (!isObject(document)) refuse("bundle.not_json");
  return document;
}

/** The bundle that a document holds; nothing is verified. */
export function parseBundle(document) {
  return orRefuse("bundle.malformed", () => parse(document));
}

function parse(document) {
  checkMembers(document, MEMBERS, []);
  need(document.format === FORMAT && KINDS.includes(document.kind));
  checkMembers(document.subject, [], SUBJECTS);
  const subject = Object.entries(document.subject);
  need(subject.length > 0 && subject.every(([, value]) => typeof value === "string"));
  need(Array.isArray(document.entries));
  const entries = document.entries.map(parseEntry);
  need(entries.every(({ index }, at) => at === 0 || entries[at - 1].index < index));
  return {
    kind: document.kind,
    subject: Object.fromEntries(subject),
    policy: textOf(document.policy),
    genesis: hashOf(document.genesis),
    checkpoint: toUtf8(textOf(document.checkpoint)),
    entries,
  };
}

function parseEntry(value) {
  checkMembers(value, ["index", "leaf", "proof"], ["note", "disclosures"]);
  const { index, proof } = value;
  need(Number.isSafeInteger(index) && index >= 0);
  need(Array.isArray(proof) && proof.length <= MAX_PATH);
  const entry = { index, leaf: hashOf(value.leaf), proof: proof.map(hashOf) };
  if (!has(value, "note")) {
    need(!has(value, "disclosures"));
    return { ...entry, note: null, disclosures: [] };
  }
  const disclosures = has(value, "disclosures") ? value.disclosures : [];
  need(Array.isArray(disclosures));
  const note = toUtf8(textOf(value.note));
  return { ...entry, note, disclosures: disclosures.map(textOf) };
}

function need(holds) {
  if (!holds) refuse("bundle.malformed");
}

function checkMembers(value, needed, optional) {
  need(isObject(value));
  const names = Object.keys(value);
  need(needed.every((name) => names.includes(name)));
  need(names.every((name) => needed.includes(name) || optional.includes(name)));
}

function textOf(value) {
  need(typeof value === "string");
  return value;
}

function hashOf(value) {
  need(typeof value === "string" && HASH.test(value));
  return fromHex(value);
}
