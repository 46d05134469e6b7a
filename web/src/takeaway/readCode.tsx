/** Reading the code that someone shows: from a picture, or from its text. */

import { useState } from "preact/hooks";

import type { Key, Values, Words } from "../i18n";
import { DecisionWords } from "../i18n/decisionWords";
import { nextAfter } from "../i18n/say";
import { isSafe, Problem, unsafe } from "../ui/problems";
import { findCode } from "./findCode";
import { type Code, CodeError, readCode, sameBundle } from "./qr";
import "./takeaway.css";

export interface ReadCodeProps {
  readonly words: Words;
  readonly bundleSha256: string | null; // of this page's bundle
}

export function ReadCode({ words, bundleSha256 }: ReadCodeProps) {
  const [typed, setTyped] = useState("");
  const [code, setCode] = useState<Code | null>(null);
  const [said, setSaid] = useState<{ readonly key: Key; readonly values?: Values } | null>(null);
  const say = (key: Key, read: Code | null = null) => {
    setCode(read);
    setSaid({ key });
  };
  const check = async (text: string) => {
    if (!isSafe()) {
      setSaid(unsafe());
      return;
    }
    const read = await readCode(text).catch(refused);
    if (read instanceof CodeError) say(`takeaway.read.${read.kind}`);
    else say("takeaway.read.whole", read);
  };
  const look = async (file: File) => {
    const found = await findCode(file).catch(unread);
    if (typeof found === "string") return check(found);
    setCode(null);
    setSaid(found ?? { key: "takeaway.read.none" });
  };
  const { t } = words;
  return (
    <div class="read-code">
      <h1 tabIndex={-1}>{t("takeaway.read.title")}</h1>
      <p>{t("takeaway.read.lead")}</p>
      <Picture id="code-camera" label={t("takeaway.read.camera")} camera look={look} />
      <Picture id="code-file" label={t("takeaway.read.file")} look={look} />
      <label for="code-text">{t("takeaway.read.type")}</label>
      <textarea id="code-text" dir="ltr" rows={4} value={typed} onInput={(event) => setTyped(event.currentTarget.value)} />
      <button type="button" onClick={() => void check(typed)}>{t("takeaway.read.check")}</button>
      <div role="status">
        {said !== null && <p>{t(said.key, said.values)}</p>}
        {code !== null && <Told code={code} words={words} bundleSha256={bundleSha256} />}
      </div>
    </div>
  );
}

interface PictureProps {
  readonly id: string;
  readonly label: string;
  readonly camera?: true;
  readonly look: (file: File) => Promise<void>;
}

/** On a phone, `capture` opens the camera at once; elsewhere it is a choice of files like the other. */
function Picture({ id, label, camera, look }: PictureProps) {
  const chosen = (files: FileList | null) => {
    if (files?.[0]) void look(files[0]);
  };
  return (
    <p>
      <label for={id}>{label}</label>
      <input
        id={id} type="file" accept="image/*" {...(camera ? { capture: "environment" } : {})}
        onChange={(event) => chosen(event.currentTarget.files)}
      />
    </p>
  );
}

function Told({ code, words, bundleSha256 }: ReadCodeProps & { readonly code: Code }) {
  const { t, percent } = words;
  const [low, high] = [percent(code.interval.low), percent(code.interval.high)];
  const same = bundleSha256 !== null && sameBundle(code, bundleSha256);
  return (
    <>
      <p>{t("takeaway.read.who")}</p>
      <p class="clinician-decision"><DecisionWords words={words} decision={code.decision} /></p>
      <p>{nextAfter(words, code.decision)}</p>
      <p>{percent(code.probability)} ({t("takeaway.clinician.interval", { low, high })})</p>
      <p>{t("takeaway.clinician.made", { when: words.date(code.made) })}</p>
      {bundleSha256 !== null && <p>{t(same ? "takeaway.read.same_model" : "takeaway.read.other_model")}</p>}
      <p>{t("decision.intended_use")}</p>
    </>
  );
}

/** A picture that cannot be read is an answer too. */
function unread(error: unknown): Problem {
  if (error instanceof Problem) return error;
  throw error;
}

/** A code that is refused is an answer; anything else is a fault and goes on. */
function refused(error: unknown): CodeError {
  if (error instanceof CodeError) return error;
  throw error;
}
