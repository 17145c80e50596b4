// The visitor rates in private: nothing pre-selected, wiped after it was sent, no way back to it.
import * as api from "../lib/api.js";
import { language, t } from "../lib/i18n.js";
import { all, byId, facts, press, setState, stopNetworkProbe } from "../ui/shell.js";

const THANKS_MS = 5000;
const DIMENSIONS = ["attitude", "efficiency", "policy", "competence"];
const main = byId("main");
/** @type {HTMLFormElement} */
const form = byId("rating");
const key = api.newKey();

/** @param {string} text */
function showFailure(text) {
  byId("failed-text").textContent = text;
  byId("failed").hidden = false;
}

/** @returns {Record<string, unknown> | null} the body to send, null when nothing is chosen */
function answer() {
  const data = new FormData(form);
  const overall = data.get("overall");
  if (overall === null) return null;
  if (overall === "declined") return { key, declined: true };
  /** @type {Record<string, unknown>} */
  const body = { key, declined: false, overall: Number(overall) };
  for (const name of DIMENSIONS) if (data.get(name)) body[name] = Number(data.get(name));
  const comment = String(data.get("comment") ?? "").trim();
  return comment ? { ...body, comment } : body;
}

async function submit() {
  const body = answer();
  if (body === null) {
    showFailure(t("请选一个。不想评价，就选「不评价」。"));
    return;
  }
  byId("failed").hidden = true;
  try {
    const onSlow = () => showFailure(t("网络有点慢，还在交，请等一等。"));
    await api.post(`/api/consultations/${facts.subject}/evaluation`, body, { onSlow });
    thank();
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    if (error.code === "conflict") finish(t("这次咨询已经评价过了。"));
    else showFailure(error.offline ? t("没交上，网络断了。请再点一次「提交评价」，或叫工作人员。") : error.text);
  }
}

function thank() {
  wipe();
  setState(main, "thanks");
  byId("thanks").focus();
  setTimeout(() => finish(t("这里没有别的要填了。")), THANKS_MS);
}

/** @param {string} text */
function finish(text) {
  wipe();
  byId("finished-text").textContent = text;
  setState(main, "finished");
  byId("finished").focus();
}

/** Nobody reads the choice from the screen, nor from a restored form. */
function wipe() {
  form.reset();
  paint();
  byId("failed").hidden = true;
}

function paint() {
  for (const choice of all(".choice", form)) choice.classList.toggle("on", choice.querySelector("input")?.checked ?? false);
}

/** Reading aloud needs a voice for the language; without one the button does not appear. */
function offerVoice() {
  if (!("speechSynthesis" in window)) return;
  const voice = speechSynthesis.getVoices().find((v) => v.lang.startsWith(language.slice(0, 2)));
  byId("read").hidden = voice === undefined;
}

function readAloud() {
  const words = [document.querySelector("h1")?.textContent, byId("promise").textContent, ...all(".faces .choice").map((c) => c.textContent)];
  const speech = new SpeechSynthesisUtterance(words.map((w) => w?.trim()).join("。"));
  speech.lang = language;
  speech.rate = 0.85;
  speechSynthesis.cancel();
  speechSynthesis.speak(speech);
}

form.addEventListener("submit", (event) => { event.preventDefault(); press(byId("submit"), t("正在提交"), submit); });
form.addEventListener("change", paint);
byId("open-more").addEventListener("click", () => {
  const opening = byId("more").hidden;
  byId("more").hidden = !opening;
  byId("open-more").setAttribute("aria-expanded", String(opening));
  if (opening) byId("attitude").focus();
});
byId("read").addEventListener("click", readAloud);
byId("leave").addEventListener("click", () => location.replace("/station"));
addEventListener("pageshow", (event) => { if (event.persisted) wipe(); });
if ("speechSynthesis" in window) speechSynthesis.addEventListener("voiceschanged", offerVoice);
offerVoice();
stopNetworkProbe();
setState(main, "asking");
