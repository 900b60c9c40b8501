/**
 * Runs the shared corpus over the browser's verifier: the same answers, in the same form,
 * as tools/corpus_case.py gives over the Python one.
 */

import * as verifier from "/static/js/verifier.js";

const encoder = new TextEncoder();

function textOf(test, texts) {
  if ("text" in test) return test.text;
  const [start, end, made] = test.splice ?? [0, 0, ""];
  const base = texts[test.of];
  return base.slice(0, start) + made + base.slice(end);
}

const bytesOf = (test, texts) =>
  "hex" in test ? verifier.fromHex(test.hex) : encoder.encode(textOf(test, texts));

const CHECKS = {
  async bundle(test, texts) {
    const policy = verifier.parsePolicy(texts[test.policy]);
    const document = verifier.loadBundle(bytesOf(test, texts));
    const report = await verifier.verifyBundle(document, policy, test.genesis);
    const failed = report.checks.filter((check) => !check.passed);
    return Object.fromEntries(failed.map(({ name, code }) => [name, code]));
  },
  async note(test, texts) {
    const keys = test.vkeys.map((vkey) => verifier.parseVkey(vkey));
    await verifier.openNote(bytesOf(test, texts), keys);
  },
  async checkpoint(test, texts) {
    const policy = verifier.parsePolicy(texts[test.policy]);
    const { satisfied } = await verifier.evaluatePolicy(policy, bytesOf(test, texts));
    if (!satisfied) throw new verifier.LedgerError("quorum.missing");
  },
  async proof_file(test, texts) {
    const proof = verifier.parseProofFile(bytesOf(test, texts));
    const policy = verifier.parsePolicy(texts[test.policy]);
    await verifier.verifyProofFile(proof, verifier.fromHex(test.leaf), policy);
  },
  async policy(test, texts) {
    verifier.parsePolicy(textOf(test, texts));
  },
  async entry(test, texts) {
    const entry = verifier.parseEntry(bytesOf(test, texts));
    await verifier.verifyEntry(entry, verifier.parseVkey(test.vkey));
  },
  async disclosure(test, texts) {
    verifier.parseDisclosure(textOf(test, texts));
  },
  async vkey(test, texts) {
    verifier.parseVkey(textOf(test, texts));
  },
  async signature(test, texts) {
    const [key, signature] = [test.public_key, test.signature].map(verifier.fromHex);
    if (verifier.isWeakKey(key)) throw new verifier.LedgerError("key.weak");
    if (!(await verifier.verifySignature(key, signature, bytesOf(test, texts)))) {
      throw new verifier.LedgerError("signature.bad");
    }
  },
  async inclusion({ proof, index, size, leaf, root }) {
    verifier.verifyInclusion(proof.map(verifier.fromHex), {
      index: BigInt(index),
      size: BigInt(size),
      leaf: verifier.fromHex(leaf),
      root: verifier.fromHex(root),
    });
  },
  async consistency({ proof, ...tree }) {
    verifier.verifyConsistency(proof.map(verifier.fromHex), {
      oldSize: BigInt(tree.old_size),
      newSize: BigInt(tree.new_size),
      oldRoot: verifier.fromHex(tree.old_root),
      newRoot: verifier.fromHex(tree.new_root),
    });
  },
  async history({ entries }) {
    const history = new verifier.KeyHistory();
    for (const [index, note] of entries) {
      await history.check(index, verifier.parseEntry(encoder.encode(note)));
    }
  },
};

async function outcome(test, texts) {
  try {
    return (await CHECKS[test.kind](test, texts)) ?? null;
  } catch (error) {
    if (error instanceof verifier.LedgerError) return error.code;
    return `${error.name}: ${error.message}`;
  }
}

/** What the verifier says of each case, in order. */
export async function run({ texts, cases }) {
  const found = [];
  for (const test of cases) found.push(await outcome(test, texts));
  return { engine: await verifier.engineName(), found };
}

/** How many of the single-bit flips of a proof file are accepted, and which codes come. */
export async function flips(hex, leafHex, policyText) {
  const whole = verifier.fromHex(hex);
  const leaf = verifier.fromHex(leafHex);
  const policy = verifier.parsePolicy(policyText);
  const codes = {};
  const accepted = [];
  for (let bit = 0; bit < 8 * whole.length; bit += 1) {
    const hurt = whole.slice();
    hurt[bit >> 3] ^= 1 << (bit & 7);
    try {
      await verifier.verifyProofFile(verifier.parseProofFile(hurt), leaf, policy);
      accepted.push(bit);
    } catch (error) {
      if (!(error instanceof verifier.LedgerError)) throw error;
      codes[error.code] = (codes[error.code] ?? 0) + 1;
    }
  }
  await verifier.verifyProofFile(verifier.parseProofFile(whole), leaf, policy);
  return { accepted, codes };
}

/** The SHA-256 of each message, in hexadecimal. */
export const digests = (messages) =>
  messages.map((hex) => verifier.toHex(verifier.sha256(verifier.fromHex(hex))));

export { engineName } from "/static/js/verifier.js";
