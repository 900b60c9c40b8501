/**
 * The page behind a label, checked where it is read: fetches the proof and the policy,
 * verifies both, compares what the page shows with what was signed, and shows its result
 * beside the server's. Where the two differ, the page turns red.
 *
 * Without this file the server's verdict stands, and the page says nothing of a browser.
 */

import {
  findClaim, findEnd, fromUtf8, LedgerError, loadBundle, parsePolicy, pinnedGenesis,
  sha256, toHex, toUtf8, verifyBundle,
} from "./verifier.js";
import { checkLine, element, say, witnessLine } from "./verifier_view.js";

const place = document.getElementById("own-check");
const page = place?.closest(".label-page");
const { code, verdict } = place?.dataset ?? {};
const SERVER_HOLDS = verdict !== "unverifiable";

async function fetchBytes(address) {
  const answer = await fetch(address, { cache: "no-cache", credentials: "omit" });
  if (!answer.ok) throw new TypeError(`${answer.status} ${address}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** Report and policy; a refusal of either is one failed check. */
async function verify(bundle, policyBytes) {
  try {
    const policyText = fromUtf8(policyBytes);
    const policy = parsePolicy(policyText);
    return await verifyBundle(loadBundle(bundle), policy, pinnedGenesis(policyText));
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    const name = error.code.startsWith("policy.") ? "policy" : "subject";
    const checks = [{ name, passed: false, code: error.code, place: error.place }];
    return { checks, passed: false, facts: [], subject: {}, outcome: null };
  }
}

const shownText = (name) =>
  page.querySelector(`[data-shown="${name}"]`)?.textContent.replaceAll("-", "");

/** A share to a tenth of a per cent, rounded down, as the server sets it. */
function percent(ppm) {
  const tenths = Math.floor(ppm / 1000);
  return tenths === 1000 ? "100" : (tenths / 10).toFixed(1);
}

/** Whether code, share and lot on the page are those of the signed entries. */
function figuresFit(report) {
  const claim = findClaim(report)?.fact.data;
  const [share, lot] = [shownText("share"), shownText("lot")];
  const isLabel = toHex(sha256(toUtf8(code))) === report.subject.label_sha256;
  const isShare =
    share === undefined || (claim !== undefined && share === percent(claim.share_ppm));
  const signedLot = claim?.lot ?? report.subject.lot;
  return isLabel && isShare && (lot === undefined || lot === signedLot);
}

function show(report, extra) {
  const differs = report.passed !== SERVER_HOLDS || extra.some(({ passed }) => !passed);
  const state = differs ? "disagrees" : report.passed ? "agrees" : "fault_too";
  const checks = report.checks.map((check) => ({ ...check, text: say(check.name) }));
  const lines = [...checks, ...extra].map(checkLine);
  const list = element("details", "", element("summary", "", say("what")));
  list.append(element("ul", "checks", ...lines));
  list.open = state !== "agrees";
  place.querySelector("[role=status]").replaceChildren(say(state));
  place.querySelector(".own-result").replaceChildren(list, witnessLine(report.outcome));
  place.classList.add(`is-${state.replace("_", "-")}`);
  if (differs) turnRed();
}

function turnRed() {
  page.classList.add("is-disagreed");
  page.querySelector("h1").replaceChildren(say("not_confirmed"));
  const sign = document.querySelector('template[data-text="sign_bad"]');
  page.querySelector(".verdict .sign").replaceWith(sign.content.cloneNode(true));
  const alarm = document.querySelector('template[data-text="alarm"]');
  page.querySelector(".verdict").after(alarm.content.cloneNode(true));
}

async function main() {
  place.hidden = false;
  let bytes;
  try {
    bytes = await Promise.all([
      fetchBytes(place.dataset.bundle),
      fetchBytes(place.dataset.policy),
    ]);
  } catch {
    place.querySelector("[role=status]").replaceChildren(say("no_proof"));
    place.classList.add("is-without-proof");
    return;
  }
  const report = await verify(...bytes);
  const extra = [];
  if (report.passed) {
    extra.push({ text: say("figures"), passed: figuresFit(report) });
    const end = verdict === "revoked" ? null : findEnd(report);
    if (end) {
      const where = `entry ${end.index}`;
      extra.push({ text: say("ended"), passed: false, code: end.type, place: where });
    }
    if (!SERVER_HOLDS) extra.push({ text: say("unexpected"), passed: false });
  }
  show(report, extra);
}

if (place) main();
