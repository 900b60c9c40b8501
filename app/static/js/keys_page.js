/** The keys page: make a key in this browser, have it registered, sign with it. */

import {
  canSeal, dropKey, isSealed, listKeys, makeKey, provePossession,
} from "./device_key.js";

const here = document.getElementById("this-browser");
const registered = JSON.parse(document.getElementById("registered").textContent);
const { org, origin, logVkey, chosen, signs } = here.dataset;
const number = Number(here.dataset.number);

const part = (name) => here.querySelector(`[data-shows=${name}]`);

function show(name) {
  part(name).hidden = false;
}

const stateOf = (key) => registered.find((one) => one.vkey === key.vkey);

/** A key of this browser that waits for its registration, if its number is still free. */
async function waiting(keys) {
  for (const key of keys.filter((one) => !stateOf(one))) {
    if (key.name === `${origin}/${org}/${number}` && key.logVkey === logVkey) return key;
    await dropKey(key.name);
  }
  return null;
}

async function register(key) {
  const proof = await provePossession(key);
  if (!signs) {
    part("waiting").querySelector("[data-says=vkey]").textContent = key.vkey;
    part("waiting").querySelector("[data-says=proof]").textContent = proof;
    show("waiting");
    return;
  }
  const form = here.querySelector("[data-register]");
  form.querySelector("[data-vkey]").value = key.vkey;
  form.querySelector("[data-proof]").value = proof;
  form.requestSubmit();
}

async function make() {
  part("none").hidden = true;
  try {
    await register(await makeKey({ origin, org, number, logVkey }));
  } catch {
    show("fault");
  }
}

async function start() {
  here.querySelector("[data-make]").addEventListener("click", make);
  if (!(await canSeal())) show("bytes");
  const keys = await listKeys(org);
  const usable = keys.find((key) => stateOf(key)?.valid);
  if (usable) {
    part("bytes").hidden = isSealed(usable);
    if (usable.name === chosen) return;
    const form = part("here");
    form.querySelector("[data-choose]").value = stateOf(usable).number;
    const line = form.querySelector("p");
    line.textContent = line.textContent.replace("{}", usable.name);
    show("here");
    return;
  }
  const made = await waiting(keys);
  // One that could be registered at once and was not: the page was left in between
  if (made && !signs) await register(made);
  else show("none");
}

start().catch(() => show("fault"));
