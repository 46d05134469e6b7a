/** The page's words in one language: text by key, plurals, numbers and dates, and the direction of reading. */

import { wholePercent } from "../core/numbers";
import en from "./en.json";

/** A key of `en.json`; what is missing there does not compile. */
export type Key = Exclude<keyof typeof en, `_${string}`>;
/** What stands before `.one`, `.other` … of a text that counts something. */
export type Stem = Key extends infer K ? (K extends `${infer S}.other` ? S : never) : never;
export type Values = Readonly<Record<string, string | number>>;
type Texts = Readonly<Record<string, string>>;

export const LANGUAGES = ["en", "fr", "es", "pt", "ar", "sw", "ln"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Each language in its own words, as a person looks for it. */
export const NAMES: Readonly<Record<Language, string>> = {
  en: "English",
  fr: "Français",
  es: "Español",
  pt: "Português",
  ar: "العربية",
  sw: "Kiswahili",
  ln: "Lingála",
};

const FILES: Readonly<Record<Exclude<Language, "en">, () => Promise<{ default: Texts }>>> = {
  fr: () => import("./fr.json"),
  es: () => import("./es.json"),
  pt: () => import("./pt.json"),
  ar: () => import("./ar.json"),
  sw: () => import("./sw.json"),
  ln: () => import("./ln.json"),
};

// Figures that are read out over the telephone or typed elsewhere stay in the digits that every clinic's forms use.
const LOCALES: Partial<Record<Language, string>> = { en: "en-GB", ar: "ar-u-nu-latn" };

export type Exactness = "minute" | "day" | "month";
const EXACT: Readonly<Record<Exactness, Intl.DateTimeFormatOptions>> = {
  minute: { dateStyle: "long", timeStyle: "short" },
  day: { dateStyle: "long", timeZone: "UTC" }, // of a table, not of the reader
  month: { year: "numeric", month: "long", timeZone: "UTC" },
};

export interface Words {
  readonly language: Language;
  readonly dir: "ltr" | "rtl";
  /** What the reader must know of this translation, or null where a speaker has reviewed it. */
  readonly status: string | null;
  readonly t: (key: Key, values?: Values) => string;
  /** The form of `stem` that goes with `n` in this language; `{n}` stands for the number. */
  readonly plural: (stem: Stem, n: number, values?: Values) => string;
  readonly number: (n: number, digits?: number) => string;
  /** A number in full and without marks between its thousands, as it is typed. */
  readonly typed: (n: number) => string;
  /** Whole per cent; nobody is told that a model is certain. */
  readonly percent: (probability: number) => string;
  readonly date: (when: Date, to?: Exactness) => string;
}

/** Load one language; English is there already, so a language that cannot be had leaves the page in English. */
export async function load(language: Language): Promise<Words> {
  if (language === "en") return english;
  return words(language, (await FILES[language]()).default);
}

/** The first of the reader's languages that the page has, else English. */
export function preferred(wanted: readonly string[]): Language {
  const known = wanted.map((tag) => tag.toLowerCase().split("-")[0]);
  return LANGUAGES.find((language) => language === known.find((tag) => isLanguage(tag))) ?? "en";
}

export function isLanguage(tag: string | undefined): tag is Language {
  return LANGUAGES.some((language) => language === tag);
}

export function words(language: Language, texts: Texts): Words {
  const locale = LOCALES[language] ?? language;
  const rules = new Intl.PluralRules(locale);
  const number = (n: number, digits = 0): string => n.toLocaleString(locale, { maximumFractionDigits: digits });
  const text = (key: string): string | undefined => texts[key] ?? (en as Texts)[key];
  const t = (key: Key, values: Values = {}): string => filled(text(key) ?? key, values);
  return {
    language,
    dir: language === "ar" ? "rtl" : "ltr",
    status: texts["_status"] ?? null,
    t,
    plural: (stem, n, values = {}) =>
      filled(texts[`${stem}.${rules.select(n)}`] ?? text(`${stem}.other`) ?? stem, { n: number(n), ...values }),
    number,
    typed: (n) => n.toLocaleString(locale, { maximumFractionDigits: 20, useGrouping: false }),
    percent: (probability) => percent(probability, t, number),
    date: (when, to = "minute") => when.toLocaleString(locale, EXACT[to]),
  };
}

function percent(probability: number, t: Words["t"], number: Words["number"]): string {
  const whole = wholePercent(probability);
  if (whole < 1) return t("decision.percent_below", { n: number(1) });
  if (whole > 99) return t("decision.percent_above", { n: number(99) });
  return t("decision.percent", { n: number(whole) });
}

/** A placeholder without a value stays as it is, so that a slip is seen and nothing breaks. */
function filled(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (hole, name: string) => String(values[name] ?? hole));
}

export const english: Words = words("en", en);
