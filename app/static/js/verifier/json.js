/**
 * JSON, read strictly: no name twice, no fraction, no number that a reader could round.
 * And its one form, RFC 8785, for objects, arrays, text and whole numbers.
 *
 * Objects have no prototype, so that a member of any name is just a member.
 */

import { isWellFormed } from "./bytes.js";
import { refuse } from "./errors.js";

const MAX_NESTING = 500;
const MAX_DEPTH = 32;
const MAX_DIGITS = 4300;
const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPES = {
  '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t",
};
const ASCII = /^[\u0000-\u007f]*$/;

export const isObject = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const has = (object, name) => Object.prototype.hasOwnProperty.call(object, name);

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined) refuse("canonical.refused");
    this.at += found.length;
    return found;
  }

  /** Whether this comes next, after space; then it is passed over. */
  skip(sign) {
    this.match(SPACE);
    if (this.text[this.at] !== sign) return false;
    this.at += 1;
    return true;
  }

  need(sign) {
    if (!this.skip(sign)) refuse("canonical.refused");
  }

  value(depth) {
    if (depth > MAX_NESTING) refuse("canonical.refused");
    this.match(SPACE);
    switch (this.text[this.at]) {
      case "{":
        return this.object(depth);
      case "[":
        return this.array(depth);
      case '"':
        return this.string();
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  object(depth) {
    const made = Object.create(null);
    this.need("{");
    if (this.skip("}")) return made;
    do {
      this.match(SPACE);
      const name = this.string();
      if (has(made, name)) refuse("canonical.refused");
      this.need(":");
      made[name] = this.value(depth + 1);
    } while (this.skip(","));
    this.need("}");
    return made;
  }

  array(depth) {
    const made = [];
    this.need("[");
    if (this.skip("]")) return made;
    do made.push(this.value(depth + 1));
    while (this.skip(","));
    this.need("]");
    return made;
  }

  string() {
    if (this.text[this.at] !== '"') refuse("canonical.refused");
    this.at += 1;
    let made = this.match(PLAIN);
    while (this.text[this.at] === "\\") {
      made += this.escape() + this.match(PLAIN);
    }
    if (this.text[this.at] !== '"') refuse("canonical.refused");
    this.at += 1;
    return made;
  }

  escape() {
    const letter = this.text[this.at + 1];
    this.at += 2;
    if (letter === "u") {
      const digits = this.text.slice(this.at, this.at + 4);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) refuse("canonical.refused");
      this.at += 4;
      return String.fromCharCode(parseInt(digits, 16));
    }
    if (letter === undefined || !has(ESCAPES, letter)) refuse("canonical.refused");
    return ESCAPES[letter];
  }

  word(word, value) {
    if (!this.text.startsWith(word, this.at)) refuse("canonical.refused");
    this.at += word.length;
    return value;
  }

  /** A whole number; one that a double cannot hold is a BigInt, for callers to refuse. */
  number() {
    const digits = this.match(NUMBER);
    if (digits.length > MAX_DIGITS || /[.eE]/.test(this.text[this.at] ?? "")) {
      refuse("canonical.refused");
    }
    const value = Number(digits);
    return Number.isSafeInteger(value) ? value : BigInt(digits);
  }
}

/** The value of a JSON text. */
export function parseJson(text) {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.match(SPACE);
  if (reader.at !== text.length) refuse("canonical.refused");
  return value;
}

/** The RFC 8785 text of a value; names are ASCII, and 32 levels the most. */
export function canonicalJson(value, depth = MAX_DEPTH) {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") {
    if (!isWellFormed(value)) refuse("canonical.refused");
    return JSON.stringify(value);
  }
  if (typeof value === "number" && Number.isSafeInteger(value)) return String(value);
  if (typeof value !== "object" || depth === 0) return refuse("canonical.refused");
  if (Array.isArray(value)) {
    return `[${value.map((one) => canonicalJson(one, depth - 1)).join(",")}]`;
  }
  const names = Object.keys(value).sort();
  if (!names.every((name) => ASCII.test(name))) refuse("canonical.refused");
  const members = names.map(
    (name) => `${JSON.stringify(name)}:${canonicalJson(value[name], depth - 1)}`,
  );
  return `{${members.join(",")}}`;
}

/** The object that a text stands for, which must be in its canonical form. */
export function parseCanonical(text) {
  const value = parseJson(text);
  if (!isObject(value) || canonicalJson(value) !== text) refuse("canonical.refused");
  return value;
}
