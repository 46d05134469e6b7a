import { describe, expect, it } from "vitest";

import { weigh } from "../../src/core/history";
import { UNKNOWN } from "../../src/core/schema";
import { reason } from "../../src/core/texts";
import { english, LANGUAGES, load, preferred, words } from "../../src/i18n";
import en from "../../src/i18n/en.json";
import { criterionName, decisionName, findingName, nextStep, reasonStep, reasonText } from "../../src/i18n/say";
import strings from "../../src/tables/strings.json";
import { INFO, screening } from "./takeawaySample";

const COUNTS = [0, 1, 2, 3, 11, 100, 1000000];

describe("words", () => {
  it("fills placeholders and leaves one without a value to be seen", () => {
    expect(english.t("help.undated", { date: "today" })).toBe("We read the source on today. It does not say when it was written.");
    expect(english.t("help.undated")).toContain("on {date}.");
  });

  it("falls back to English where a language lacks a text", () => {
    const sparse = words("fr", { "ui.answer.yes": "Oui" });
    expect([sparse.t("ui.answer.yes"), sparse.t("ui.answer.no")]).toEqual(["Oui", "No"]);
    expect(sparse.plural("takeaway.clinician.answered", 2)).toBe("2 questions answered");
  });

  it("says chances as Python says them", () => {
    expect([0.004, 0.005, 0.37, 0.994, 0.996].map(english.percent)).toEqual(["below 1 %", "below 1 %", "37 %", "99 %", "above 99 %"]);
  });

  it("takes the first of the reader's languages that it has", () => {
    expect(preferred(["zh-CN", "PT-br", "fr"])).toBe("pt");
    expect(preferred(["zh"])).toBe("en");
    expect(preferred([])).toBe("en");
  });

  it("has a form for every number in every language", async () => {
    for (const language of LANGUAGES) {
      const texts = await load(language);
      for (const n of COUNTS) expect(texts.plural("takeaway.clinician.answered", n), `${language} ${n}`).not.toMatch(/[{}]/);
    }
  });

  it("reads Arabic from the right and marks every draft", async () => {
    const dirs = await Promise.all(LANGUAGES.map(async (language) => [(await load(language)).dir, (await load(language)).status]));
    const draft = "machine-drafted, needs review by a speaker";
    expect(dirs).toEqual(LANGUAGES.map((language) => [language === "ar" ? "rtl" : "ltr", language === "en" ? null : draft]));
  });
});

describe("what the clinic says", () => {
  it("has a key for every text of the clinic, with the same English", () => {
    const told = en as Record<string, string>;
    for (const [key, { text, next_step }] of Object.entries(strings.reasons)) {
      expect(told[`decision.reason.${key}.text`], key).toBe(text);
      expect(told[`decision.reason.${key}.step`] ?? "", key).toBe(next_step);
    }
    expect([told["decision.next.likely"], told["decision.next.unlikely"], told["decision.care"]]).toEqual(Object.values(strings.next_step));
  });

  it("says a reason with its chance in the reader's way", async () => {
    const arabic = await load("ar");
    const low = reason("photo_unlikely", { share: 0 });
    expect(reasonText(english, low)).toBe(low.text);
    expect(reasonText(arabic, low)).not.toBe(low.text);
    expect(reasonText(arabic, low)).toContain(arabic.t("decision.percent_below", { n: "1" }));
  });

  it("names findings and criteria in every language", async () => {
    const { criteria, evidence } = weigh(INFO);
    for (const one of criteria) expect(criterionName(english, one)).toBe(one.name);
    for (const one of evidence) expect(findingName(english, one)).toBe(one.finding);
    const french = await load("fr");
    expect(criteria.filter((one) => criterionName(french, one) === one.name)).toEqual([]);
  });

  it("puts the next step together as Python does", () => {
    const first = reason("both_fit");
    const open = { ...screening(), decision: "cannot tell" as const, reasons: [first] };
    expect(nextStep(english, open)).toBe(`${first.next_step} ${strings.next_step.care}`);
    expect(reasonStep(english, first)).toBe(first.next_step);
    expect(nextStep(english, screening(UNKNOWN))).toBe(strings.next_step.likely);
    expect(decisionName(english, "cannot tell")).toBe("cannot tell");
  });
});
