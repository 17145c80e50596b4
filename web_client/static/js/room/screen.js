import * as api from "../lib/api.js";
import { recordingWord } from "../lib/format.js";
import { clock, duration, t } from "../lib/i18n.js";
import { detach, refs, setText, show, showQuality, stamp } from "../ui/dom.js";
import { announce, toast } from "../ui/shell.js";
import { Alerts } from "./alerts.js";
import { Chat } from "./chat.js";
import { hideMediaKeys, showStopKey, wireControls } from "./controls.js";
import { RoomSession } from "./session.js";
import { Tiles } from "./tiles.js";

/** @typedef {import("./workspace.js").Workspace} Workspace */
/** @typedef {import("../lib/live.js").Room} Room */
/** @typedef {import("./session.js").Point} Point */

/**
 * What one side adds to the room.
 * @typedef {object} Side
 * @property {string} endWords
 * @property {(room: Room) => void} room
 * @property {(detail: any) => void} detail
 * @property {(point: Point) => void} point
 * @property {(open: boolean) => void} chat shows or hides the messages
 * @property {(reply: any) => void} ended
 * @property {(detail: any) => [string, string]} phoneWords what to dial, once it goes on by telephone
 * @property {() => void} gone the server no longer lets us in
 */

const QUALITY_WORDS = () => ({ good: t("良好"), fair: t("一般"), poor: t("较差") });

/** A room on screen: joins, shows, and ties buttons to the session. Both sides use it; `Side` holds what differs. */
export class RoomScreen {
  #wasRecording = "";
  #wasConnected = false;
  #startedAt = 0;
  /** @type {Room | null} */
  room = null;

  /** @param {Workspace} workspace @param {string} id consultation */
  constructor(workspace, id) {
    this.workspace = workspace;
    this.id = id;
    this.element = stamp("view-room");
    this.at = refs(this.element);
    const { socket, local, sounds } = workspace;
    this.session = new RoomSession({ socket, local, consultation_id: id, audioContext: () => sounds.context });
    this.tiles = new Tiles(this.at, local, { levels: () => this.#heardLevel() });
    this.alerts = new Alerts(this.at.alert, { local, phone: () => this.phone });
    this.chat = new Chat(this.at, text => this.session.sendChat(text), () => sounds.play("tick"));
  }

  /** The number to say when the picture does not hold. */
  get phone() {
    return this.room?.street?.phone ?? "";
  }

  /** @param {Side} side */
  enter(side) {
    this.side = side;
    document.body.classList.add("in-room");
    this.restoreShell = detach("header.shell");
    const { local, sounds, live } = this.workspace;
    this.undo = [
      this.session.on("room", room => this.#showRoom(room)),
      this.session.on("remote", tracks => this.tiles.showRemote(tracks)),
      this.session.on("connection", connection => this.#showConnection(connection)),
      this.session.on("quality", verdict => this.#showQuality(verdict)),
      this.session.on("silent", silent => this.alerts.microphone(silent)),
      this.session.on("chat", message => this.chat.heard(message)),
      this.session.on("point", point => side.point(point)),
      this.session.on("joined", () => void this.readDetail()),
      this.session.on("gone", () => side.gone()),
      local.on("change", () => this.alerts.paint()),
      this.#runTimer(),
      wireControls({
        at: this.at,
        local,
        session: this.session,
        audioContext: () => sounds.context,
        toggleChat: () => this.#toggleChat(!this.chat.isOpen),
        closeChat: () => this.#closeChat(),
        endWords: side.endWords,
        phone: () => this.phone,
        ended: reply => side.ended(reply),
        phoned: reply => reply.consultation && live.apply({ type: "consultation", consultation: reply.consultation }),
      }),
      live.on("consultation", () => this.#showMode(live.consultation)),
    ];
    this.#showMode(live.consultation);
    if (!this.session.textOnly) void local.open();
    if (live.room?.consultation_id === this.id) this.#showRoom(live.room);
    this.session.enter();
  }

  close() {
    document.body.classList.remove("in-room");
    this.restoreShell?.();
    this.undo?.forEach(off => off());
    this.session.leave();
    this.tiles.close();
  }

  /** What was said and sent before we came or while we were away: events are not repeated. */
  async readDetail() {
    try {
      const detail = /** @type {any} */ (await api.get(`/api/consultations/${this.id}`));
      this.chat.history(detail.chat);
      for (const point of detail.points) this.side?.point(point);
      this.side?.detail(detail);
      this.#showMode(detail);
    } catch (error) {
      if (error instanceof api.ApiError && !error.offline) toast(error.text, { icon: "warn" });
    }
  }

  /** @param {{id: string, mode?: string} | null} consultation */
  #showMode(consultation) {
    if (consultation?.id !== this.id || !consultation.mode || consultation.mode === "video") return;
    const first = !this.session.textOnly;
    const [title, text] = /** @type {Side} */ (this.side).phoneWords(consultation);
    this.tiles.showPhone(title, text);
    if (!first) return;
    this.element.classList.add("by-phone");
    this.session.turnedToPhone();
    this.workspace.local.close();
    hideMediaKeys(this.at);
    show(this.at.quality, false);
    announce(t("画面已关，改打电话。"), true);
    void this.readDetail();
  }

  /** @param {Room} room */
  #showRoom(room) {
    this.room = room;
    this.chat.you = room.you;
    this.#startedAt = room.started_at ? Date.parse(room.started_at) - this.workspace.socket.skew_ms : 0;
    this.#showElapsed();
    this.tiles.showRoom(room);
    this.#showRecording(room.recording);
    this.side?.room(room);
  }

  /** @param {import("../lib/live.js").RecordingState} recording */
  #showRecording(recording) {
    const { word, look } = recordingWord(recording);
    this.at.recording.className = `rec ${look}`;
    setText(this.at.recording, word);
    showStopKey(this.at, recording);
    this.alerts.recording(recording, this.#elapsed_s());
    const before = this.#wasRecording;
    this.#wasRecording = word;
    if (before === word || (before === "" && look === "no")) return;
    this.workspace.sounds.play(look === "on" ? "recording_on" : "recording_off");
  }

  /** @param {import("../lib/peer.js").Connection} connection */
  #showConnection(connection) {
    this.tiles.showConnection(connection);
    if (connection === "interrupted" && this.#wasConnected) this.workspace.sounds.play("dropped");
    if (connection === "connected") {
      if (this.#wasConnected) {
        this.workspace.sounds.play("back");
        announce(t("连上了。"));
      }
      this.#wasConnected = true;
    }
  }

  /** @param {import("../lib/quality.js").Verdict} verdict */
  #showQuality(verdict) {
    show(this.at.quality, true);
    showQuality(this.at.quality, verdict.word, verdict.reason, QUALITY_WORDS());
    this.alerts.quality(verdict);
  }

  #elapsed_s() {
    return this.#startedAt ? Math.max(0, (Date.now() - this.#startedAt) / 1000) : 0;
  }

  #showElapsed() {
    show(this.at.timer, this.#startedAt > 0);
    const seconds = this.#elapsed_s();
    setText(this.at.timer, clock(seconds).padStart(5, "0"));
    this.at.timer.setAttribute("aria-label", t("已通话 {time}", { time: duration(seconds) }));
  }

  #runTimer() {
    const timer = setInterval(() => this.#showElapsed(), 1000);
    return () => clearInterval(timer);
  }

  /** @param {boolean} open */
  #toggleChat(open) {
    this.side?.chat(open);
    this.chat.opened(open);
    this.at.chat.setAttribute("aria-pressed", String(open));
  }

  /** @param {boolean} open the lawyer's tab was used instead of the button */
  chatShown(open) {
    this.chat.opened(open, false);
    this.at.chat.setAttribute("aria-pressed", String(open));
  }

  #closeChat() {
    if (!this.chat.isOpen) return false;
    this.#toggleChat(false);
    this.at.chat.focus();
    return true;
  }

  /** Loudest of what arrives now (webrtc `getSynchronizationSources`), 0-1. */
  #heardLevel() {
    const receivers = this.session.peer.connection?.getReceivers() ?? [];
    const levels = receivers.filter(r => r.track.kind === "audio").flatMap(r => r.getSynchronizationSources().map(s => s.audioLevel ?? 0));
    return Math.max(0, ...levels);
  }
}
