/**
 * Ed25519 without the browser's own, for pages without a secure origin and browsers that
 * lack it. The arithmetic is @noble/ed25519; the rule is that of OpenSSL and Go: the point
 * S·B − k·A is encoded and its bytes compared with R, so that a key with a part of low
 * order gives the same answer here as there. (The library's own `verify` multiplies by
 * the cofactor, and would accept more.)
 */

import { Point } from "../../vendor/noble-ed25519-3.2.0.js";
import { sha512 } from "../../vendor/noble-hashes-2.4.0/sha2.js";
import { concat, equal } from "./bytes.js";

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const STRICT = false; // the argument `zip215`

const littleEndian = (bytes) =>
  bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);

/** Whether a signature verifies; the caller has checked S, and the forms of R and A. */
export function verify(publicKey, signature, message) {
  const r = signature.subarray(0, 32);
  let point;
  try {
    point = Point.fromBytes(publicKey, STRICT);
  } catch {
    return false; // no point of the curve
  }
  const s = littleEndian(signature.subarray(32));
  const k = littleEndian(sha512(concat(r, publicKey, message))) % ORDER;
  const found = Point.BASE.multiply(s, false).add(point.negate().multiply(k, false));
  return equal(found.toBytes(), r);
}
