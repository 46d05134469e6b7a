/** The square code of a result, with its text below for those who type it. */

import { useEffect, useState } from "preact/hooks";

import type { Words } from "../i18n";
import { codePath, writeCode } from "./qr";
import type { CaseRecord } from "./record";

export function CodeView({ record, words }: { readonly record: CaseRecord; readonly words: Words }) {
  const [text, setText] = useState<string | null>(null);
  useEffect(() => void writeCode(record).then(setText), [record]);
  if (text === null) return null;
  const { path, side } = codePath(text);
  return (
    <section class="code-view">
      <h2>{words.t("takeaway.code.title")}</h2>
      <svg viewBox={`0 0 ${side} ${side}`} role="img" aria-label={words.t("takeaway.code.title")} shape-rendering="crispEdges">
        <rect width={side} height={side} fill="#fff" />
        <path d={path} fill="#000" />
      </svg>
      <p class="code-text" dir="ltr">{text}</p>
      <p>{words.t("takeaway.code.what")} {words.t("takeaway.code.limit")}</p>
    </section>
  );
}
