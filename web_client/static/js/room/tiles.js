import { t } from "../lib/i18n.js";
import { faultText } from "../lib/devices.js";
import { lawyerName } from "../lib/format.js";
import { h, setText, show } from "../ui/dom.js";
import { icon } from "../ui/shell.js";

/** @typedef {import("../lib/peer.js").RemoteTrack} RemoteTrack */
/** @typedef {import("../lib/peer.js").Connection} Connection */
/** @typedef {import("../lib/local.js").LocalMedia} LocalMedia */
/** @typedef {import("../lib/live.js").Participant} Participant */
/** @typedef {import("../lib/live.js").Room} Room */

const LEVEL_EVERY_MS = 300;
const SPEAKING = 0.02;

/** The pictures: the other side large, ourselves and shown papers below. */
export class Tiles {
  /** @type {RemoteTrack[]} */
  #remote = [];
  /** @type {Room | null} */
  #room = null;
  /** @type {Connection} */
  #connection = "connecting";
  #lostAt = 0;
  #pictured = false;
  /** @type {[string, string] | null} */
  #phoneWords = null;
  /** @type {(() => void)[]} */
  #undo = [];

  /**
   * @param {Record<string, any>} at @param {LocalMedia} local
   * @param {{levels: () => number}} remoteSound loudest level heard, 0-1
   */
  constructor(at, local, remoteSound) {
    this.at = at;
    this.local = local;
    /** @type {HTMLVideoElement} */
    this.video = at.remote;
    at.remote_tile.classList.add("fresh");
    at.listen.addEventListener("click", () => this.#listen());
    at.enlarge.addEventListener("click", () => this.#enlarge());
    for (const event of ["loadeddata", "resize", "emptied"]) this.video.addEventListener(event, () => this.#pictureChanged());
    const clock = setInterval(() => this.#connection === "interrupted" && this.#paintOverlay(), 1000);
    const levels = setInterval(() => at.remote_tile.classList.toggle("speaking", remoteSound.levels() > SPEAKING), LEVEL_EVERY_MS);
    this.#undo = [local.on("change", () => this.#paintSelf()), () => clearInterval(clock), () => clearInterval(levels)];
    this.#paintSelf();
    this.#paintOverlay();
  }

  close() {
    this.#undo.forEach(off => off());
    for (const video of [this.video, this.at.self, this.at.material]) video.srcObject = null;
  }

  /** @param {RemoteTrack[]} tracks */
  showRemote(tracks) {
    this.#remote = tracks;
    const main = tracks.filter(({ source }) => source === "audio" || source === "camera").map(({ track }) => track);
    if (adopt(this.video, main)) void this.#play();
    this.#paintMaterial();
    this.#paintOverlay();
  }

  /** @param {Room} room */
  showRoom(room) {
    this.#room = room;
    this.#paintMaterial();
    this.#paintOverlay();
    const other = this.#other();
    show(this.at.remote_name, other !== null && !this.#phoneWords);
    if (!other) return;
    const known = calledName(other);
    const name = h("span", {}, other.muted ? t("{name}（静音）", { name: known }) : known);
    this.at.remote_name.replaceChildren(icon(other.muted ? "micoff" : "mic"), name);
  }

  /** By telephone: no picture any more. @param {string} title @param {string} text */
  showPhone(title, text) {
    this.#phoneWords = [title, text];
    this.#remote = [];
    this.video.srcObject = null;
    show(this.at.listen, false);
    show(this.at.low, false);
    show(this.at.remote_name, false);
    this.at.remote_tile.classList.add("fresh");
    this.#paintOverlay();
  }

  /** @param {Connection} connection */
  showConnection(connection) {
    if (connection === "interrupted" && this.#connection !== "interrupted") this.#lostAt = performance.now();
    this.#connection = connection;
    this.#paintOverlay();
  }

  /** @returns {Participant | null} */
  #other() {
    const room = this.#room;
    return room?.participants.find(p => p.id !== room.you && p.present !== "left") ?? room?.participants.find(p => p.id !== room.you) ?? null;
  }

  async #play() {
    this.video.muted = false;
    show(this.at.listen, false);
    try {
      await this.video.play();
    } catch (error) {
      // After a reload there was no press yet: the picture may run, the sound must wait for one.
      if (!(error instanceof DOMException) || error.name !== "NotAllowedError") return;
      this.video.muted = true;
      show(this.at.listen, true);
      await this.video.play().catch(() => {});
    }
  }

  #listen() {
    this.video.muted = false;
    show(this.at.listen, false);
    void this.video.play();
  }

  #pictureChanged() {
    this.#pictured = this.video.videoWidth > 0 && this.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
    if (this.#pictured) this.at.remote_tile.classList.remove("fresh");
    this.#paintOverlay();
  }

  #paintOverlay() {
    const words = this.#overlay();
    show(this.at.remote_empty, words !== null);
    this.video.classList.toggle("dim", words !== null && this.#pictured);
    const [title, more] = words ?? ["", ""];
    if (this.at.remote_text.textContent !== title) this.at.remote_text.replaceChildren(h("b", {}, title));
    setText(this.at.remote_more, more);
  }

  /** @returns {[string, string] | null} what lies over the other side's picture */
  #overlay() {
    const other = this.#other();
    if (this.#phoneWords) return this.#phoneWords;
    if (this.#connection === "interrupted") {
      const seconds = Math.max(1, Math.round((performance.now() - this.#lostAt) / 1000));
      return [t("正在重连，{seconds} 秒", { seconds }), t("请不要关窗口。一直连不上，就改用电话。")];
    }
    if (this.#connection !== "connected") return [t("正在接通画面"), ""];
    if (other?.present === "reconnecting") return [t("{name}断线了，正在等对方回来", { name: calledName(other) }), t("不用重新呼叫，位置还在。")];
    if (other?.present === "left") return [t("{name}已经离开", { name: calledName(other) }), ""];
    if (!other) return [t("正在等对方接通"), ""];
    if (!other.camera_on) {
      const heard = !other.muted && this.#remote.some(({ source }) => source === "audio");
      return [t("对方没有开摄像头"), heard ? t("正在用声音通话。") : t("麦克风也没开。可以发消息，或者改用电话。")];
    }
    return this.#pictured ? null : [t("正在接通画面"), ""];
  }

  #paintSelf() {
    const { local, at } = this;
    const camera = local.tracks.camera;
    adopt(at.self, camera ? [camera] : []);
    show(at.self_empty, !camera);
    const fault = local.faults.camera;
    const off = !local.cameraWanted;
    const words = off ? t("摄像头已关") : fault ? faultText("camera", fault) : t("正在打开摄像头");
    setText(at.self_text, words);
    const name = at.self_name.dataset.name ?? "";
    setText(at.self_name, local.muted ? t("{name}（静音）", { name }) : name);
    this.#paintMaterial();
  }

  /** One tile for papers: what the other side shows comes first. */
  #paintMaterial() {
    const { at, local } = this;
    const theirs = this.#remote.find(r => r.source === "screen") ?? this.#remote.find(r => r.source === "document");
    const other = this.#other();
    const live = theirs && (theirs.source === "screen" ? other?.screen_on : other?.document_on);
    const own = local.tracks.document ?? local.tracks.screen;
    const track = theirs && live !== false ? theirs.track : own;
    show(at.material_tile, Boolean(track));
    at.low.classList.toggle("alone", !track);
    adopt(at.material, track ? [track] : []);
    if (!track) this.#lower();
    else setText(at.material_name, this.#materialWords(track === own ? null : theirs?.source ?? null, other));
  }

  /** @param {string | null} theirs source shown by the other side, null = our own @param {Participant | null} other */
  #materialWords(theirs, other) {
    const name = other ? calledName(other) : t("对方");
    if (theirs === "screen") return t("{name}的屏幕", { name });
    if (theirs) return t("{name}展示的材料", { name });
    return this.local.tracks.document ? t("我们的材料，对方看得到") : t("我们的屏幕，对方看得到");
  }

  #enlarge() {
    const large = this.at.enlarge.getAttribute("aria-pressed") !== "true";
    this.at.enlarge.setAttribute("aria-pressed", String(large));
    setText(this.at.enlarge.querySelector("span"), large ? t("缩小") : t("放大"));
    this.at.material_tile.classList.toggle("lifted", large);
  }

  #lower() {
    if (this.at.enlarge.getAttribute("aria-pressed") === "true") this.#enlarge();
  }
}

/** @param {Participant} participant */
const calledName = ({ name, role }) => (role === "lawyer" ? lawyerName(name) : name);

/** @param {HTMLVideoElement} video @param {MediaStreamTrack[]} tracks @returns {boolean} whether anything changed */
function adopt(video, tracks) {
  const now = /** @type {MediaStream | null} */ (video.srcObject)?.getTracks() ?? [];
  if (now.length === tracks.length && tracks.every(track => now.includes(track))) return false;
  video.srcObject = tracks.length ? new MediaStream(tracks) : null;
  return tracks.length > 0;
}
