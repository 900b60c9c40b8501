/**
 * The verifier: notes, checkpoints, policies, proofs, entries, key histories and bundles
 * of a log, checked where one stands. It asks nobody, keeps nothing and prints nothing;
 * what it refuses it refuses with a code. docs/reference/log-format.md has the formats.
 */

export { loadBundle, parseBundle } from "./verifier/bundle.js";
export { findClaim, findEnd, verifyBundle } from "./verifier/bundle_check.js";
export { fromBase64, fromHex, fromUtf8, toBase64, toHex, toUtf8 } from "./verifier/bytes.js";
export {
  parseCheckpointText, parseWitnessVkey, readCheckpoint, verifyCosignature,
} from "./verifier/checkpoint.js";
export { digestOf, parseDisclosure } from "./verifier/disclosure.js";
export { engineName, isWeakKey, verifySignature } from "./verifier/ed25519.js";
export { checkPossession, parseEntry, parseKeyName, verifyEntry } from "./verifier/entry.js";
export { LedgerError } from "./verifier/errors.js";
export { canonicalJson, parseCanonical, parseJson } from "./verifier/json.js";
export { KeyHistory } from "./verifier/keyhistory.js";
export { leafHash, nodeHash, verifyConsistency, verifyInclusion } from "./verifier/merkle.js";
export { openNote, parseVkey, splitNote } from "./verifier/note.js";
export { evaluatePolicy, isMet, parsePolicy, pinnedGenesis } from "./verifier/policy.js";
export { parseProofFile, verifyProofFile } from "./verifier/proof_file.js";
export { sha256 } from "./verifier/sha256.js";
