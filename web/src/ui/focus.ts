/** Where the keyboard and a screen reader go when the page shows something else. */

import { useEffect, useRef } from "preact/hooks";

/** A new view is read out from its title, as a new page would be. @param now what is shown; the first needs no turning to */
export function useFocusOnTitle(now: unknown): void {
  const before = useRef(now);
  useEffect(() => {
    if (before.current === now) return;
    before.current = now;
    document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
  }, [now]);
}
