/** The frame of the page: what is always visible, and the screen that is shown now. */

import type { JSX } from "preact";
import { LANGUAGES, NAMES, type Language } from "../i18n";
import { Notices } from "./components/notices";
import { Steps } from "./components/steps";
import { useFocusOnTitle } from "./focus";
import { PhotoScreen } from "./screens/photo";
import { QuestionsScreen } from "./screens/questions";
import { ReadScreen } from "./screens/read";
import { ResultScreen } from "./screens/result";
import { StartScreen } from "./screens/start";
import { TakeScreen } from "./screens/take";
import { screen, STEPS, type Screen } from "./state";
import { chooseLanguage, t, words } from "./words";

const SCREENS: Readonly<Record<Screen, () => JSX.Element>> = {
  start: StartScreen,
  photo: PhotoScreen,
  questions: QuestionsScreen,
  result: ResultScreen,
  take: TakeScreen,
  read: ReadScreen,
};

export function App() {
  const Shown = SCREENS[screen.value];
  useFocusOnTitle(screen.value);
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>{t("ui.skip_link")}</a>
      <header>
        <div class="top no-print">
          <span class="name">mpoxlens</span>
          <LanguageChoice />
        </div>
        <p class="use">{t("ui.banner")}</p>
      </header>
      <Notices />
      {STEPS.some((step) => step === screen.value) && <Steps />}
      <main id="main" tabIndex={-1}><Shown key={screen.value} /></main>
    </>
  );
}

/** To the contents, without a step in the history: that holds screens alone. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function LanguageChoice() {
  return (
    <label class="language">
      <span class="unseen">{t("ui.language")}</span>
      <select
        value={words.value.language}
        onChange={(event) => void chooseLanguage(event.currentTarget.value as Language)}
      >
        {LANGUAGES.map((one) => <option key={one} value={one} lang={one}>{NAMES[one]}</option>)}
      </select>
    </label>
  );
}
