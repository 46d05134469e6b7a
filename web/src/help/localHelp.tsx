/** Help near the reader, by the country they choose. */

import { useState } from "preact/hooks";

import type { Key, Words } from "../i18n";
import { agedText, callable, countries, helpFor, likelyCountry, WHO_PAGE } from "./help";

export function LocalHelp({ words }: { readonly words: Words }) {
  const [country, setCountry] = useState(likelyCountry(navigator.languages) ?? "");
  const { t } = words;
  return (
    <section class="local-help">
      <h2>{t("help.title")}</h2>
      <p>{t("help.lead")} <strong>{t("help.urgent")}</strong></p>
      <label for="help-country">{t("help.country")}</label>
      <select id="help-country" value={country} onChange={(event) => setCountry(event.currentTarget.value)}>
        <option value="">{t("help.choose")}</option>
        {countries(words).map(({ code, name }) => <option key={code} value={code}>{name}</option>)}
        <option value="other">{t("help.other")}</option>
      </select>
      {country !== "" && <Lines country={country} words={words} />}
      <p><Outside address={WHO_PAGE} label={t("help.who")} /></p>
      <p>{t("help.online")}</p>
    </section>
  );
}

function Lines({ country, words }: { readonly country: string; readonly words: Words }) {
  const found = helpFor(country);
  const { t } = words;
  if (found === null) return <p>{t("help.none")}</p>;
  return (
    <>
      <Line label="help.emergency" number={found.emergency} words={words} />
      <Line label="help.health_line" number={found.health_line} words={words} />
      {found.page !== undefined && <p><Outside address={found.page} label={t("help.page")} /></p>}
      <p>{agedText(found, words)} <Outside address={found.source} label={t("help.source")} /></p>
      <p>{t("help.changes")}</p>
    </>
  );
}

interface LineProps {
  readonly label: Key;
  readonly number: string | undefined;
  readonly words: Words;
}

function Line({ label, number, words }: LineProps) {
  if (number === undefined) return null;
  return <p>{words.t(label)}: <a href={callable(number)} dir="ltr">{number}</a></p>;
}

function Outside({ address, label }: { readonly address: string; readonly label: string }) {
  return <a href={address} target="_blank" rel="noreferrer noopener">{label}</a>;
}
