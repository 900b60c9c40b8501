/** Salted digests: the construction of RFC 9901, section 4.2. */

import { fromBase64Url, fromUtf8, toBase64Url, toUtf8 } from "./bytes.js";
import { orRefuse, refuse } from "./errors.js";
import { parseJson } from "./json.js";
import { sha256 } from "./sha256.js";

/** SHA-256 of a disclosure text: what stands in the entry. */
export const digestOf = (text) => toBase64Url(sha256(toUtf8(text)));

/** @returns {{name: string, value: string, text: string, digest: string}} */
export function parseDisclosure(text) {
  const parts = orRefuse("disclosure.malformed", () =>
    parseJson(fromUtf8(fromBase64Url(text))),
  );
  const isWhole =
    Array.isArray(parts) &&
    parts.length === 3 &&
    parts.every((part) => typeof part === "string");
  if (!isWhole) refuse("disclosure.malformed");
  return { name: parts[1], value: parts[2], text, digest: digestOf(text) };
}
