/**
 * The Merkle tree of RFC 6962, section 2.1; proofs are checked as RFC 9162, sections
 * 2.1.3.2 and 2.1.4.2, says. Indexes and sizes are BigInt: a log may have 2^63 entries.
 */

import { concat, equal } from "./bytes.js";
import { refuse } from "./errors.js";
import { sha256 } from "./sha256.js";

const HASH_SIZE = 32;
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

export const leafHash = (entry) => sha256(concat(LEAF, entry));

export const nodeHash = (left, right) => sha256(concat(NODE, left, right));

function checkHashes(hashes) {
  if (hashes.some((one) => one.length !== HASH_SIZE)) refuse("hash.length");
}

/** Walks up the right edge: both numbers until the first is odd or 0. */
function climb(at, last) {
  while (!(at & 1n) && at) [at, last] = [at >> 1n, last >> 1n];
  return [at, last];
}

/** Refuses unless a leaf stands at this index in the tree of this size and root. */
export function verifyInclusion(proof, { index, size, leaf, root }) {
  if (!(index >= 0n && index < size)) refuse("inclusion.index");
  checkHashes([leaf, root, ...proof]);
  let [at, last, found] = [index, size - 1n, leaf];
  for (const sibling of proof) {
    if (last === 0n) refuse("inclusion.length");
    if (at & 1n || at === last) {
      found = nodeHash(sibling, found);
      [at, last] = climb(at, last);
    } else {
      found = nodeHash(found, sibling);
    }
    [at, last] = [at >> 1n, last >> 1n];
  }
  if (last !== 0n || !equal(found, root)) refuse("inclusion.root");
}

/** Refuses unless the tree of the new size extends that of the old one. */
export function verifyConsistency(proof, { oldSize, newSize, oldRoot, newRoot }) {
  if (!(oldSize > 0n && oldSize <= newSize)) refuse("consistency.size");
  checkHashes([oldRoot, newRoot, ...proof]);
  if (oldSize === newSize) {
    if (proof.length || !equal(oldRoot, newRoot)) refuse("consistency.roots");
    return;
  }
  if (!proof.length) refuse("consistency.empty");
  const isWhole = (oldSize & (oldSize - 1n)) === 0n;
  const path = isWhole ? [oldRoot, ...proof] : [...proof];
  let [at, last] = [oldSize - 1n, newSize - 1n];
  while (at & 1n) [at, last] = [at >> 1n, last >> 1n];
  let [older, newer] = [path[0], path[0]];
  for (const sibling of path.slice(1)) {
    if (last === 0n) refuse("consistency.length");
    if (at & 1n || at === last) {
      older = nodeHash(sibling, older);
      newer = nodeHash(sibling, newer);
      [at, last] = climb(at, last);
    } else {
      newer = nodeHash(newer, sibling);
    }
    [at, last] = [at >> 1n, last >> 1n];
  }
  if (last !== 0n || !equal(older, oldRoot) || !equal(newer, newRoot)) {
    refuse("consistency.root");
  }
}
