// A browser's reason for not giving a device, in words that say what to do.
import { t } from "../lib/i18n.js";

/**
 * @param {"camera" | "microphone" | "document_camera"} kind
 * @param {unknown} error what getUserMedia rejected with
 */
export function deviceFault(kind, error) {
  const name = error instanceof Error ? error.name : "";
  const words = WORDS[kind];
  if (name === "NotAllowedError" || name === "SecurityError") return words.denied();
  if (name === "NotFoundError" || name === "OverconstrainedError") return words.absent();
  if (name === "NotReadableError" || name === "AbortError") return words.busy();
  if (name === "InsecureContextError") return insecure();
  return words.other();
}

/** Thrown in the place of getUserMedia where the address is not a secure one. */
export class InsecureContextError extends Error {
  constructor() {
    super("getUserMedia needs https or localhost");
    this.name = "InsecureContextError";
  }
}

const insecure = () => t("这个网址不是 https，浏览器不让用摄像头和麦克风。请用 https 开头的网址打开。");

const WORDS = {
  camera: {
    denied: () => t("浏览器没让用摄像头。点地址栏左边的图标，选「允许」，再点「重新检测」。"),
    absent: () => t("没找到摄像头。看看 USB 线插好没有，再点「重新检测」。"),
    busy: () => t("摄像头被别的程序占着。关掉微信、钉钉的视频，再点「重新检测」。"),
    other: () => t("摄像头打不开。拔下来再插一次，再点「重新检测」。"),
  },
  microphone: {
    denied: () => t("浏览器没让用麦克风。点地址栏左边的图标，选「允许」，再点「重新检测」。"),
    absent: () => t("没找到麦克风。看看插头插好没有，再点「重新检测」。"),
    busy: () => t("麦克风被别的程序占着。关掉微信、钉钉的通话，再点「重新检测」。"),
    other: () => t("麦克风打不开。拔下来再插一次，再点「重新检测」。"),
  },
  document_camera: {
    denied: () => t("浏览器没让用高拍仪。点地址栏左边的图标，选「允许」，再点「重新检测」。"),
    absent: () => t("没找到高拍仪。不用它就不用管；要用，看看 USB 线插好没有。"),
    busy: () => t("高拍仪被别的程序占着。关掉它自带的软件，再点「重新检测」。"),
    other: () => t("高拍仪打不开。拔下来再插一次，再点「重新检测」。"),
  },
};
