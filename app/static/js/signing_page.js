/**
 * The page that signs: it reads the text out for whoever signs, checks that the text is
 * what it seems to be, signs it with the key of this browser, and sends the form.
 */

import { findKey, isSealed, signNote } from "./device_key.js";
import { Fork, look } from "./seen.js";
import { toHex, toUtf8 } from "./verifier/bytes.js";
import { parseDisclosure } from "./verifier/disclosure.js";
import { parseEntry, parseKeyName } from "./verifier/entry.js";
import { canonicalJson, parseCanonical } from "./verifier/json.js";
import { leafHash } from "./verifier/merkle.js";
import { formatLine } from "./verifier/note.js";

const HEADER = "remelt/fact@v1\n";
const page = document.querySelector("[data-signing]");
const form = page.querySelector("[data-sign]");
const unsigned = JSON.parse(document.getElementById("unsigned").textContent);

function fail(kind) {
  page.querySelector(`[data-fault=${kind}]`).hidden = false;
  form.hidden = kind !== "sign";
  page.querySelector("[data-seen=waiting]").hidden = true;
  if (page.querySelector("[data-seen=verified]").hidden) {
    page.querySelector("[data-seen=none]").hidden = false;
  }
  if (kind === "missing") page.querySelector("[data-forget]").hidden = false;
}

/** What is to be signed, read out of its own text; refuses what is not for this key. */
function read({ line, after, disclosures }, org) {
  const fact = parseCanonical(line);
  const shown = disclosures.map(parseDisclosure);
  const isOurs = fact.org === org && fact.seen === null;
  if (!isOurs || !shown.every(({ digest }) => fact.sd.includes(digest))) {
    throw new Error("the text is not for this key");
  }
  // As an entry is read, but for its signature: that of nobody
  const nobody = {
    name: page.dataset.key,
    id: new Uint8Array(4),
    signature: new Uint8Array(64),
  };
  parseEntry(toUtf8(`${textOf(fact)}\n${formatLine(nobody)}`));
  return { fact, shown, after, disclosures };
}

/** Every field with its value, flat. */
function lines(value, path = "") {
  if (Array.isArray(value)) {
    return value.flatMap((one, n) => lines(one, `${path}[${n + 1}]`));
  }
  if (value === null || typeof value !== "object") return [[path, String(value)]];
  return Object.keys(value)
    .sort()
    .flatMap((name) => lines(value[name], path ? `${path}.${name}` : name));
}

function show(place, { fact, shown }) {
  const body = place.querySelector("[data-fields]");
  const rows = [["at", fact.at], ...lines(fact.data)];
  for (const [name, text] of rows) body.append(row(name, text));
  for (const { name, value } of shown) {
    const made = row(name, value);
    const note = document.createElement("span");
    note.className = "confidential";
    note.textContent = ` ${place.dataset.confidential}`;
    made.lastChild.append(note);
    body.append(made);
  }
}

function row(name, text) {
  const made = document.createElement("tr");
  const head = document.createElement("th");
  const cell = document.createElement("td");
  head.scope = "row";
  head.append(Object.assign(document.createElement("code"), { textContent: name }));
  cell.textContent = text;
  made.append(head, cell);
  return made;
}

const textOf = (fact) => `${HEADER}${canonicalJson(fact)}\n`;

/** The fact with what only this browser can say: what it saw, what it has just signed. */
function complete({ fact, after }, seen, leaves) {
  const parents = new Set([...fact.parents, ...after.map((n) => leaves[n])]);
  return { ...fact, seen, parents: [...parents].filter(Boolean).sort() };
}

async function see(key) {
  const says = (state) => page.querySelector(`[data-seen=${state}]`);
  let seen = null;
  try {
    seen = await look(key);
  } catch (error) {
    if (error instanceof Fork) throw error;
  }
  says("waiting").hidden = true;
  const found = says(seen === null ? "none" : "verified");
  if (seen !== null) found.textContent = found.textContent.replace("{}", seen.size - 1);
  found.hidden = false;
  return seen;
}

async function signAll(key, entries, seen) {
  const leaves = [];
  const notes = [];
  for (const entry of entries) {
    const note = await signNote(key, textOf(complete(entry, seen, leaves)));
    const bytes = toUtf8(note);
    parseEntry(bytes);
    leaves.push(toHex(leafHash(bytes)));
    notes.push({ note, disclosures: entry.disclosures });
  }
  return notes;
}

async function start() {
  const { organisation } = parseKeyName(page.dataset.key);
  const places = page.querySelectorAll("[data-entry]");
  let entries;
  try {
    entries = unsigned.map((one) => read(one, organisation));
    entries.forEach((entry, n) => show(places[n], entry));
  } catch {
    return fail("text");
  }
  let key;
  try {
    key = await findKey(page.dataset.key);
  } catch {
    key = undefined;
  }
  if (!key) return fail("missing");
  if (key.logVkey !== page.dataset.logVkey) return fail("fork");
  page.querySelector("[data-kept=bytes]").hidden = isSealed(key);
  let seen;
  try {
    seen = await see(key);
  } catch {
    return fail("fork");
  }
  entries.forEach((entry, n) => {
    places[n].querySelector("[data-text]").textContent = textOf(complete(entry, seen, []));
  });
  return offer(key, entries, seen);
}

/** The button works; one tap signs once. */
function offer(key, entries, seen) {
  const button = form.querySelector("button");
  button.disabled = false;
  button.focus();
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    try {
      const notes = await signAll(key, entries, seen);
      form.querySelector("[data-signed]").value = JSON.stringify(notes);
    } catch {
      fail("sign");
      return;
    }
    form.requestSubmit();
  });
}

start();
