/** A proof that one can carry away: C2SP tlog-proof, file extension `.tlog-proof`. */

import { fromBase64, fromUtf8, indexOf } from "./bytes.js";
import { MAX_SIZE, readCheckpoint } from "./checkpoint.js";
import { orRefuse, refuse } from "./errors.js";
import { verifyInclusion } from "./merkle.js";
import { MAX_NOTE_SIZE } from "./note.js";
import { evaluatePolicy } from "./policy.js";

const HEADER = "c2sp.org/tlog-proof@v1";
const MAX_HASHES = 63;
const INDEX = /^index (0|[1-9][0-9]{0,18})$/;
const ASCII = /^[\u0000-\u007f]*$/;

/** The proof in a file, nothing verified. */
export function parseProofFile(data) {
  return orRefuse("proof_file.malformed", () => parse(data));
}

function parse(data) {
  const cut = indexOf(data, [0x0a, 0x0a]);
  if (cut < 0 || data.length > 2 * MAX_NOTE_SIZE) refuse("proof_file.malformed");
  const head = fromUtf8(data.subarray(0, cut));
  if (!ASCII.test(head)) refuse("proof_file.malformed");
  const checkpoint = data.slice(cut + 2);
  readCheckpoint(checkpoint);
  const lines = head.split("\n");
  if (lines.shift() !== HEADER) refuse("proof_file.malformed");
  let extra = null;
  if (lines[0]?.startsWith("extra ")) {
    extra = fromBase64(lines.shift().slice("extra ".length));
  }
  const match = INDEX.exec(lines.shift() ?? "");
  const hashes = lines.map(fromBase64);
  if (
    !match ||
    BigInt(match[1]) > MAX_SIZE ||
    hashes.length > MAX_HASHES ||
    hashes.some((one) => one.length !== 32)
  ) {
    refuse("proof_file.malformed");
  }
  return { index: BigInt(match[1]), hashes, checkpoint, extra };
}

/**
 * Check that an entry, whose leaf hash the caller has computed, stands in a log that the
 * policy trusts.
 */
export async function verifyProofFile(proof, leaf, policy) {
  const outcome = await evaluatePolicy(policy, proof.checkpoint);
  if (!outcome.satisfied) refuse("quorum.missing");
  const { size, root } = outcome.checkpoint;
  verifyInclusion(proof.hashes, { index: proof.index, size, leaf, root });
  return outcome;
}
