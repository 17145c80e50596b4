import * as devices from "./devices.js";
import { Emitter } from "./emitter.js";

/** @typedef {import("./peer.js").Source} Source */
/** @typedef {import("./devices.js").DeviceFault} DeviceFault */

/**
 * What this computer sends: the four tracks, whether muted, and what is wrong with a device.
 *
 * Lives as long as the page, so that the waiting screen can open camera and microphone before the room needs them.
 * `track` says a source's track has changed; `change` that anything has.
 * @extends {Emitter<{track: Source, change: null, fault: {source: Source, fault: DeviceFault}}>}
 */
export class LocalMedia extends Emitter {
  /** @type {Record<Source, MediaStreamTrack | null>} */
  tracks = { audio: null, camera: null, document: null, screen: null };
  /** @type {Partial<Record<Source, DeviceFault>>} */
  faults = {};
  muted = false;
  cameraWanted = true;
  /** Whether the devices have been asked for; nothing is open before. */
  opened = false;
  /** @type {Promise<void> | null} */
  #opening = null;

  /** @param {Pick<Storage, "getItem" | "setItem">} storage remembers the chosen devices of this computer */
  constructor(storage) {
    super();
    this.storage = storage;
  }

  /** Opens camera and microphone once; later calls wait for the same opening. */
  open() {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open() {
    const wanted = { camera_id: this.chosen("camera"), microphone_id: this.chosen("audio") };
    const { audio, camera, faults } = await devices.openBoth(wanted);
    if (this.#opening === null) {
      audio?.stop();
      camera?.stop();
      return;
    }
    this.opened = true;
    this.faults = faults;
    this.#adopt("audio", audio);
    this.#adopt("camera", camera);
  }

  /** Opens again what failed (after the person has mended it). */
  async retry() {
    if (!this.opened) return this.open();
    if (!this.tracks.audio) await this.#replace("audio", () => devices.openMicrophone(this.chosen("audio")));
    if (!this.tracks.camera && this.cameraWanted) {
      await this.#replace("camera", () => devices.openCamera(this.chosen("camera")));
    }
  }

  /** @param {boolean} muted */
  setMuted(muted) {
    this.muted = muted;
    if (this.tracks.audio) this.tracks.audio.enabled = !muted;
    this.emit("change", null);
  }

  /** Off really releases the camera, so that its light goes out. @param {boolean} on */
  async setCamera(on) {
    this.cameraWanted = on;
    if (!on) this.#adopt("camera", null);
    else if (!this.tracks.camera) await this.#replace("camera", () => devices.openCamera(this.chosen("camera")));
  }

  /** Another camera or microphone, without leaving the room. @param {"audio" | "camera" | "document"} source @param {string} device_id */
  async choose(source, device_id) {
    this.storage.setItem(`lawlink.device.${source}`, device_id);
    if (source === "audio") await this.#replace("audio", () => devices.openMicrophone(device_id));
    else if (source === "document") await this.#replaceDocument(device_id);
    else if (this.cameraWanted) await this.#replaceCamera(device_id);
  }

  /** Some drivers open one camera at a time, so the old one is let go first. @param {string} device_id */
  async #replaceCamera(device_id) {
    const old = this.tracks.camera;
    if (old) this.#release(old);
    await this.#replace("camera", () => devices.openCamera(device_id));
  }

  /** @param {string} device_id */
  async #replaceDocument(device_id) {
    if (this.tracks.document) await this.#replace("document", () => devices.openDocumentCamera(device_id));
  }

  /** @param {string} device_id @returns {Promise<boolean>} */
  showDocumentCamera(device_id) {
    return this.#replace("document", () => devices.openDocumentCamera(device_id));
  }

  /** A picture instead of a camera. @param {MediaStreamTrack} track */
  showDocumentTrack(track) {
    this.#adopt("document", track);
  }

  hideDocument() {
    this.#adopt("document", null);
  }

  /** @returns {Promise<boolean>} false when the person changed their mind or it failed */
  shareScreen() {
    return this.#replace("screen", devices.openScreen);
  }

  unshareScreen() {
    this.#adopt("screen", null);
  }

  /** Lets go of every device. */
  close() {
    this.#opening = null;
    this.opened = false;
    this.muted = false;
    this.cameraWanted = true;
    for (const source of /** @type {Source[]} */ (Object.keys(this.tracks))) this.#adopt(source, null);
  }

  /** @param {"audio" | "camera" | "document"} source @returns {string | null} device id remembered on this computer */
  chosen(source) {
    return this.storage.getItem(`lawlink.device.${source}`);
  }

  /** @param {Source} source @returns {string | null} device id in use */
  inUse(source) {
    return this.tracks[source]?.getSettings().deviceId ?? null;
  }

  /** @param {Source} source @param {() => Promise<MediaStreamTrack>} open @returns {Promise<boolean>} */
  async #replace(source, open) {
    try {
      const track = await open();
      delete this.faults[source];
      this.#adopt(source, track);
      return true;
    } catch (error) {
      const fault = devices.faultOf(error);
      // Closing the screen picker is a change of mind, not a fault.
      if (source !== "screen" || fault !== "blocked") this.#failed(source, fault);
      if (this.tracks[source]?.readyState === "ended") this.#adopt(source, null);
      return false;
    }
  }

  /** @param {Source} source @param {DeviceFault} fault */
  #failed(source, fault) {
    this.faults[source] = fault;
    this.emit("fault", { source, fault });
    this.emit("change", null);
  }

  /** @param {Source} source @param {MediaStreamTrack | null} track */
  #adopt(source, track) {
    const old = this.tracks[source];
    if (old === track) return;
    this.tracks[source] = track;
    if (track) {
      if (source === "audio") track.enabled = !this.muted;
      track.onended = () => this.#unplugged(source, track);
    }
    this.emit("track", source);
    this.emit("change", null);
    if (old) this.#release(old);
  }

  /** @param {MediaStreamTrack} track */
  #release(track) {
    track.onended = null;
    track.stop();
  }

  /** @param {Source} source @param {MediaStreamTrack} track */
  #unplugged(source, track) {
    if (this.tracks[source] !== track) return;
    this.#adopt(source, null);
    if (source === "audio" || source === "camera") this.#failed(source, "absent");
  }
}
