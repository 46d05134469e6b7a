/** What went wrong in a way that the reader can mend, as a key of the page's texts. */

import type { Key, Values } from "../i18n";

export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    readonly key: Key,
    readonly values: Values = {},
  ) {
    super(key);
  }
}

/** Whether the browser lets the page compute checksums, without which nothing can be trusted: over https, or on this machine. */
export function isSafe(): boolean {
  return (crypto as Partial<Crypto>).subtle !== undefined;
}

/** What to say where it does not, with the address to try. */
export function unsafe(): Problem {
  return new Problem("ui.problem.unsafe", { address: location.href.replace(/^http:/, "https:") });
}
