/** Bytes and the texts that stand for them; of each text there is one spelling. */

import { refuse } from "./errors.js";

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const LONE_SURROGATE = /[\ud800-\udfff]/u;
const HEX = /^(?:[0-9a-f]{2})*$/;
const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64URL = `${BASE64.slice(0, 62)}-_`;

export const isWellFormed = (text) => !LONE_SURROGATE.test(text);

/** UTF-8; a lone surrogate has none. */
export function toUtf8(text) {
  if (!isWellFormed(text)) refuse("canonical.refused");
  return ENCODER.encode(text);
}

export function fromUtf8(bytes) {
  try {
    return DECODER.decode(bytes);
  } catch {
    return refuse("canonical.refused");
  }
}

export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const equal = (one, other) =>
  one.length === other.length && one.every((byte, at) => byte === other[at]);

export const startsWith = (bytes, head) =>
  bytes.length >= head.length && head.every((byte, at) => byte === bytes[at]);

/** Where a sequence stands last; -1 where it does not. */
export function lastIndexOf(bytes, wanted) {
  for (let at = bytes.length - wanted.length; at >= 0; at -= 1) {
    if (wanted.every((byte, n) => bytes[at + n] === byte)) return at;
  }
  return -1;
}

/** Where a sequence stands first; -1 where it does not. */
export function indexOf(bytes, wanted) {
  for (let at = 0; at + wanted.length <= bytes.length; at += 1) {
    if (wanted.every((byte, n) => bytes[at + n] === byte)) return at;
  }
  return -1;
}

export const toHex = (bytes) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Lower case only. */
export function fromHex(text) {
  if (!HEX.test(text)) refuse("canonical.refused");
  return Uint8Array.from({ length: text.length / 2 }, (_, at) =>
    parseInt(text.slice(2 * at, 2 * at + 2), 16),
  );
}

function encode(bytes, alphabet) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const group = (bytes[at] << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const digits = Math.min(bytes.length - at, 3) + 1;
    for (let n = 0; n < digits; n += 1) text += alphabet[(group >> (18 - 6 * n)) & 63];
  }
  return text;
}

function decode(text, alphabet) {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let bits = 0;
  let held = 0;
  let size = 0;
  for (const letter of text) {
    const digit = alphabet.indexOf(letter);
    if (digit < 0) refuse("canonical.refused");
    bits = ((bits << 6) | digit) & 0xfff;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[size] = (bits >> held) & 255;
      size += 1;
    }
  }
  // Less than a digit may be left over, and only as zeros: one spelling
  if (held >= 6 || bits & ((1 << held) - 1)) refuse("canonical.refused");
  return bytes.subarray(0, size);
}

/** Standard alphabet, padded. */
export function toBase64(bytes) {
  const text = encode(bytes, BASE64);
  return text + "=".repeat(-text.length & 3);
}

export function fromBase64(text) {
  const bytes = decode(text.replace(/={1,2}$/, ""), BASE64);
  if (toBase64(bytes) !== text) refuse("canonical.refused");
  return bytes;
}

/** URL-safe alphabet, without padding. */
export const toBase64Url = (bytes) => encode(bytes, BASE64URL);

export const fromBase64Url = (text) => decode(text, BASE64URL);

/** Order of code points, which is that of UTF-8 and not that of UTF-16. */
export function compareText(one, other) {
  const [left, right] = [Array.from(one), Array.from(other)];
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    if (left[at] !== right[at]) return left[at].codePointAt(0) - right[at].codePointAt(0);
  }
  return left.length - right.length;
}

/** A whole number of up to 8 bytes, big endian. */
export const toBigInt = (bytes) =>
  bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
