// People and their accounts: find, add, disable, and hand out one-time links to set a password.
import * as api from "../lib/api.js";
import { momentOf, t, tn } from "../lib/i18n.js";
import { all, byId, facts, icon, openDialog, press, setState, toast } from "../ui/shell.js";

const TYPING_MS = 250;
/** Role words as the form has them. @type {Record<string, string>} */
const ROLES = Object.fromEntries(all('[name="roles"]').map((box) => [box.getAttribute("value"), box.parentElement?.textContent?.trim()]));
const list = byId("people");
/** @type {string | null} */
let next = null;
/** @type {any} the person whose dialog is open */
let chosen = null;
let turn = 0;
let addKey = "";
/** @type {ReturnType<typeof setTimeout> | undefined} */
let typing;

/** @param {any} person */
function row(person) {
  const line = /** @type {HTMLElement} */ (byId("row").content.firstElementChild.cloneNode(true));
  const slot = (/** @type {string} */ name) => all(`[data-f="${name}"]`, line)[0];
  slot("name").textContent = person.name;
  slot("account").textContent = person.account;
  slot("roles").textContent = person.roles.map((/** @type {string} */ r) => ROLES[r] ?? r).join(t("、"));
  slot("org").textContent = person.org.name;
  slot("last").textContent = person.last_login_at ? momentOf(person.last_login_at) : t("还没登录过");
  const chip = slot("state");
  chip.classList.add(person.disabled ? "off" : "ok");
  chip.append(icon(person.disabled ? "half" : "check"), person.disabled ? t("停用") : t("使用中"));
  const name = document.createElement("span");
  name.className = "sr";
  name.textContent = ` ${person.name}`;
  slot("edit").append(name);
  slot("edit").addEventListener("click", () => openPerson(person));
  return line;
}

/** @param {boolean} append */
async function load(append) {
  turn += 1;
  const mine = turn;
  const asked = new URLSearchParams();
  const words = byId("filter").value.trim();
  const role = all('[aria-pressed="true"]', byId("roles"))[0]?.dataset.role;
  if (words) asked.set("q", words);
  if (role) asked.set("role", role);
  if (append && next) asked.set("cursor", next);
  if (!append && byId("rows").childElementCount === 0) setState(list, "loading");
  try {
    const page = await api.get(`/api/admin/people?${asked}`);
    if (mine === turn) show(page, append);
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    if (mine === turn) fail(error);
  }
}

/** @param {any} page @param {boolean} append */
function show(page, append) {
  const rows = page.items.map(row);
  if (append) byId("rows").append(...rows);
  else byId("rows").replaceChildren(...rows);
  next = page.next;
  const shown = byId("rows").childElementCount;
  setState(list, shown === 0 ? "empty" : "ready");
  byId("more").parentElement.hidden = next === null;
  byId("count").textContent = next === null ? tn("{n} 人", "{n} 人", shown) : tn("先列出 {n} 人", "先列出 {n} 人", shown);
}

/** @param {api.ApiError} error */
function fail(error) {
  byId("rows").replaceChildren();
  byId("count").textContent = "";
  setState(list, error.offline ? "offline" : error.code === "denied" ? "denied" : "error");
}

// ── add ───────────────────────────────────────────────────────

/** @param {Record<string, string>} fields messages by field name; {} clears them */
function showFields(fields) {
  for (const field of all("[data-field]", byId("add-form"))) {
    const text = fields[field.dataset.field ?? ""];
    const line = all(".err", field)[0];
    line.hidden = text === undefined;
    line.lastElementChild?.replaceChildren(text ?? "");
    field.classList.toggle("bad", text !== undefined && field.classList.contains("field"));
    for (const input of all("input, select", field)) input.setAttribute("aria-invalid", String(text !== undefined));
  }
  /** @type {HTMLElement | undefined} */ (all('[aria-invalid="true"]', byId("add-form"))[0])?.focus();
}

/** @param {string} id @param {string} text */
function showFailed(id, text) {
  byId(`${id}-text`).textContent = text;
  byId(id).hidden = text === "";
}

/** @returns {{name: string, account: string, org_id: string, roles: string[]}} */
function newPerson() {
  const data = new FormData(byId("add-form"));
  const text = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
  return { name: text("name"), account: text("account"), org_id: text("org_id"), roles: data.getAll("roles").map(String) };
}

async function add() {
  const person = newPerson();
  /** @type {Record<string, string>} */
  const missing = {};
  if (!person.name) missing.name = t("填姓名");
  if (!person.account) missing.account = t("填账号");
  if (!person.org_id) missing.org_id = t("选一个机构");
  if (person.roles.length === 0) missing.roles = t("至少选一个角色");
  showFields(missing);
  showFailed("add-failed", "");
  if (Object.keys(missing).length > 0) return;
  try {
    const answer = await api.post("/api/admin/people", { key: addKey, ...person });
    byId("add-dialog").close();
    load(false);
    showLink(answer);
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    // What was refused is not what will be sent next.
    addKey = api.newKey();
    showFields(error.fields);
    showFailed("add-failed", error.text);
  }
}

async function openAdd() {
  byId("add-form").reset();
  addKey = api.newKey();
  showFields({});
  showFailed("add-failed", "");
  openDialog(byId("add-dialog"));
  byId("add-name").focus();
  if (byId("add-org").length > 1) return;
  try {
    const { items } = await api.get("/api/admin/organisations");
    byId("add-org").append(...items.map((/** @type {any} */ o) => new Option(o.name, o.id)));
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    showFailed("add-failed", t("机构读不出来。{text}", { text: error.text }));
  }
}

// ── one person ────────────────────────────────────────────────

/** @param {any} person */
function openPerson(person) {
  chosen = person;
  byId("person-title").textContent = person.name;
  byId("person-about").textContent = t("{account} · {org}", { account: person.account, org: person.org.name });
  byId("person-effect").textContent = person.disabled
    ? t("账号已停用，本人登录不了。记录都还在。")
    : t("停用后本人马上退出、不能再登录；做过的记录都留着。");
  const self = person.account === facts.viewer?.account;
  byId("person-link").hidden = person.disabled;
  byId("person-disable").hidden = person.disabled || self;
  byId("person-enable").hidden = !person.disabled;
  showFailed("person-failed", "");
  openDialog(byId("person-dialog"));
}

/** @param {string} action path under the person @param {(answer: any) => void} then */
async function act(action, then) {
  try {
    const answer = await api.post(`/api/admin/people/${chosen.id}/${action}`, { key: api.newKey() });
    byId("person-dialog").close();
    then(answer);
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    showFailed("person-failed", error.text);
  }
}

/** @param {{link: string, expires_at: string, person?: any}} answer */
function showLink(answer) {
  const person = answer.person ?? chosen;
  byId("link").value = new URL(answer.link, location.origin).href;
  byId("link-about").textContent = t("{name}（{account}）用它设密码，{time} 前有效。", { name: person.name, account: person.account, time: momentOf(answer.expires_at) });
  openDialog(byId("link-dialog"));
  byId("link").select();
}

async function copyLink() {
  byId("link").select();
  try {
    await navigator.clipboard.writeText(byId("link").value);
    byId("copy").replaceChildren(icon("check"), t("已复制"));
  } catch {
    // Plain http has no clipboard; the text is selected already.
    toast(t("请按 Ctrl+C 复制。"), { icon: "info" });
  }
}

byId("filter").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => load(false), TYPING_MS); });
for (const button of all("button", byId("roles"))) {
  button.addEventListener("click", () => {
    for (const other of all("button", byId("roles"))) other.setAttribute("aria-pressed", String(other === button));
    load(false);
  });
}
byId("more").addEventListener("click", () => press(byId("more"), t("正在读"), () => load(true)));
byId("add").addEventListener("click", openAdd);
byId("add-form").addEventListener("submit", (/** @type {SubmitEvent} */ event) => { event.preventDefault(); press(byId("add-go"), t("正在加"), add); });
byId("person-link").addEventListener("click", () => press(byId("person-link"), t("正在生成"), () => act("password-link", showLink)));
byId("person-disable").addEventListener("click", () => press(byId("person-disable"), t("正在停用"), () => act("disable", () => { toast(t("已停用。")); load(false); })));
byId("person-enable").addEventListener("click", () => press(byId("person-enable"), t("正在恢复"), () => act("enable", () => { toast(t("已恢复。")); load(false); })));
byId("copy").addEventListener("click", copyLink);
byId("link-dialog").addEventListener("close", () => { byId("link").value = ""; byId("copy").replaceChildren(icon("copy"), t("复制")); });
for (const button of all('[data-action="again"]')) button.addEventListener("click", () => load(false));
load(false);
