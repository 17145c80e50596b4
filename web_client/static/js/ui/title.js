/** The tab's title as a signal: set at once, then alternating, so that it is seen in a row of background tabs. */

const EVERY_MS = 1_000;

/** @param {string} text @returns {() => void} puts the old title back */
export function flashTitle(text) {
  const before = document.title;
  document.title = text;
  const timer = setInterval(() => {
    document.title = document.title === text ? before : text;
  }, EVERY_MS);
  return () => {
    clearInterval(timer);
    document.title = before;
  };
}
