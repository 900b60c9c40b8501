/**
 * Keys of this browser: made here, kept here, used here.
 *
 * With WebCrypto's Ed25519 the private key cannot be read by any script, ours included.
 * Without it (an old browser, a page without a secure origin) the key is 32 bytes in the
 * same store, and pages say so.
 */

import { concat, toBase64, toHex, toUtf8 } from "./verifier/bytes.js";
import { verifySignature } from "./verifier/ed25519.js";
import { ED25519, formatLine, keyId, parseVkey } from "./verifier/note.js";

const DATABASE = "remelt";
const STORE = "keys";
const ALGORITHM = "Ed25519";
const POSSESSION = "remelt/key-possession@v1\n";

/** One request of IndexedDB, or one transaction, as a promise. */
function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = request.oncomplete = () => resolve(request.result);
    request.onerror = request.onabort = () => reject(request.error);
  });
}

async function withStore(mode, work) {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore(STORE, { keyPath: "name" });
  };
  const database = await done(opening);
  try {
    const transaction = database.transaction(STORE, mode);
    const found = await done(work(transaction.objectStore(STORE)));
    if (mode === "readwrite" && transaction.error) throw transaction.error;
    return found;
  } finally {
    database.close();
  }
}

/** Every key that this browser keeps for an organisation. */
export async function listKeys(org) {
  const keys = await withStore("readonly", (store) => store.getAll());
  return keys.filter((key) => key.org === org);
}

/** The key of this name; undefined where this browser keeps none. */
export const findKey = (name) => withStore("readonly", (store) => store.get(name));

export const saveKey = (key) => withStore("readwrite", (store) => store.put(key));

export const dropKey = (name) => withStore("readwrite", (store) => store.delete(name));

/** Whether the key was made by the browser and cannot be read. */
export const isSealed = (key) => key.privateKey !== null;

/** Whether this browser can keep a key that no script reads. */
export async function canSeal() {
  try {
    await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
    return true;
  } catch {
    return false;
  }
}

async function makePair() {
  if (await canSeal()) {
    const pair = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
    const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
    return { publicKey: new Uint8Array(raw), privateKey: pair.privateKey, seed: null };
  }
  const noble = await fallback();
  const seed = crypto.getRandomValues(new Uint8Array(32));
  return { publicKey: noble.getPublicKey(seed), privateKey: null, seed };
}

async function fallback() {
  const noble = await import("../vendor/noble-ed25519-3.2.0.js");
  const { sha512 } = await import("../vendor/noble-hashes-2.4.0/sha2.js");
  noble.hashes.sha512 = sha512;
  return noble;
}

/**
 * Make a key and keep it; the log's key is pinned beside it.
 *
 * @param {{origin: string, org: string, number: number, logVkey: string}} whose
 */
export async function makeKey({ origin, org, number, logVkey }) {
  const pair = await makePair();
  const name = `${origin}/${org}/${number}`;
  const id = keyId(name, pair.publicKey);
  const encoded = toBase64(concat(Uint8Array.of(ED25519), pair.publicKey));
  const vkey = `${name}+${toHex(id)}+${encoded}`;
  parseVkey(vkey);
  const key = { name, org, vkey, logVkey, seen: null, ...pair };
  await saveKey(key);
  return key;
}

/** A signature of 64 bytes, checked before it is given away. */
export async function sign(key, message) {
  let signature;
  if (isSealed(key)) {
    const made = await crypto.subtle.sign(ALGORITHM, key.privateKey, message);
    signature = new Uint8Array(made);
  } else {
    signature = (await fallback()).sign(message, key.seed);
  }
  if (!(await verifySignature(key.publicKey, signature, message))) {
    throw new Error("the signature does not verify");
  }
  return signature;
}

/** The note of a text: the text, an empty line, and the line of the key. */
export async function signNote(key, text) {
  const signature = await sign(key, toUtf8(text));
  const line = { name: key.name, id: keyId(key.name, key.publicKey), signature };
  return `${text}\n${formatLine(line)}`;
}

/** What shows that this browser has the key: its signature over its registration. */
export async function provePossession(key) {
  return toBase64(await sign(key, toUtf8(`${POSSESSION}${key.org}\n${key.vkey}\n`)));
}
