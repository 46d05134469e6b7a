// @vitest-environment happy-dom
import { render } from "preact";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { LocalHelp } from "../../src/help/localHelp";
import { english, LANGUAGES, load } from "../../src/i18n";
import { DecisionWords } from "../../src/i18n/decisionWords";
import { writeCode } from "../../src/takeaway/qr";
import { ReadCode } from "../../src/takeaway/readCode";
import { TakeAlong } from "../../src/takeaway/takeAlong";
import { BUNDLE_SHA, INFO, record, undecided } from "./takeawaySample";

const WAIT = { timeout: 10_000 };
vi.setConfig({ testTimeout: 30_000 }); // a machine that does other work at the same time is slow, not wrong

let page: HTMLElement;
beforeEach(() => {
  page = document.createElement("main");
  document.body.append(page);
});
afterEach(() => {
  render(null, page);
  page.remove();
});

function press(name: string): void {
  const found = [...page.querySelectorAll("button")].find(({ textContent }) => textContent === name);
  if (!found) throw new Error(`no button ${name}`);
  found.click();
}

function type(selector: string, text: string): void {
  const field = page.querySelector<HTMLTextAreaElement>(selector);
  if (!field) throw new Error(`no field ${selector}`);
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

async function shows(text: string): Promise<void> {
  await vi.waitFor(() => expect(page.textContent).toContain(text), WAIT);
}

describe("taking along", () => {
  it("shows a clinician all but the private answers, and those too once they are ticked", async () => {
    render(<TakeAlong record={record(INFO, "AAAA")} words={english} />, page);
    press("Show to a clinician");
    await shows("For the clinician");
    for (const said of ["mpox likely", "81 %", "95 % interval: 70 % to 90 %", "3 questions answered", BUNDLE_SHA]) await shows(said);
    expect(page.textContent).not.toContain("live with HIV");
    press("Back");
    await shows("Take it along");
    page.querySelector<HTMLInputElement>("input[type=checkbox]")?.click();
    await vi.waitFor(() => expect(page.querySelector<HTMLInputElement>("input[type=checkbox]")?.checked).toBe(true), WAIT);
    press("Show to a clinician");
    await shows("5 questions answered");
    await shows("Does the person live with HIV?Yes");
  });

  it("shows a clinician the photos once they are ticked", async () => {
    render(<TakeAlong record={record(INFO, "AAAA", "BBBB")} words={english} />, page);
    press("Show to a clinician");
    await shows("For the clinician");
    expect(page.querySelectorAll("img").length).toBe(0);
    press("Back");
    await shows("Put in the photos too");
    page.querySelectorAll<HTMLInputElement>("input[type=checkbox]")[1]?.click();
    await vi.waitFor(() => expect(page.querySelectorAll<HTMLInputElement>("input[type=checkbox]")[1]?.checked).toBe(true), WAIT);
    press("Show to a clinician");
    await shows("For the clinician");
    const shown = [...page.querySelectorAll("img")].map(({ src, alt }) => [src, alt]);
    expect(shown).toEqual([["data:image/jpeg;base64,AAAA", "Photo 1"], ["data:image/jpeg;base64,BBBB", "Photo 2"]]);
  });

  it("gives a temperature as it is weighed", async () => {
    const info = { ...INFO, fever: true, fever_celsius: 38.54 };
    render(<TakeAlong record={record(info)} words={english} />, page);
    press("Show to a clinician");
    await shows("38.54");
  });

  it.each(LANGUAGES)("puts the English decision beside a draft: %s", async (language) => {
    const words = await load(language);
    render(<p><DecisionWords words={words} decision="mpox unlikely" /></p>, page);
    const beside = page.querySelector("[lang=en]")?.textContent;
    expect([beside, page.textContent]).toEqual(
      words.status === null ? [undefined, "mpox unlikely"] : ["(mpox unlikely)", `${words.t("decision.unlikely")} (mpox unlikely)`],
    );
  });

  it("shows the code as a picture with its text", async () => {
    render(<TakeAlong record={record()} words={english} />, page);
    await shows(await writeCode(record()));
    expect(page.querySelector("svg[role=img]")?.getAttribute("viewBox")).toBe("0 0 41 41");
  });

  it("refuses to lock a file without the expert's key", async () => {
    render(<TakeAlong record={record()} words={english} />, page);
    press("Save the locked file");
    await shows("Without the expert's key no file is made.");
    type("#expert-key", "MPOXLENS-KEY:1:short:0");
    await vi.waitFor(() => expect(page.querySelector<HTMLTextAreaElement>("#expert-key")?.value).toContain("short"), WAIT);
    press("Save the locked file");
    await shows("This is not a whole key.");
  });
});

describe("reading a code", () => {
  it("says what it holds, that it is unchanged, and which model made it", async () => {
    const french = await load("fr");
    render(<ReadCode words={french} bundleSha256={BUNDLE_SHA} />, page);
    type("#code-text", await writeCode(record()));
    await vi.waitFor(() => expect(page.querySelector<HTMLTextAreaElement>("#code-text")?.value).toContain("MPOXLENS"), WAIT);
    press("Vérifier");
    for (const key of [
      "takeaway.read.whole", "takeaway.read.who", "takeaway.read.same_model", "decision.likely", "decision.next.likely", "decision.intended_use",
    ] as const) {
      await shows(french.t(key));
    }
  });

  it("says of an open one that no decision rests on it", async () => {
    render(<ReadCode words={english} bundleSha256={null} />, page);
    type("#code-text", await writeCode(undecided()));
    await vi.waitFor(() => expect(page.querySelector<HTMLTextAreaElement>("#code-text")?.value).toContain(":C:"), WAIT);
    press("Check");
    await shows("No decision rests on it.");
    await shows(english.t("decision.care"));
  });

  it("refuses one that was changed and shows nothing of it", async () => {
    render(<ReadCode words={english} bundleSha256={BUNDLE_SHA} />, page);
    type("#code-text", (await writeCode(record())).replace("8125", "1825"));
    await vi.waitFor(() => expect(page.querySelector<HTMLTextAreaElement>("#code-text")?.value).toContain("1825"), WAIT);
    press("Check");
    await shows("The code is damaged or was changed.");
    expect(page.textContent).not.toContain("mpox likely");
  });
});

describe("local help", () => {
  it("shows a country's number as a link, and for any other country the clinic", async () => {
    render(<LocalHelp words={english} />, page);
    const list = page.querySelector("select");
    if (!list) throw new Error("no list of countries");
    const choose = (code: string) => {
      list.value = code;
      list.dispatchEvent(new Event("change", { bubbles: true }));
    };
    choose("CD");
    await vi.waitFor(() => expect(page.querySelector("a[href='tel:151']")?.textContent).toBe("151"), WAIT);
    choose("other");
    await shows("We have no number for this country");
  });
});
