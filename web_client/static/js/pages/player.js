// Replay: opens the manifest, wires engine, timeline, notes and proof together, reports what was watched.
import * as api from "../lib/api.js";
import { clock, duration, momentOf, t } from "../lib/i18n.js";
import { Engine } from "../player/engine.js";
import { nextRecorded, recordedSeconds, shownGaps } from "../player/manifest.js";
import { Notes } from "../player/notes.js";
import { startProof } from "../player/proof.js";
import { buildStage, startWatermark } from "../player/stage.js";
import { Timeline } from "../player/timeline.js";
import { Watched } from "../player/watched.js";
import { causeWord } from "../player/words.js";
import { all, announce, byId, facts, icon, setState } from "../ui/shell.js";

/** @typedef {import("../player/manifest.js").Manifest} Manifest */

const SKIP_S = 15;
const REPORT_MS = 5000;
const SLOW_WORDS_MS = 5000;
const root = `/api/audit/replays/${facts.subject}`;

/** @param {Manifest} manifest */
function open(manifest) {
  byId("state").hidden = true;
  byId("player").hidden = false;
  showHead(manifest);
  const watched = new Watched();
  const engine = new Engine(buildStage(manifest), manifest.duration_s, (tick) => paint(tick));
  const seek = (/** @type {number} */ position) => {
    engine.seek(position);
    rememberPlace(engine.position);
    announce(t("跳到 {time}", { time: clock(engine.position) }));
  };
  const timeline = new Timeline(manifest, seek);
  const notes = new Notes(manifest.replay_id, { position: () => engine.position, seek, changed: (list) => { timeline.drawMarks(list); listMarks(timeline, list, seek); } });
  /** @param {import("../player/engine.js").Tick} tick */
  function paint(tick) {
    watched.tick(tick.position, tick.playing && !tick.holding, tick.rate);
    timeline.show(tick.position);
    if (notes.at === null) notes.showAt();
    showTick(tick, manifest);
  }
  notes.show([]);
  startWatermark(manifest.viewer);
  wireControls(engine, seek, manifest);
  wireNoteKey();
  reportWatched(watched);
  addEventListener("pagehide", () => engine.close());
  showWords(manifest);
  const asked = Number(new URLSearchParams(location.search).get("t"));
  engine.seek(Number.isFinite(asked) ? asked : 0);
  notes.load();
  startProof(manifest.replay_id, manifest.check);
}

/** @param {Manifest} manifest */
function showHead(manifest) {
  const record = manifest.record;
  byId("case").textContent = manifest.case_no;
  byId("about").textContent = [momentOf(manifest.started_at), record?.street, record?.lawyer, record?.category_name].filter(Boolean).join(" · ");
  byId("whole").textContent = clock(manifest.duration_s);
  document.title = `${manifest.case_no} · ${document.title}`;
  const real = recordedSeconds(manifest.tracks);
  const gaps = shownGaps(manifest.gaps).length;
  const rest = !manifest.complete ? t("有该录没录到的，原因见时间线。") : gaps === 0 ? t("没有缺口。") : t("缺口都有原因。");
  byId("length").textContent = t("应录 {expected}，实录 {real}，", { expected: clock(manifest.expected_s), real: clock(real) }) + rest;
}

/** @param {import("../player/engine.js").Tick} tick @param {Manifest} manifest */
function showTick(tick, manifest) {
  byId("now").textContent = clock(tick.position);
  byId("holding").textContent = tick.playing && tick.holding ? t("正在读录像") : "";
  showPlaying(tick.playing);
  const skipTo = nextRecorded(manifest.tracks, tick.position);
  byId("empty-here").hidden = skipTo === null;
  if (skipTo === null) return;
  byId("empty-skip").value = String(skipTo);
  const gap = manifest.gaps.find((g) => tick.position >= g.from_s && tick.position < g.to_s);
  byId("empty-text").textContent = t("这里没有录像：{cause}，还有 {left}。", { cause: causeWord(gap?.cause ?? ""), left: duration(skipTo - tick.position) });
}

/** @param {boolean} playing */
function showPlaying(playing) {
  const button = byId("play");
  const word = playing ? t("暂停") : t("播放");
  if (button.lastElementChild.textContent === word) return;
  button.lastElementChild.textContent = word;
  button.firstElementChild.replaceWith(icon(playing ? "pause" : "play"));
}

/** @param {Engine} engine @param {(position: number) => void} seek @param {Manifest} manifest */
function wireControls(engine, seek, manifest) {
  const toggle = () => {
    if (engine.playing) engine.pause();
    else engine.play();
    announce(engine.playing ? t("播放") : t("暂停"));
    rememberPlace(engine.position);
  };
  byId("play").addEventListener("click", toggle);
  byId("back15").addEventListener("click", () => seek(engine.position - SKIP_S));
  byId("forward15").addEventListener("click", () => seek(Math.min(manifest.duration_s, engine.position + SKIP_S)));
  byId("rate").addEventListener("change", () => engine.setRate(Number(byId("rate").value)));
  byId("empty-skip").addEventListener("click", () => seek(Number(byId("empty-skip").value)));
  for (const tab of all('[role="tab"]')) {
    tab.addEventListener("click", () => pickTab(tab));
    tab.addEventListener("keydown", moveTab);
  }
}

/** @param {HTMLElement} chosen */
function pickTab(chosen) {
  for (const tab of all('[role="tab"]')) {
    const on = tab === chosen;
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
    byId(tab.getAttribute("aria-controls") ?? "").hidden = !on;
  }
}

/** @param {KeyboardEvent} event */
function moveTab(event) {
  const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
  if (step === 0) return;
  const tabs = all('[role="tab"]');
  const to = tabs[(tabs.indexOf(/** @type {HTMLElement} */ (event.currentTarget)) + step + tabs.length) % tabs.length];
  pickTab(to);
  to.focus();
}

/** N in the player opens the note field at this moment. */
function wireNoteKey() {
  byId("playing").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const plain = !event.ctrlKey && !event.altKey && !event.metaKey;
    if (event.key.toLowerCase() !== "n" || !plain || !byId("note-key").checked) return;
    event.preventDefault();
    pickTab(byId("tab-notes"));
    byId("note").focus();
  });
}

/** @param {Timeline} timeline @param {import("../player/notes.js").Note[]} notes @param {(position: number) => void} seek */
function listMarks(timeline, notes, seek) {
  const marks = timeline.marks(notes);
  byId("no-events").hidden = marks.length > 0;
  byId("events").replaceChildren(...marks.map((mark) => {
    const row = document.createElement("li");
    const jump = document.createElement("button");
    jump.type = "button";
    jump.className = "btn";
    jump.textContent = clock(mark.at_s);
    jump.addEventListener("click", () => seek(mark.at_s));
    const words = document.createElement("p");
    words.className = "grow";
    words.append(icon(mark.icon), ` ${mark.text}`);
    row.append(jump, words);
    return row;
  }));
}

/** What was written: points, messages and the record's advice. @param {Manifest} manifest */
function showWords(manifest) {
  /** @type {[string, string[]][]} */
  const blocks = [
    [t("律师发的要点"), manifest.points.map((p) => `${clock(p.at_s)} ${p.text}`)],
    [t("消息"), manifest.chat.map((m) => `${clock(m.at_s)} ${m.name}：${m.text}`)],
    [t("基本情况"), manifest.record?.facts ? [manifest.record.facts] : []],
    [t("答复意见"), manifest.record?.advice ? [manifest.record.advice] : []],
  ];
  const filled = blocks.filter(([, lines]) => lines.length > 0);
  byId("no-words").hidden = filled.length > 0;
  for (const [title, lines] of filled) {
    const head = document.createElement("h3");
    head.textContent = title;
    byId("words").append(head, ...lines.map((line) => Object.assign(document.createElement("p"), { textContent: line, className: "pl-words" })));
  }
}

/** The address always leads back to this moment. @param {number} position */
function rememberPlace(position) {
  history.replaceState(null, "", `?t=${position.toFixed(1)}`);
}

/** @param {Watched} watched */
function reportWatched(watched) {
  const report = async (/** @type {boolean} */ leaving) => {
    const spans = watched.take();
    if (spans.length === 0) return;
    try {
      await api.post(`${root}/spans`, { spans }, { keepalive: leaving });
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      // What the server refuses it will refuse again.
      if (error.offline || error.status >= 500) watched.giveBack(spans);
    }
  };
  setInterval(() => report(false), REPORT_MS);
  addEventListener("pagehide", () => report(true));
}

async function load() {
  byId("state").hidden = false;
  setState(byId("state"), "loading");
  const slow = setTimeout(() => { all(".bones p")[0].textContent = t("服务器有点慢，还在读。录像大的时候要久一点。"); }, SLOW_WORDS_MS);
  try {
    open(await api.get(root));
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    const state = error.offline ? "offline" : error.code === "denied" ? "denied" : error.code === "not_found" ? "missing" : "error";
    setState(byId("state"), state);
    if (!error.offline) all(`[data-when="${state}"] [data-blank-text]`)[0].textContent = error.text;
  } finally {
    clearTimeout(slow);
  }
}

for (const button of all('[data-action="again"]')) button.addEventListener("click", load);
load();
