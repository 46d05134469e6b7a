/** The parts of FHIR R4 (4.0.1) that a record is made of; field names are the standard's own. */

export interface Coding {
  readonly system: string;
  readonly code: string;
  readonly display: string;
}
export interface Concept {
  readonly coding?: readonly Coding[];
  readonly text: string;
}
export interface Reference {
  readonly reference?: string;
  readonly display?: string;
  readonly identifier?: Identifier;
}
export interface Identifier {
  readonly system: string;
  readonly value: string;
}
export interface Quantity {
  readonly value: number;
  readonly unit: string;
  readonly system: string;
  readonly code: string;
}
export interface Resource {
  readonly resourceType: string;
  readonly id: string;
  readonly [field: string]: unknown;
}
export interface Entry {
  readonly fullUrl: string;
  readonly resource: Resource;
}
export interface Bundle {
  readonly resourceType: "Bundle";
  readonly type: "collection";
  readonly timestamp: string;
  readonly entry: readonly Entry[];
}

export const QUESTIONNAIRE = "urn:uuid:a6ce67fe-e2f0-52c5-bce7-56dd1753ab92"; // the url in questionnaire.json, whose version is:
export const QUESTIONNAIRE_VERSION = "1";
export const SHA256 = "urn:oid:2.16.840.1.101.3.4.2.1"; // NIST's name of the function; it names the kind of checksum
const UCUM = "http://unitsofmeasure.org";
const SNOMED = "http://snomed.info/sct";
const ICD10 = "http://hl7.org/fhir/sid/icd-10";

export const MPOX: Concept = {
  coding: [
    { system: SNOMED, code: "359814004", display: "Monkeypox" },
    { system: ICD10, code: "B04", display: "Monkeypox" },
  ],
  text: "mpox",
};

export function percent(probability: number): Quantity {
  return { value: rounded(100 * probability), unit: "%", system: UCUM, code: "%" };
}

export function ratio(value: number): Quantity {
  return { value: rounded(value), unit: "1", system: UCUM, code: "1" };
}

/** A probability in per cent with four digits after the point bears more than the model knows. */
export function rounded(value: number): number {
  return Math.round(10_000 * value) / 10_000;
}
