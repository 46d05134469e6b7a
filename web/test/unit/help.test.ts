import { describe, expect, it } from "vitest";

import { agedText, callable, CHECKED_ON, countries, helpFor, likelyCountry } from "../../src/help/help";
import table from "../../src/help/local-help.json";
import { english, load } from "../../src/i18n";

describe("local help", () => {
  it("gives every number a source, and every country a number or a page", () => {
    for (const [code, found] of Object.entries(table.countries)) {
      expect(code).toMatch(/^[A-Z]{2}$/);
      expect(found.source, code).toMatch(/^https?:\/\/\S+$/);
      expect("health_line" in found || "emergency" in found, code).toBe(true);
    }
    for (const { said_on } of Object.values(table.countries)) expect(said_on ?? "2000-01").toMatch(/^20\d\d-(0[1-9]|1[0-2])$/);
    expect(CHECKED_ON.toISOString()).toBe("2026-11-22T12:00:00.000Z");
  });

  it("says when a source was read, and of when it is, so that no old number looks new", async () => {
    const [brazil, britain] = [helpFor("BR"), helpFor("GB")];
    if (brazil === null || britain === null) throw new TypeError("the table has lost a country");
    expect(agedText(brazil, english)).toBe("We read the source on 22 November 2026. It is from July 2014.");
    expect(agedText(britain, english)).toBe("We read the source on 22 November 2026. It does not say when it was written.");
    expect(agedText(brazil, await load("fr"))).toBe("Source lue le 22 novembre 2026. Date de la source : juillet 2014.");
    expect(agedText(brazil, await load("ar"))).toMatch(/22 نوفمبر 2026.*يوليو 2014/); // in the digits of the whole page
  });

  it("has nothing for a country that it does not know", () => {
    expect(helpFor("XX")).toBeNull();
    expect(helpFor("GB")?.health_line).toBe("111");
  });

  it("names countries in the reader's language and sorts them by it", async () => {
    const names = (found: readonly { name: string }[]) => found.map(({ name }) => name);
    expect(names(countries(english)).slice(0, 2)).toEqual(["Bangladesh", "Brazil"]);
    expect(names(countries(await load("es")))).toContain("Estados Unidos");
  });

  it("guesses a country only from a region that the table has", () => {
    expect(likelyCountry(["pt-BR", "en-GB"])).toBe("BR");
    expect(likelyCountry(["zh-Hans-CN", "en-GB"])).toBe("GB");
    expect(likelyCountry(["fr"])).toBeNull();
  });

  it("dials digits", () => {
    expect(callable("0 801 90 80 69")).toBe("tel:0801908069");
    expect(callable("1-800-232-4636")).toBe("tel:18002324636");
  });
});
