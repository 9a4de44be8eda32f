// People as mail has them: names, addresses, lists of them as somebody types or pastes them.

import type { Person } from "../state/protocol";

/** What a person is called in a narrow place. */
export function called([name, address]: readonly [string, string, ...unknown[]]): string {
  const plain = name.trim();
  // A name that looks like another address is not believed.
  if (!plain || (plain.includes("@") && plain.toLowerCase() !== address.toLowerCase())) return address;
  return plain;
}

/** First names for a list of several. */
export function first(person: readonly [string, string, ...unknown[]]): string {
  const name = called(person);
  if (name.includes("@")) return name.split("@")[0] ?? name;
  const [head = name] = name.split(/[\s,]+/);
  return head;
}

export function written([name, address]: Person): string {
  return name ? `${name} <${address}>` : address;
}

export function isAddress(text: string): boolean {
  return /^[^\s@<>,;"]{1,64}@[^\s@<>,;"]+$/.test(text);
}

/** One person from what was typed: "Ann <ann@example.org>", or an address alone. */
export function parsed(text: string): Person {
  const bracket = /^\s*(.*?)\s*<([^<>]*)>\s*$/.exec(text);
  if (bracket) return [(bracket[1] ?? "").replace(/^"(.*)"$/, "$1").trim(), (bracket[2] ?? "").trim()];
  return ["", text.trim().replace(/^mailto:/i, "")];
}

/** Several, parted by commas, semicolons or lines, but not within quotes. */
export function split(text: string): Person[] {
  const found: string[] = [];
  let current = "";
  let quoted = false;
  for (const sign of text) {
    if (sign === '"') quoted = !quoted;
    if (!quoted && (sign === "," || sign === ";" || sign === "\n")) {
      found.push(current);
      current = "";
    } else {
      current += sign;
    }
  }
  return [...found, current].map((each) => each.trim()).filter(Boolean).map(parsed);
}

export function same(one: Person, other: Person): boolean {
  return one[1].toLowerCase() === other[1].toLowerCase();
}

/** Each address once, in order. */
export function unique(people: Person[], without: Person[] = []): Person[] {
  const known = new Set(without.map(([, address]) => address.toLowerCase()));
  return people.filter(([, address]) => {
    const key = address.toLowerCase();
    if (known.has(key)) return false;
    known.add(key);
    return true;
  });
}

/** A hue that always is the same for an address. */
export function hue(address: string): number {
  let hash = 0;
  for (const sign of address.toLowerCase()) hash = (hash * 31 + (sign.codePointAt(0) ?? 0)) >>> 0;
  return hash % 12;
}

export function initials(person: readonly [string, string, ...unknown[]]): string {
  const name = called(person).replace(/@.*/, "");
  const words = name.split(/[\s._-]+/).filter((word) => /\p{L}|\p{N}/u.test(word));
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters.map((word) => String.fromCodePoint(word?.codePointAt(0) ?? 63)).join("").toUpperCase();
}
