/**
 * A proof from disk, checked by a page from disk: no server, no network. `verify.html` is
 * this with the verifier in one file; `tools/verifier_page.py` puts it together.
 */

import {
  findClaim, findEnd, fromUtf8, LedgerError, loadBundle, parsePolicy, pinnedGenesis,
  verifyBundle,
} from "./verifier.js";
import { checkLine, element, say, witnessLine } from "./verifier_view.js";

const MOST_BYTES = 100_000_000;
const SCALE_G = 1000;
const chosen = { bundle: null, policy: null };
const result = document.getElementById("result");

/** Read a file; a dropped one's name is shown, as text, for no field shows it. */
async function choose(kind, file, named = false) {
  const status = document.querySelector(`[data-status="${kind}"]`);
  if (file.size > MOST_BYTES) {
    chosen[kind] = null;
    status.replaceChildren(say("too_large"));
  } else {
    chosen[kind] = new Uint8Array(await file.arrayBuffer());
    status.replaceChildren(named ? file.name : "");
  }
  await check();
}

/** A dropped file is a proof where it reads as JSON, else a policy. */
async function dropped(file) {
  const head = fromBytes(new Uint8Array(await file.slice(0, 200).arrayBuffer()));
  await choose(head.trimStart().startsWith("{") ? "bundle" : "policy", file, true);
}

const fromBytes = (bytes) => new TextDecoder().decode(bytes);

function orNull(work) {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    return null;
  }
}

async function check() {
  if (!chosen.bundle) return;
  const document_ = orNull(() => loadBundle(chosen.bundle));
  if (!document_ || typeof document_.policy !== "string") {
    show({ state: "no_bundle", good: false });
    return;
  }
  const text = chosen.policy ? orNull(() => fromUtf8(chosen.policy)) : document_.policy;
  const policy = text === null ? null : orNull(() => parsePolicy(text));
  if (!policy) {
    show({ state: chosen.policy ? "no_policy" : "no_bundle", good: false });
    return;
  }
  let report;
  try {
    report = await verifyBundle(document_, policy, pinnedGenesis(text));
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    const place = [error.code, error.place].filter(Boolean).join(" · ");
    show({ state: "no_bundle", good: false, place });
    return;
  }
  const end = report.passed ? findEnd(report) : null;
  // Whoever makes a log of its own makes a policy for it: a file is no anchor of itself
  const holds = chosen.policy ? "holds" : "agrees_alone";
  const state = !report.passed ? "holds_not" : end ? "no_longer" : holds;
  show({ state, good: report.passed && !end, report, end, text });
}

const TITLES = {
  holds: "holds_whole",
  agrees_alone: "agrees_alone",
  holds_not: "holds_not",
  no_longer: "holds_no_longer",
  no_bundle: "no_bundle",
  no_policy: "no_bundle",
};

const LOOKS = {
  holds: ["valid", "sign_ok"],
  agrees_alone: ["corrected", "sign_warn"],
};

function show({ state, good, report = null, end = null, text = "", place = "" }) {
  const [kind, sign] = LOOKS[state] ?? ["unverifiable", "sign_bad"];
  const article = element("article", `label-page is-${kind}`);
  const words = element("div", "", element("h1", "", say(TITLES[state])));
  const header = element("header", "verdict", say(sign), words);
  article.append(header, element("p", "sentence", say(`sentence_${state}`)));
  if (place) article.append(element("p", "found", element("code", "", place)));
  if (end) {
    const reason = element("q", "", end.reason);
    article.append(element("p", "reason", say("reason"), say("colon"), reason));
  }
  if (report) {
    // What is not proven is not shown as if it were
    if (report.passed) article.append(...figures(report, good));
    article.append(checks(report), anchor(text));
  }
  result.replaceChildren(article);
  result.focus();
}

function figures(report, good) {
  const claim = findClaim(report);
  const made = [];
  if (claim && Number.isSafeInteger(claim.fact.data.share_ppm)) {
    const share = percent(claim.fact.data.share_ppm);
    const number = element("span", "share-number", good ? share : element("s", "", share));
    const figure = element("p", "figure", number, element("span", "share-unit", "%"));
    const title = element("h2", "", say("share"));
    made.push(element("section", good ? "share" : "share quiet", title, figure));
  }
  const list = element("dl", "facts");
  const row = (name, ...value) => {
    const term = element("dt", "", say(name));
    list.append(element("div", "", term, element("dd", "", ...value)));
  };
  const { subject, facts } = report;
  row("claim", subject.claim ? code(subject.claim) : say("no_claim"));
  const lot = claim?.fact.data.lot ?? subject.lot;
  if (lot) row("lot", code(lot));
  const mass = claim?.fact.data.claimed_g;
  if (Number.isSafeInteger(mass)) row("mass", `${kilograms(mass)} kg`);
  const about = claim ?? facts.at(-1);
  if (about) {
    row("organisation", code(about.fact.org));
    const holder = { organisation: "held_organisation", platform: "held_platform" };
    const held = holder[about.heldBy] ? [" · ", say(holder[about.heldBy])] : [];
    row("signed_with", element("code", "", about.keyName), ...held);
    row("stated_at", String(about.fact.at));
  }
  const { checkpoint } = report.outcome;
  row("log", element("code", "", checkpoint.origin));
  row("size", String(checkpoint.size));
  made.push(list);
  return made;
}

const grouped = (text) => (/^[0-9A-Z]{12}$/.test(text) ? text.match(/.{4}/g).join("-") : text);
const code = (text) => element("code", "", grouped(String(text)));

/** A share to a tenth of a per cent, rounded down, as the server sets it. */
function percent(ppm) {
  const tenths = Math.floor(ppm / 1000);
  return tenths === 1000 ? "100" : (tenths / 10).toFixed(1);
}

/** Grams as kilograms, without a float: groups of three, up to three decimals. */
function kilograms(grams) {
  const whole = String(Math.floor(grams / SCALE_G)).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const rest = String(grams % SCALE_G).padStart(3, "0").replace(/0+$/, "");
  return rest ? `${whole}.${rest}` : whole;
}

function checks(report) {
  const section = element("section", "", element("h2", "", say("what")));
  const lines = report.checks.map((one) => checkLine({ ...one, text: say(one.name) }));
  section.append(element("ul", "checks", ...lines), witnessLine(report.outcome));
  return section;
}

function anchor(text) {
  const note = element("p", "", say(chosen.policy ? "anchor_own" : "anchor_bundle"));
  const box = element("section", chosen.policy ? "box" : "box warn", note);
  if (!pinnedGenesis(text)) box.append(element("p", "", say("anchor_no_genesis")));
  return box;
}

for (const kind of ["bundle", "policy"]) {
  document.getElementById(kind).addEventListener("change", ({ target }) => {
    if (target.files.length) choose(kind, target.files[0]);
  });
}
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  for (const file of event.dataTransfer.files) await dropped(file);
});
for (const button of document.querySelectorAll("button[data-language]")) {
  button.addEventListener("click", () => speak(button.dataset.language));
}

/** Show one language; both stand in the file. */
function speak(language) {
  document.documentElement.lang = language;
  for (const button of document.querySelectorAll("button[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
}

speak(/^en\b/.test(navigator.language) ? "en" : "zh");
