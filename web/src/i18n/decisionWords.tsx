/** A decision in the reader's language; beside a translation that no speaker has reviewed, in English too. */

import type { Decision } from "../core/schema";
import type { Words } from "./index";
import { decisionName } from "./say";

export function DecisionWords({ words, decision }: { readonly words: Words; readonly decision: Decision }) {
  if (words.status === null) return <>{decisionName(words, decision)}</>;
  return <>{decisionName(words, decision)} <span class="in-english" lang="en" dir="ltr">({decision})</span></>;
}
