/** The language of the page: the reader's own, or the one that the address asks for. */

import { signal } from "@preact/signals";
import { english, isLanguage, load, preferred, type Key, type Language, type Stem, type Values } from "../i18n";
import en from "../i18n/en.json";

export const words = signal(english);

export const t = (key: Key, values?: Values): string => words.value.t(key, values);
export const plural = (stem: Stem, n: number): string => words.value.plural(stem, n);
export const percent = (probability: number): string => words.value.percent(probability);

/** A text whose key is made at run time (of a question, a class), or `otherwise` where the table has none. */
export function text(key: string, otherwise: string): string {
  return Object.hasOwn(en, key) ? words.value.t(key as Key) : otherwise;
}

export async function useReadersLanguage(): Promise<void> {
  const asked = new URLSearchParams(location.search).get("lang") ?? undefined;
  await show(isLanguage(asked) ? asked : preferred(navigator.languages));
}

/** Change the language, and put it into the address: a bookmark keeps it, and the device stores nothing. */
export async function chooseLanguage(language: Language): Promise<void> {
  await show(language);
  const address = new URL(location.href);
  address.searchParams.set("lang", language);
  history.replaceState(history.state, "", address);
}

async function show(language: Language): Promise<void> {
  try {
    words.value = await load(language);
  } catch {
    words.value = english; // its file cannot be had: the page goes on in English
  }
  document.documentElement.lang = words.value.language;
  document.documentElement.dir = words.value.dir;
}
