/** Signed notes (C2SP signed-note) with Ed25519 keys, and the keys' texts. */

import {
  concat, equal, fromBase64, fromUtf8, lastIndexOf, toBase64, toHex, toUtf8,
} from "./bytes.js";
import { isWeakKey, verifySignature } from "./ed25519.js";
import { LedgerError, orRefuse, refuse } from "./errors.js";
import { sha256 } from "./sha256.js";

export const ED25519 = 1;
const KEY_ID_SIZE = 4;
const KEY_SIZE = 32;
const MAX_SIGNATURES = 100;
export const MAX_NOTE_SIZE = 1_000_000;
const NEWLINE = 0x0a;
const DASH = "— ";
// Spaces of Unicode, controls, surrogates, and the plus sign that parts a key's text
const NO_NAME =
  /[\u0000-\u0020+\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]|[\ud800-\udfff]/u;
const HEX_ID = /^[0-9a-f]{8}$/;

export const isName = (name) => name !== "" && !NO_NAME.test(name);

/** First 4 bytes of SHA-256(name || 0x0A || type byte || public key). */
export function keyId(name, publicKey, kind = ED25519) {
  const head = Uint8Array.of(NEWLINE, kind);
  return sha256(concat(toUtf8(name), head, publicKey)).subarray(0, KEY_ID_SIZE);
}

/**
 * A public key out of its text: `name+hex key ID+base64(type byte || key)`.
 *
 * @returns {{name, publicKey, id, vkey, kind}}
 */
export function parseVkey(vkey, kind = ED25519) {
  const parts = /^([^+]*)\+([^+]*)\+([^]*)$/.exec(vkey);
  if (!parts) refuse("key.malformed");
  const [, name, hexId, encoded] = parts;
  const decoded = orRefuse("key.malformed", () => fromBase64(encoded));
  if (decoded[0] !== kind || decoded.length !== 1 + KEY_SIZE || !isName(name)) {
    refuse("key.malformed");
  }
  const publicKey = decoded.slice(1);
  if (isWeakKey(publicKey)) refuse("key.weak");
  const id = keyId(name, publicKey, kind);
  if (!HEX_ID.test(hexId) || toHex(id) !== hexId) refuse("key.malformed");
  return { name, publicKey, id, vkey, kind };
}

/** Which key signed, as one text: name and ID. */
export const keyOf = ({ name, id }) => `${name}\n${toHex(id)}`;

export async function checkSignature(key, signature, message, code = "signature.bad") {
  if (!(await verifySignature(key.publicKey, signature, message))) refuse(code);
}

function parseLine(line) {
  if (!line.startsWith(DASH)) refuse("note.malformed");
  const parts = line.slice(DASH.length).split(" ");
  if (parts.length !== 2) refuse("note.malformed");
  const decoded = orRefuse("note.malformed", () => fromBase64(parts[1]));
  if (!isName(parts[0]) || decoded.length <= KEY_ID_SIZE) refuse("note.malformed");
  return {
    name: parts[0],
    id: decoded.slice(0, KEY_ID_SIZE),
    signature: decoded.slice(KEY_ID_SIZE),
  };
}

export const formatLine = ({ name, id, signature }) =>
  `${DASH}${name} ${toBase64(concat(id, signature))}\n`;

/** Text and signature lines of a note, nothing verified. */
export function splitNote(note) {
  const hasControl = note.some((byte) => byte < 0x20 && byte !== NEWLINE);
  if (note.length > MAX_NOTE_SIZE || note[note.length - 1] !== NEWLINE || hasControl) {
    refuse("note.malformed");
  }
  orRefuse("note.malformed", () => fromUtf8(note));
  const cut = lastIndexOf(note, [NEWLINE, NEWLINE]);
  if (cut < 0) refuse("note.malformed");
  const below = fromUtf8(note.subarray(cut + 2));
  const lines = below.slice(0, -1).split("\n");
  if (below === "" || lines.length > MAX_SIGNATURES) refuse("note.malformed");
  return { text: note.slice(0, cut + 1), lines: lines.map(parseLine) };
}

/**
 * Verify a note with the keys that the caller trusts. Lines of unknown keys are passed
 * over; a known key's bad signature condemns the whole note.
 */
export async function openNote(note, keys) {
  const { text, lines } = splitNote(note);
  const known = new Map();
  for (const key of keys) {
    const other = known.get(keyOf(key)) ?? key;
    if (!equal(other.publicKey, key.publicKey)) refuse("key.ambiguous");
    known.set(keyOf(key), other);
  }
  const verified = new Map();
  const unknown = [];
  for (const line of lines) {
    const key = known.get(keyOf(line));
    if (!key) {
      unknown.push(line);
      continue;
    }
    await checkSignature(key, line.signature, text);
    if (!verified.has(keyOf(line))) verified.set(keyOf(line), line);
  }
  if (!verified.size) throw new LedgerError("signature.missing");
  return { text, signatures: [...verified.values()], unknown };
}
