// Log-in: one form; every refusal says what happened and what to do next.
import * as api from "../lib/api.js";
import { askAgain } from "../lib/asked.js";
import { t, tn } from "../lib/i18n.js";
import { byId, facts, press } from "../ui/shell.js";

/** @type {HTMLInputElement} */
const account = byId("account");
/** @type {HTMLInputElement} */
const password = byId("password");
/** @type {HTMLButtonElement} */
const submit = byId("submit");
/** @type {ReturnType<typeof setTimeout> | undefined} */
let waiting;

/** @param {string} title @param {string} text */
function showFailure(title, text) {
  byId("expired").hidden = true;
  byId("failed-title").textContent = title;
  byId("failed-text").textContent = text;
  byId("failed").hidden = false;
}

/** @param {number} left seconds until the next try is allowed */
function countDown(left) {
  clearTimeout(waiting);
  submit.disabled = left > 0;
  if (left <= 0) {
    byId("failed").hidden = true;
    password.focus();
    return;
  }
  byId("failed-text").textContent = t("为保护账号，请等 {left} 秒再试。", { left });
  waiting = setTimeout(() => countDown(left - 1), 1000);
}

/** @param {api.ApiError} error */
function explain(error) {
  password.value = "";
  if (error.code === "throttled") {
    showFailure(t("试得太多了"), error.text);
    countDown(Math.ceil(error.retry_after_s ?? 30));
    return;
  }
  if (error.code === "bad_credentials") {
    const left = error.tries_left;
    const rest = left === null ? "" : left > 0 ? tn("还可以试 {n} 次。", "还可以试 {n} 次。", left) : t("请找系统管理员重设密码。");
    showFailure(t("账号或密码不对"), t("请检查后再试。") + rest);
  } else if (error.offline) {
    showFailure(t("连不上服务器"), t("请看网线插好没有，稍后再试。来访人着急，先打 12348。"));
  } else if (error.code === "denied") {
    showFailure(t("这个账号停用了"), error.text);
  } else {
    showFailure(t("没登录成"), error.incident ? t("{text}事件编号 {incident}。", { text: error.text, incident: error.incident }) : error.text);
  }
  password.focus();
}

/** Where to go after log-in: the page that was asked for, never another site. @param {string} home */
function destination(home) {
  const next = new URLSearchParams(location.search).get("next");
  if (!next) return home;
  const target = new URL(next, location.origin);
  return target.origin === location.origin && target.pathname !== "/login" ? target.pathname + target.search : home;
}

async function logIn() {
  const empty = !account.value.trim() ? account : !password.value ? password : null;
  if (empty) {
    showFailure(t("还没填完"), empty === account ? t("请填账号。") : t("请填密码。"));
    empty.focus();
    return;
  }
  try {
    const onSlow = () => showFailure(t("服务器有点慢"), t("还在等，请不要关掉这一页。"));
    const answer = await api.post("/api/login", { account: account.value.trim(), password: password.value }, { stay: true, onSlow });
    if (document.cookie.includes("lawlink_language=")) await api.put("/api/me/preferences", { language: facts.language }, { stay: true }).catch(() => {});
    askAgain(sessionStorage);
    location.assign(destination(answer.home));
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    explain(error);
  }
}

byId("login").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  press(submit, t("正在登录"), logIn);
});
byId("reveal").addEventListener("click", () => {
  const shown = password.type === "password";
  password.type = shown ? "text" : "password";
  byId("reveal").setAttribute("aria-pressed", String(shown));
  password.focus();
});
if (new URLSearchParams(location.search).has("expired")) byId("expired").hidden = false;
(account.value ? password : account).focus();
