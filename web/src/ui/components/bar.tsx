/** A chance on a line from 0 to 100 %: the estimate, its interval, the line for "likely", the "cannot tell" zone. */

import type { Interval } from "../../core/schema";
import { percent, t, words } from "../words";

interface Props {
  readonly probability: number;
  readonly interval: Interval;
  readonly line: number;
  readonly zone: Interval | null; // null or empty: not drawn
}

export function Bar({ probability, interval, line, zone }: Props) {
  const rtl = words.value.dir === "rtl";
  const x = (share: number) => `${100 * (rtl ? 1 - share : share)}%`;
  const label = t("ui.result.bar", {
    chance: percent(probability), low: percent(interval.low), high: percent(interval.high), line: percent(line),
  });
  const open = zone !== null && zone.high > zone.low ? zone : null;
  const said = open && t("ui.result.key.zone", { low: percent(open.low), high: percent(open.high) });
  const across = ({ low, high }: Interval) => ({ x: x(rtl ? high : low), width: `${100 * (high - low)}%` });
  return (
    <>
      <svg class="scale" height="56" role="img" aria-label={said ? `${label} ${said}.` : label}>
        <defs>
          <pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
            <line class="stripes" x1="1" x2="1" y2="6" />
          </pattern>
        </defs>
        <rect class="track" x="0" y="11" width="100%" height="10" rx="5" />
        {open && <rect class="zone" {...across(open)} y="11" height="10" fill="url(#stripes)" />}
        <rect class="interval" {...across(interval)} y="11" height="10" rx="3" />
        <line class="point" x1={x(line)} x2={x(line)} y1="5" y2="27" />
        <circle class="dot" cx={x(probability)} cy="16" r="8" />
        {[0, 0.5, 1].map((share) => (
          <text key={share} x={x(share)} y="46" text-anchor={anchor(rtl ? 1 - share : share)} direction="ltr">
            {words.value.t("decision.percent", { n: words.value.number(100 * share) })}
          </text>
        ))}
      </svg>
      <ul class="plain key small" aria-hidden="true">
        <li><svg width="18" height="16"><circle class="dot" cx="9" cy="8" r="7" /></svg>{t("ui.result.key.chance")}</li>
        <li><svg width="22" height="16"><rect class="interval" y="3" width="22" height="10" rx="3" /></svg>{t("ui.result.key.range")}</li>
        <li>
          <svg width="6" height="18"><line class="point" x1="3" x2="3" y2="18" /></svg>
          {t("ui.result.key.line", { line: percent(line) })}
        </li>
        {open && (
          <li>
            <svg width="22" height="16">
              <rect class="track" y="3" width="22" height="10" />
              <rect y="3" width="22" height="10" fill="url(#stripes)" />
            </svg>
            {said}
          </li>
        )}
      </ul>
    </>
  );
}

function anchor(share: number): "start" | "middle" | "end" {
  return share === 0 ? "start" : share === 1 ? "end" : "middle";
}
