/**
 * Entries: the line `remelt/fact@v1`, one line of canonical JSON, an empty line, and one
 * signature line for each key, sorted by key name.
 */

import { compareText, fromBase64, fromUtf8, indexOf, startsWith, toUtf8 } from "./bytes.js";
import { orRefuse, refuse } from "./errors.js";
import { isObject, parseCanonical } from "./json.js";
import { checkSignature, keyOf, parseVkey, splitNote } from "./note.js";

const HEADER = new TextEncoder().encode("remelt/fact@v1\n");
const POSSESSION = "remelt/key-possession@v1\n";
const MAX_ENTRY_SIZE = 65_535;
const MEMBERS = ["at", "data", "id", "org", "parents", "sd", "seen", "type", "v"];
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TYPE = /^[a-z]+\.[a-z_]+$/;
const ORG = /^[0-9A-Z-]{1,64}$/;
const AT = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z$/;
const LEAF = /^[0-9a-f]{64}$/;
const DIGEST = /^[A-Za-z0-9_-]{43}$/;
const KEY_NAME = /^([^]+)\/([0-9A-Z-]+)\/([1-9][0-9]{0,8})$/;
const MONTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** @returns {{fact: object, note: Uint8Array, text: Uint8Array, signatures: object[]}} */
export function parseEntry(note) {
  if (note.length > MAX_ENTRY_SIZE) refuse("entry.too_long");
  const { text, lines } = splitNote(note);
  if (!startsWith(text, HEADER)) refuse("entry.header");
  const body = text.slice(HEADER.length, -1);
  if (indexOf(body, [0x0a]) >= 0) refuse("entry.malformed");
  const fact = orRefuse("entry.not_canonical", () => parseCanonical(fromUtf8(body)));
  checkEnvelope(fact);
  const isSorted = lines.every(
    (line, at) => at === 0 || compareText(lines[at - 1].name, line.name) < 0,
  );
  if (!isSorted) refuse("entry.signatures");
  return { fact, note, text, signatures: lines };
}

function checkEnvelope(fact) {
  const names = Object.keys(fact).sort();
  const isWhole =
    names.length === MEMBERS.length &&
    names.every((name, at) => name === MEMBERS[at]) &&
    isText(fact.id, ID) &&
    isText(fact.type, TYPE) &&
    isCount(fact.v) &&
    isText(fact.org, ORG) &&
    isInstant(fact.at) &&
    isObject(fact.data) &&
    isSortedList(fact.sd, DIGEST) &&
    isSortedList(fact.parents, LEAF) &&
    isCheckpoint(fact.seen);
  if (!isWhole) refuse("entry.envelope");
}

const isText = (value, pattern) => typeof value === "string" && pattern.test(value);

const isCount = (value) => Number.isSafeInteger(value) && value >= 1;

/** Whether it is a UTC second that the calendar has. */
function isInstant(value) {
  const match = typeof value === "string" && AT.exec(value);
  if (!match) return false;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number);
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = month === 2 && isLeap ? 29 : MONTHS[month - 1];
  return (
    year >= 1 && day >= 1 && day <= (days ?? 0) && hour < 24 && minute < 60 && second < 60
  );
}

const isSortedList = (value, pattern) =>
  Array.isArray(value) &&
  value.every((one, at) => isText(one, pattern) && (at === 0 || value[at - 1] < one));

const isCheckpoint = (value) =>
  value === null ||
  (isObject(value) &&
    Object.keys(value).sort().join() === "root,size" &&
    isCount(value.size) &&
    isText(value.root, LEAF));

/** Origin, organisation and number in the name of a key. */
export function parseKeyName(name) {
  const match = KEY_NAME.exec(name);
  if (!match) refuse("key.name");
  return { origin: match[1], organisation: match[2], number: Number(match[3]) };
}

/** Refuses unless exactly this key has signed, and its signature verifies. */
export async function verifyEntry(entry, key) {
  if (entry.signatures.length !== 1 || keyOf(entry.signatures[0]) !== keyOf(key)) {
    refuse("signature.unexpected");
  }
  await checkSignature(key, entry.signatures[0].signature, entry.text);
}

/** Check a new key's signature over its own registration. */
export async function checkPossession(organisation, vkey, proof) {
  const signature = orRefuse("possession.malformed", () => fromBase64(proof));
  const key = parseVkey(vkey);
  const text = toUtf8(`${POSSESSION}${organisation}\n${vkey}\n`);
  await checkSignature(key, signature, text, "possession.bad");
}
