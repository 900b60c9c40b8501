/** Checkpoints (C2SP tlog-checkpoint) and what witnesses add (C2SP tlog-cosignature). */

import { concat, fromBase64, fromUtf8, toBigInt, toUtf8 } from "./bytes.js";
import { orRefuse, refuse } from "./errors.js";
import { checkSignature, keyOf, parseVkey, splitNote } from "./note.js";

export const COSIGNATURE = 4;
export const MAX_SIZE = 2n ** 63n - 1n;
const ENTRY_PREFIX = "remelt/";
const SIZE = /^(?:0|[1-9][0-9]{0,18})$/;
const TIME_SIZE = 8;
const SIGNATURE_SIZE = 64;

/**
 * Origin, size and root of a note's text; extension lines are passed over.
 *
 * @returns {{origin: string, size: bigint, root: Uint8Array}}
 */
export function parseCheckpointText(text) {
  const lines = orRefuse("checkpoint.malformed", () => fromUtf8(text)).split("\n");
  if (lines.length < 4 || lines.pop() !== "" || lines.includes("")) {
    refuse("checkpoint.malformed");
  }
  const [origin, size, encoded] = lines;
  if (!SIZE.test(size) || BigInt(size) > MAX_SIZE) refuse("checkpoint.malformed");
  const root = orRefuse("checkpoint.malformed", () => fromBase64(encoded));
  if (root.length !== 32 || origin.startsWith(ENTRY_PREFIX)) {
    refuse("checkpoint.malformed");
  }
  return { origin, size: BigInt(size), root };
}

/** The checkpoint of a signed note, nothing verified. */
export const readCheckpoint = (note) => parseCheckpointText(splitNote(note).text);

export const parseWitnessVkey = (vkey) => parseVkey(vkey, COSIGNATURE);

/**
 * Check one cosignature line over a checkpoint's text.
 *
 * @returns {bigint} when it was made, as the witness says: POSIX seconds
 */
export async function verifyCosignature(key, line, text) {
  if (keyOf(key) !== keyOf(line)) refuse("cosignature.other");
  if (line.signature.length !== TIME_SIZE + SIGNATURE_SIZE) {
    refuse("cosignature.malformed");
  }
  const time = toBigInt(line.signature.subarray(0, TIME_SIZE));
  if (time > MAX_SIZE) refuse("cosignature.malformed");
  const signed = concat(toUtf8(`cosignature/v1\ntime ${time}\n`), text);
  const signature = line.signature.slice(TIME_SIZE);
  await checkSignature(key, signature, signed, "cosignature.bad");
  return time;
}
