/** What page and worker say to each other. */

import type { BundleInfo, ClinicalInfo, ClinicError, Gate, Screening } from "../core/schema";
import type { Shot } from "./client";

export type Request =
  | { readonly kind: "ready"; readonly base: string } // address of the folder that holds the bundle
  | { readonly kind: "quality"; readonly shot: Shot }
  | { readonly kind: "screen"; readonly shots: readonly Shot[]; readonly info: ClinicalInfo }
  | { readonly kind: "reweigh"; readonly info: ClinicalInfo };

export type Answer = BundleInfo | Gate | Screening;
export type Refusal = Pick<ClinicError, "what" | "why" | "mend" | "kind">;
export type Numbered<T> = T & { readonly id: number };
export type Reply = Numbered<{ share: number } | { answer: Answer } | { refusal: Refusal }>;
