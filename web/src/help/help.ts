/** Where to turn: a dated table by country. A country that is not in it gets WHO's page and the advice to ask a clinic. */

import type { Words } from "../i18n";
import table from "./local-help.json";

export interface LocalHelp {
  readonly health_line?: string;
  readonly emergency?: string;
  readonly page?: string;
  readonly source: string;
  readonly said_on: string | null; // year and month in which the source said it; null where it gives no date
}

export const WHO_PAGE = table.who;
export const CHECKED_ON = new Date(`${table.checked_on}T12:00:00Z`);
const COUNTRIES: Readonly<Record<string, LocalHelp>> = table.countries;

export function helpFor(country: string): LocalHelp | null {
  return COUNTRIES[country] ?? null;
}

/** How old a number is: when its source was read, and of when the source is. */
export function agedText({ said_on }: LocalHelp, { t, date }: Words): string {
  const read = date(CHECKED_ON, "day");
  if (said_on === null) return t("help.undated", { date: read });
  return t("help.checked", { date: read, said_on: date(new Date(`${said_on}-01T00:00:00Z`), "month") });
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
