/**
 * Tabs as the ARIA pattern has them: arrows move, one tab stop.
 * @param {[HTMLElement, HTMLElement][]} pairs tab and its panel
 * @param {(tab: HTMLElement) => void} picked hears a choice made at the tabs themselves
 */
export function wireTabs(pairs, picked) {
  /** @param {HTMLElement} chosen */
  const pick = chosen => {
    for (const [tab, panel] of pairs) {
      const on = tab === chosen;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      panel.hidden = !on;
    }
  };
  pairs.forEach(([tab], n) => {
    tab.addEventListener("click", () => {
      pick(tab);
      picked(tab);
    });
    tab.addEventListener("keydown", event => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = pairs[(n + step + pairs.length) % pairs.length][0];
      next.focus();
      next.click();
    });
  });
  return { pick };
}
