/** Where to turn: a dated table by country. A country that is not in it gets WHO's page and the advice to ask a clinic. */

import type { Words } from "../i18n";
import table from "./local-help.json";

export interface LocalHelp {
  readonly health_line?: string;
  readonly emergency?: string;
  readonly page?: string;
  readonly source: string;
  readonly said_on?: string; // year and month in which the source said it
}

export const WHO_PAGE = table.who;
export const CHECKED_ON = new Date(`${table.checked_on}T12:00:00Z`);
const COUNTRIES: Readonly<Record<string, LocalHelp>> = table.countries;

export function helpFor(country: string): LocalHelp | null {
  return COUNTRIES[country] ?? null;
}

/** Codes of ISO 3166 and names in the reader's language, in its order; a browser without the name shows the code. */
export function countries(words: Words): readonly { readonly code: string; readonly name: string }[] {
  const names = new Intl.DisplayNames([words.language, "en"], { type: "region" });
  const named = Object.keys(COUNTRIES).map((code) => ({ code, name: names.of(code) ?? code }));
  return named.sort((a, b) => a.name.localeCompare(b.name, words.language));
}

/** A first choice from the browser's languages ("pt-BR"); nothing is asked of the network or of the device's place. */
export function likelyCountry(languages: readonly string[]): string | null {
  const regions = languages.map((tag) => /-([A-Z]{2})\b/.exec(tag)?.[1]);
  return regions.find((region) => region !== undefined && region in COUNTRIES) ?? null;
}

/** A number as a telephone link: digits only, so that spaces and dashes do not get in the way. */
export function callable(number: string): string {
  return `tel:${number.replace(/\D/g, "")}`;
}
