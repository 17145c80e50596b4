// What a replay consists of (PROTOCOL.md, Manifest), and questions about it that need no page.

/** @typedef {{part: number | string, url: string, from_s: number, to_s: number}} Part */
/** @typedef {{publication_id: string, participant: string, role: string, source: "audio" | "camera" | "document" | "screen", parts: Part[]}} Track */
/** @typedef {{publication_id: string, from_s: number, to_s: number, cause: string}} Gap */
/** @typedef {{at_s: number, kind: string, text: string}} Happening */
/** @typedef {{ok: boolean, verdict: "intact" | "altered" | "unreadable", at: string, lines: {ok: boolean, label: string, detail: string}[]}} Check */
/**
 * @typedef {object} Manifest
 * @property {string} replay_id
 * @property {string} case_no
 * @property {string} started_at
 * @property {number} duration_s
 * @property {number} expected_s
 * @property {boolean} complete
 * @property {string} viewer who watches, for the watermark
 * @property {Track[]} tracks
 * @property {Gap[]} gaps
 * @property {Happening[]} events
 * @property {any[]} points
 * @property {any[]} chat
 * @property {any} record
 * @property {Check | null} check
 */

/** Causes that are no loss: nobody spoke, or somebody chose silence. */
const QUIET = new Set(["dtx", "mute", "idle"]);
/** Shorter gaps are not drawn: they could not be told from a line. */
const SHORTEST_S = 0.5;

/** The part that plays at `position`. @param {Track} track @param {number} position seconds @returns {Part | null} */
export function partAt(track, position) {
  return track.parts.find((part) => position >= part.from_s && position < part.to_s) ?? null;
}

/** The part that begins within `lead` seconds after `position`. @param {Track} track @param {number} position @param {number} lead @returns {Part | null} */
export function comingPart(track, position, lead) {
  return track.parts.find((part) => part.from_s > position && part.from_s - position <= lead) ?? null;
}

/** Seconds in which at least one track was recorded. @param {Track[]} tracks */
export function recordedSeconds(tracks) {
  return unite(tracks.flatMap((track) => track.parts)).reduce((sum, span) => sum + span.to_s - span.from_s, 0);
}

/**
 * Overlapping and touching spans as one, in order.
 * @param {{from_s: number, to_s: number}[]} spans @returns {{from_s: number, to_s: number}[]}
 */
export function unite(spans) {
  /** @type {{from_s: number, to_s: number}[]} */
  const united = [];
  for (const span of [...spans].sort((a, b) => a.from_s - b.from_s)) {
    const last = united.at(-1);
    if (last && span.from_s <= last.to_s) last.to_s = Math.max(last.to_s, span.to_s);
    else united.push({ from_s: span.from_s, to_s: span.to_s });
  }
  return united;
}

/** Gaps worth showing: real losses and pauses, the same one on several tracks once. @param {Gap[]} gaps @returns {Gap[]} */
export function shownGaps(gaps) {
  /** @type {Gap[]} */
  const shown = [];
  for (const gap of [...gaps].sort((a, b) => a.from_s - b.from_s)) {
    if (QUIET.has(gap.cause) || gap.to_s - gap.from_s < SHORTEST_S) continue;
    const same = shown.find((s) => s.cause === gap.cause && Math.abs(s.from_s - gap.from_s) < 2 && gap.from_s < s.to_s);
    if (same) same.to_s = Math.max(same.to_s, gap.to_s);
    else shown.push({ ...gap });
  }
  return shown;
}

/**
 * Where the next recorded picture or sound begins, when nothing is recorded at `position`; null when something is.
 * @param {Track[]} tracks @param {number} position @returns {number | null}
 */
export function nextRecorded(tracks, position) {
  const spans = unite(tracks.flatMap((track) => track.parts));
  if (spans.some((s) => position >= s.from_s && position < s.to_s)) return null;
  return spans.find((s) => s.from_s > position)?.from_s ?? null;
}
