/**
 * How the results of the verifier are shown. Words come out of the page: an element
 * `<template data-text="name">` for each, in whatever languages the page speaks.
 */

const MARKS = { true: "✓", false: "✕" };

/** What the page says under this name. */
export function say(name) {
  const found = document.querySelector(`template[data-text="${name}"]`);
  return document.importNode(found.content, true);
}

/** An element with a class and its contents: texts or nodes. */
export function element(tag, className, ...contents) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...contents);
  return made;
}

/** One line of a list of checks; a failure names its code and place. */
export function checkLine({ text, passed, code, place }) {
  const hidden = element("span", "visually-hidden");
  hidden.append(say(passed ? "holds" : "failed"), say("colon"));
  const words = element("span", "", hidden, text);
  if (!passed && code) {
    const found = [code, place].filter(Boolean).join(" · ");
    words.append(" ", element("code", "found", found));
  }
  const mark = element("span", "mark", MARKS[passed]);
  mark.setAttribute("aria-hidden", "true");
  return element("li", passed ? "ok" : "fail", mark, words);
}

/** What the checkpoint is worth: its size and who cosigned it, with the moments. */
export function witnessLine(outcome) {
  const line = element("p", "muted");
  if (!outcome) return line;
  if (!outcome.witnessed.size) {
    line.append(say("not_cosigned"));
    return line;
  }
  const names = [...outcome.witnessed].map(
    ([name, time]) => `${name} (${instant(time)})`,
  );
  line.append(say("cosigned_by"), say("colon"), names.join(", "));
  return line;
}

/** POSIX seconds as a moment in UTC. */
function instant(seconds) {
  const moment = new Date(Number(seconds) * 1000);
  return Number.isNaN(moment.getTime())
    ? String(seconds)
    : moment.toISOString().replace("T", " ").replace(".000Z", " UTC");
}
