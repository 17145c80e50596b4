import { faultText, levelMeter, listDevices, pickDocumentCamera } from "../lib/devices.js";
import { t } from "../lib/i18n.js";
import { askOnce } from "../ui/dialog.js";
import { refs, setText, show } from "../ui/dom.js";
import { fillSelect } from "../ui/form.js";

/** @typedef {import("../lib/local.js").LocalMedia} LocalMedia */

const LEVEL_EVERY_MS = 100;
const FLOOR_DB = -60;

/**
 * 「换设备」: every choice takes effect at once, in the room.
 * @param {LocalMedia} local @param {HTMLVideoElement} remote whose sound the speaker plays @param {() => AudioContext} audioContext
 */
export async function changeDevices(local, remote, audioContext) {
  const found = await listDevices();
  let stop = () => {};
  await askOnce("dialog-devices", dialog => {
    const at = refs(dialog);
    fill(at.camera, found.cameras, local.inUse("camera") ?? local.chosen("camera"));
    fill(at.microphone, found.microphones, local.inUse("audio") ?? local.chosen("audio"));
    fill(at.document, found.cameras, local.inUse("document") ?? pickDocumentCamera(found.cameras, { used: local.inUse("camera"), chosen: local.chosen("document") }));
    fill(at.speaker, found.speakers, remote.sinkId ?? "");
    show(at.speaker_row, "setSinkId" in remote && found.speakers.length > 0);
    listen(at, local, remote);
    stop = showLevel(at.meter, local, audioContext);
  });
  stop();
}

/** @param {HTMLSelectElement} select @param {MediaDeviceInfo[]} devices @param {string | null} chosen */
function fill(select, devices, chosen) {
  const named = devices.map((device, n) => /** @type {[string, string]} */ ([device.deviceId, device.label || t("第 {n} 个", { n: n + 1 })]));
  fillSelect(select, named, devices.length ? undefined : t("没找到"));
  select.disabled = devices.length === 0;
  if (chosen !== null && devices.some(device => device.deviceId === chosen)) select.value = chosen;
  else if (select.options.length && chosen === null) select.selectedIndex = 0;
}

/** @param {Record<string, any>} at @param {LocalMedia} local @param {HTMLVideoElement} remote */
function listen(at, local, remote) {
  /** @param {HTMLSelectElement} select @param {"audio" | "camera" | "document"} source */
  const follow = (select, source) =>
    select.addEventListener("change", async () => {
      await local.choose(source, select.value);
      const fault = local.faults[source];
      show(at.fault, Boolean(fault));
      setText(at.fault, fault ? faultText(source, fault) : "");
    });
  follow(at.camera, "camera");
  follow(at.microphone, "audio");
  follow(at.document, "document");
  at.speaker.addEventListener("change", () => remote.setSinkId(at.speaker.value).catch(() => {
    show(at.fault, true);
    setText(at.fault, t("这个喇叭用不了，还用原来的。"));
  }));
}

/** @param {HTMLElement} slot @param {LocalMedia} local @param {() => AudioContext} audioContext */
function showLevel(slot, local, audioContext) {
  const bar = /** @type {HTMLElement} */ (slot.firstElementChild);
  /** @type {MediaStreamTrack | null} */
  let track = null;
  /** @type {ReturnType<typeof levelMeter> | null} */
  let meter = null;
  const timer = setInterval(() => {
    if (track !== local.tracks.audio) {
      track = local.tracks.audio;
      meter?.close();
      meter = track && levelMeter(audioContext(), track);
    }
    const share = Math.max(0, Math.min(1, 1 - (meter?.level() ?? FLOOR_DB) / FLOOR_DB));
    bar.style.width = `${Math.round(share * 100)}%`;
    slot.setAttribute("aria-label", share > 0.1 ? t("麦克风有声音") : t("麦克风没有声音"));
  }, LEVEL_EVERY_MS);
  return () => {
    clearInterval(timer);
    meter?.close();
  };
}
