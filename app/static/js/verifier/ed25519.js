/**
 * Ed25519 as RFC 8032 and OpenSSL check it: the browser's own where it has one that
 * agrees, else the fallback. What implementations differ in is decided here, before any
 * of them is asked: the size of S, and the forms of R and of the public key.
 */

import { fromHex, toHex } from "./bytes.js";

const ALGORITHM = "Ed25519";
const PRIME = littleEndian(fromHex(`ed${"ff".repeat(30)}7f`));
const ORDER = littleEndian(
  fromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"),
);
const SIGN_BIT = 0x80;
/** Points of order 1, 2, 4 and 8; whoever has such a key has signed every message. */
const LOW_ORDER = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0000000000000000000000000000000000000000000000000000000000000080",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000080",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]);
/** x = 0 with the sign of a negative x: a second spelling of y = 1 and y = -1. */
const NEGATIVE_ZERO = new Set([
  "0100000000000000000000000000000000000000000000000000000000000080",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]);

/**
 * Key, signature, message and whether it verifies. An implementation that is to be asked
 * must know these: a good one, one of another message, and two by a key with a part of
 * low order, on which those that multiply by the cofactor give another answer.
 */
const R = "ef4f62f8479733ad879cfaced3c89a9c39dd4fc795ef2efa1c3eafe4d729a081";
const GOOD_KEY = "1d955cce269cd5ac0cbbcc586e2e29928644bb726e3b6b2244f7b98c9f1a6b1a";
const MIXED_KEY = "c20fcf550ae6d3b73b3ebf88efba5f5b77a963fbdb021e0ca9c9ae90c1953497";
const GOOD_S = "fccd4b5eba836c9395283f8c0e2b755acbfe43712bd9df898a5a395a61a53c05";
const KNOWN = [
  [GOOD_KEY, R + GOOD_S, "remelt", true],
  [GOOD_KEY, R + GOOD_S, "remelt 0", false],
  [
    MIXED_KEY,
    `${R}ab94b378e8cc150b144207923aad609b2dd3d9993fe8b493ca8c11dbebcc880c`,
    "remelt 0",
    false,
  ],
  [
    MIXED_KEY,
    `${R}18bbfcf4604a0f9bcf6abc815860e89379ce31230279217e4fd03659b2c11001`,
    "remelt 3",
    true,
  ],
];

function littleEndian(bytes) {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function ordinate(encoded) {
  const bytes = encoded.slice();
  bytes[31] &= ~SIGN_BIT;
  return littleEndian(bytes);
}

/** Whether a key must not be used: not 32 bytes, of low order, or a second spelling. */
export const isWeakKey = (publicKey) =>
  publicKey.length !== 32 ||
  LOW_ORDER.has(toHex(publicKey)) ||
  ordinate(publicKey) >= PRIME;

const isWellFormed = (signature) =>
  signature.length === 64 &&
  littleEndian(signature.subarray(32)) < ORDER &&
  ordinate(signature.subarray(0, 32)) < PRIME &&
  !NEGATIVE_ZERO.has(toHex(signature.subarray(0, 32)));

class Native {
  constructor(subtle) {
    this.subtle = subtle;
    this.keys = new Map();
  }

  async verify(publicKey, signature, message) {
    const name = toHex(publicKey);
    if (!this.keys.has(name)) {
      const key = this.subtle.importKey("raw", publicKey, ALGORITHM, false, ["verify"]);
      this.keys.set(name, key);
    }
    return this.subtle.verify(ALGORITHM, await this.keys.get(name), signature, message);
  }
}

/** The browser's own; null where it has none, or one that answers otherwise. */
async function findNative() {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) return null;
  const native = new Native(subtle);
  try {
    for (const [key, signature, message, expected] of KNOWN) {
      const bytes = new TextEncoder().encode(message);
      const found = await native.verify(fromHex(key), fromHex(signature), bytes);
      if (found !== expected) return null;
    }
  } catch {
    return null;
  }
  return native;
}

const isForced = () => globalThis.remeltVerifierEngine === "fallback";
let asked;

async function engine() {
  asked ??= isForced() ? Promise.resolve(null) : findNative();
  return (await asked) ?? import("./fallback.js");
}

/** Which one is at work: "webcrypto" or "fallback". */
export async function engineName() {
  return (await engine()) instanceof Native ? "webcrypto" : "fallback";
}

/** Whether a signature by a key verifies. */
export async function verifySignature(publicKey, signature, message) {
  if (isWeakKey(publicKey) || !isWellFormed(signature)) return false;
  const chosen = await engine();
  try {
    return await chosen.verify(publicKey, signature, message);
  } catch {
    // A key that is no point of the curve: some refuse to take it in
    return (await import("./fallback.js")).verify(publicKey, signature, message);
  }
}
