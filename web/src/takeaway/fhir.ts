/**
 * A record as a FHIR R4 Bundle (type collection): the answers, what was found, the risk, and what found it.
 *
 * QuestionnaireResponse, three Observations, RiskAssessment, Device and Provenance about one Patient of whom nothing is
 * said. Nothing is final: the status of every finding is "preliminary". FHIR R4 gives the probability of a RiskAssessment
 * in per cent; where nothing was decided, no probability stands anywhere. Photos go in as Media only where the record holds them.
 */

import { INTENDED_USE } from "../core/schema";
import type { Criterion } from "../core/schema";
import type { Question } from "../core/questions";
import type { Bundle, Concept, Entry, Quantity, Reference, Resource } from "./fhirTypes";
import { MPOX, percent, QUESTIONNAIRE, QUESTIONNAIRE_VERSION, ratio, rounded, SHA256 } from "./fhirTypes";
import { answered, type CaseRecord, photoName, screeningTold, type TakenPhoto } from "./record";

const WHO_CASE = "WHO surveillance case definition of mpox, suspected case (January 2023 wording)";
const UNKNOWN: Concept = {
  coding: [
    { system: "http://terminology.hl7.org/CodeSystem/data-absent-reason", code: "unknown", display: "Unknown" },
  ],
  text: "not known",
};
const NO_CHANCE = "No probability is given, because no decision rests on it.";

/** Who is who in one bundle: the address of each part. */
type Addresses = Readonly<Record<"patient" | "device" | "answers" | "photo" | "case" | "history" | "risk" | "origin", string>>;

/** Make the bundle. `newId` gives a fresh UUID; tests give their own. */
export function toBundle(record: CaseRecord, newId: () => string = () => crypto.randomUUID()): Bundle {
  const told = { ...record, screening: screeningTold(record) };
  const at = addresses(newId);
  const findings = [answers(told, at), ...observations(told, at), risk(told, at)];
  const media = record.photos.map((photo) => photograph(told, at, newId(), photo));
  const about = [...findings, ...media];
  const parts = [{ resourceType: "Patient", id: at.patient }, device(told, at), ...about, origin(told, at, about)];
  return {
    resourceType: "Bundle",
    type: "collection",
    timestamp: record.made.toISOString(),
    entry: parts.map((resource): Entry => ({ fullUrl: `urn:uuid:${resource.id}`, resource })),
  };
}

function addresses(newId: () => string): Addresses {
  const [patient, device, answers, photo, who, history, risk, origin] = Array.from({ length: 8 }, newId).map(String);
  return { patient, device, answers, photo, case: who, history, risk, origin } as Addresses;
}

function to(id: string): Reference {
  return { reference: `urn:uuid:${id}` };
}

function answers(record: CaseRecord, at: Addresses): Resource {
  return {
    resourceType: "QuestionnaireResponse",
    id: at.answers,
    questionnaire: `${QUESTIONNAIRE}|${QUESTIONNAIRE_VERSION}`,
    status: "completed",
    subject: to(at.patient),
    authored: record.made.toISOString(),
    ...(answered(record.info).length > 0 ? { item: answered(record.info).map(([question, value]) => item(question, value)) } : {}),
  };
}

function item(question: Question, value: boolean | number): object {
  const named = { "yes/no": "valueBoolean", "whole number": "valueInteger", number: "valueDecimal" } as const;
  return { linkId: question.field, text: question.text, answer: [{ [named[question.kind]]: value }] };
}

function observations(record: CaseRecord, at: Addresses): readonly Resource[] {
  const { screening } = record;
  const { low, high } = screening.photo_interval;
  const bounds = [part("lower bound, 95 %", chance(record, low)), part("upper bound, 95 %", chance(record, high))];
  const evidence = screening.history.evidence.map((one) =>
    part(`${one.finding}: ${one.answer ? "yes" : "no"}`, { valueQuantity: ratio(one.likelihood_ratio) }));
  return [
    observation(record, at, at.photo, {
      code: { text: "Probability of mpox by the photograph alone" },
      ...chance(record, screening.photo_probability),
      component: bounds,
    }),
    observation(record, at, at.case, {
      code: { text: WHO_CASE },
      ...truth(screening.history.suspected_case),
      derivedFrom: [to(at.answers)],
      component: screening.history.criteria.map(criterion),
    }),
    observation(record, at, at.history, {
      code: { text: "Likelihood ratio of mpox by the answers together" },
      valueQuantity: ratio(screening.history.likelihood_ratio),
      derivedFrom: [to(at.answers)],
      ...(evidence.length > 0 ? { component: evidence } : {}),
    }),
  ];
}

function observation(record: CaseRecord, at: Addresses, id: string, found: object): Resource {
  const common = { subject: to(at.patient), effectiveDateTime: record.made.toISOString(), device: to(at.device) };
  return { resourceType: "Observation", id, status: "preliminary", ...common, ...found };
}

function part(text: string, value: object): object {
  return { code: { text }, ...value };
}

function chance({ screening }: CaseRecord, share: number): { valueQuantity: Quantity } | { dataAbsentReason: Concept } {
  if (screening.decision === "cannot tell") return { dataAbsentReason: { ...UNKNOWN, text: NO_CHANCE } };
  return { valueQuantity: percent(share) };
}

function criterion({ name, met }: Criterion): object {
  return { code: { text: name }, ...truth(met) };
}

function truth(met: boolean | null): object {
  return met === null ? { dataAbsentReason: UNKNOWN } : { valueBoolean: met };
}

function risk(record: CaseRecord, at: Addresses): Resource {
  const { screening } = record;
  const [low, high] = [screening.interval.low, screening.interval.high].map((bound) => `${rounded(100 * bound)} %`);
  const fits = screening.prediction_set.join(", ") || "none";
  const told =
    screening.decision === "cannot tell"
      ? { rationale: NO_CHANCE }
      : {
          probabilityDecimal: rounded(100 * screening.probability),
          rationale: `95 % interval ${low} to ${high}. Set of what fits: ${fits}.`,
        };
  return {
    resourceType: "RiskAssessment",
    id: at.risk,
    status: "preliminary",
    method: { text: `${screening.provenance.bundle}, mpoxlens ${screening.provenance.mpoxlens}` },
    code: { text: "Screening for mpox by photograph and answers" },
    subject: to(at.patient),
    occurrenceDateTime: record.made.toISOString(),
    performer: to(at.device),
    basis: [at.answers, at.photo, at.case, at.history].map(to),
    prediction: [{ outcome: MPOX, qualitativeRisk: { text: screening.decision }, ...told }],
    mitigation: screening.next_step,
    note: [...screening.reasons.map(({ text }) => ({ text })), { text: INTENDED_USE }],
  };
}

function device({ screening: { provenance } }: CaseRecord, at: Addresses): Resource {
  const versions = [`mpoxlens ${provenance.mpoxlens}`, `onnxruntime ${provenance.onnxruntime}`];
  return {
    resourceType: "Device",
    id: at.device,
    identifier: [{ system: SHA256, value: provenance.bundle_sha256 }],
    deviceName: [{ name: `mpoxlens with the model ${provenance.bundle}`, type: "user-friendly-name" }],
    version: versions.map((value) => ({ value })),
    note: [{ text: INTENDED_USE }],
  };
}

function photograph(record: CaseRecord, at: Addresses, id: string, { n, jpeg }: TakenPhoto): Resource {
  return {
    resourceType: "Media",
    id,
    status: "completed",
    subject: to(at.patient),
    createdDateTime: record.made.toISOString(),
    content: { contentType: "image/jpeg", data: jpeg, title: photoName(n) },
  };
}

function origin(record: CaseRecord, at: Addresses, about: readonly Resource[]): Resource {
  const assembler = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
  const type: Concept = { coding: [{ system: assembler, code: "assembler", display: "Assembler" }], text: "made by" };
  const photos = record.screening.provenance.photo_sha256.split(" ").filter((sum) => sum !== "");
  const entity = photos.map((value) => ({
    role: "source",
    what: { identifier: { system: SHA256, value }, display: "photograph, by its checksum" },
  }));
  return {
    resourceType: "Provenance",
    id: at.origin,
    target: about.map(({ id }) => to(id)),
    recorded: record.made.toISOString(),
    agent: [{ type, who: to(at.device) }],
    ...(entity.length > 0 ? { entity } : {}),
  };
}
