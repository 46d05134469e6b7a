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
