/** The likelihood-ratio update from the cited table. Mirrors `screening/likelihood.py`. */

import { allOf } from "./caseDefinition";
import { sum } from "./numbers";
import type { ClinicalInfo, Evidence, Known } from "./schema";
import shipped from "../tables/likelihood.json";

export interface Finding {
  readonly name: string;
  readonly all_of: readonly string[]; // yes/no fields, all of which make the finding
  readonly group: string; // one finding of a group counts
  readonly lr_yes: number;
  readonly lr_no: number;
  readonly source: string;
}

export interface Table {
  readonly weight: number; // of every log ratio, 0 to 1
  readonly most: number; // largest total ratio
  readonly least: number; // smallest total ratio
  readonly findings: readonly Finding[];
}

export const TABLE: Table = shipped;

interface Strength {
  readonly log: number;
  readonly finding: Finding;
  readonly answer: boolean;
}

/** The evidence that counts, with ratios as applied, and their product: the total likelihood ratio. */
export function update(info: ClinicalInfo, table: Table): { evidence: Evidence[]; ratio: number } {
  const best = new Map<string, Strength>();
  for (const finding of table.findings) {
    const found = strength(info, finding);
    if (found && outweighs(found.log, best.get(finding.group)?.log)) best.set(finding.group, found);
  }
  const counted = [...best.values()].filter(({ log }) => log !== 0);
  const total = table.weight * sum(counted.map(({ log }) => log));
  const bounded = Math.min(Math.max(total, Math.log(table.least)), Math.log(table.most));
  const scale = table.weight * (total ? bounded / total : 1);
  const evidence = counted.map(({ log, finding, answer }) => ({
    finding: finding.name,
    answer,
    likelihood_ratio: Math.exp(scale * log),
    source: finding.source,
    key: finding.all_of.join("+"),
  }));
  return { evidence, ratio: Math.exp(bounded) };
}

function strength(info: ClinicalInfo, finding: Finding): Strength | null {
  const answers = info as unknown as Readonly<Record<string, Known>>; // the table names yes/no fields only
  const answer = allOf(finding.all_of.map((field) => answers[field] ?? null));
  return answer === null ? null : { log: Math.log(answer ? finding.lr_yes : finding.lr_no), finding, answer };
}

/** Of one group: what speaks for mpox goes before what speaks against it, then the stronger before the weaker. */
function outweighs(log: number, held: number | undefined): boolean {
  return held === undefined || log > Math.max(held, 0) || (held <= 0 && log < held);
}
