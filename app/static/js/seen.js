/**
 * The newest state of the log that this browser has verified: what it signs cites it.
 *
 * A checkpoint counts when the log's key, pinned beside the browser's own, has signed it
 * and the log's tiles prove that it extends the one seen before.
 */

import { saveKey } from "./device_key.js";
import { toHex, toUtf8 } from "./verifier/bytes.js";
import { parseCheckpointText } from "./verifier/checkpoint.js";
import { nodeHash, verifyConsistency } from "./verifier/merkle.js";
import { openNote, parseVkey } from "./verifier/note.js";

const WIDTH = 256n;
const HEIGHT = 8n;
const HASH = 32;

/** The log shows something that does not fit what was seen of it before. */
export class Fork extends Error {}

/**
 * Verify the newest checkpoint and keep it with the key.
 *
 * @returns {{size: number, root: string} | null} null where the log has signed nothing,
 *   or cannot be asked now
 */
export async function look(key) {
  let note;
  try {
    note = await fetchText("/log/checkpoint");
  } catch {
    return null;
  }
  const before = key.seen === null ? null : await open(key, key.seen);
  let after;
  try {
    after = await open(key, note);
  } catch {
    throw new Fork("a checkpoint that the log did not sign");
  }
  if (after.size === 0n) return null;
  if (before !== null) {
    const [old, newest] = before.size <= after.size ? [before, after] : [after, before];
    await checkExtends(old, newest);
    if (newest === before) return shown(before);
  }
  key.seen = note;
  await saveKey(key);
  return shown(after);
}

const shown = ({ size, root }) => ({ root: toHex(root), size: Number(size) });

async function open(key, note) {
  const log = parseVkey(key.logVkey);
  const { text } = await openNote(toUtf8(note), [log]);
  const checkpoint = parseCheckpointText(text);
  if (checkpoint.origin !== log.name) throw new Fork("a checkpoint of another log");
  return checkpoint;
}

async function checkExtends(old, newest) {
  let proof;
  try {
    proof = await proveConsistency(old.size, newest.size);
  } catch (error) {
    if (error instanceof Fork) throw error;
    throw new Error("the tiles of the log cannot be read", { cause: error });
  }
  try {
    verifyConsistency(proof, {
      oldSize: old.size,
      newSize: newest.size,
      oldRoot: old.root,
      newRoot: newest.root,
    });
  } catch {
    throw new Fork(`states of ${old.size} and ${newest.size} entries do not fit`);
  }
}

/** PROOF(old, D[size]) of RFC 6962, 2.1.2, out of the tiles that the log serves. */
async function proveConsistency(old, size) {
  const tiles = new Tiles(size);
  const path = [];
  let [start, stop, known] = [0n, size, true];
  while (old !== stop) {
    const split = start + largestBelow(stop - start);
    if (old <= split) {
      path.push(await tiles.root(split, stop));
      stop = split;
    } else {
      path.push(await tiles.root(start, split));
      [start, known] = [split, false];
    }
  }
  if (!known) path.push(await tiles.root(start, stop));
  return path.reverse();
}

/** The largest power of two below n. */
function largestBelow(n) {
  let power = 1n;
  while (power * 2n < n) power *= 2n;
  return power;
}

const isPower = (n) => (n & (n - 1n)) === 0n;

const heightOf = (power) => BigInt(power.toString(2).length - 1);

/** Roots of subtrees, by first leaf and first leaf behind, of a tree of one size. */
class Tiles {
  constructor(size) {
    this.size = size;
    this.read = new Map();
  }

  async root(start, stop) {
    const count = stop - start;
    if (!isPower(count)) {
      const split = start + largestBelow(count);
      return nodeHash(await this.root(start, split), await this.root(split, stop));
    }
    const level = heightOf(count) / HEIGHT;
    const first = start >> (HEIGHT * level);
    let row = await this.row(level, first, first + (count >> (HEIGHT * level)));
    while (row.length > 1) {
      row = row.filter((_, n) => n % 2 === 0).map((one, n) => nodeHash(one, row[2 * n + 1]));
    }
    return row[0];
  }

  /** Hashes of one level, all out of one tile. */
  async row(level, start, stop) {
    const index = start / WIDTH;
    const name = `${level}/${index}`;
    if (!this.read.has(name)) this.read.set(name, this.fetch(level, index));
    const data = await this.read.get(name);
    const from = Number(start - index * WIDTH);
    const hashes = [];
    for (let n = from; n < from + Number(stop - start); n += 1) {
      hashes.push(data.slice(n * HASH, (n + 1) * HASH));
    }
    return hashes;
  }

  async fetch(level, index) {
    const left = (this.size >> (HEIGHT * level)) - index * WIDTH;
    const part = left < WIDTH ? `.p/${left}` : "";
    const answer = await fetch(`/log/tile/${level}/${tilePath(index)}${part}`);
    const data = new Uint8Array(await answer.arrayBuffer());
    const wanted = Number(left < WIDTH ? left : WIDTH) * HASH;
    if (!answer.ok || data.length < wanted) throw new Error(`no tile ${level}/${index}`);
    return data;
  }
}

/** Groups of three digits, all but the last with an x before them. */
function tilePath(index) {
  let digits = index.toString();
  digits = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
  const groups = digits.match(/.{3}/g);
  return groups.map((group, n) => (n < groups.length - 1 ? `x${group}` : group)).join("/");
}

async function fetchText(path) {
  const answer = await fetch(path, { cache: "no-store", signal: timeout(5000) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.text();
}

const timeout = (ms) => AbortSignal.timeout?.(ms);
