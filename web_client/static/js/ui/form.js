import { t } from "../lib/i18n.js";
import { icon } from "./shell.js";
import { h } from "./dom.js";

/** What heads each summary, by the number of faults left. @type {WeakMap<HTMLElement, (n: number) => string>} */
const titles = new WeakMap();

/**
 * The error summary on top of a form and a sentence at each field; focus goes to the summary, its links to the fields.
 * @param {HTMLElement} summary a `.banner.bad` with `tabindex="-1"`
 * @param {{id: string, text: string}[]} faults `id` of the control (or of the group) that needs mending
 * @param {(n: number) => string} title for the number of faults left
 */
export function showFaults(summary, faults, title) {
  const form = /** @type {HTMLElement} */ (summary.closest("form") ?? document.body);
  clearFaults(summary);
  if (!faults.length) return;
  const links = faults.map(({ id, text }) => h("li", {}, h("a", { href: `#${id}` }, text)));
  summary.replaceChildren(icon("warn"), h("div", {}, h("h2", {}, title(faults.length)), h("ul", {}, ...links)));
  for (const { id, text } of faults) mark(form, id, text);
  titles.set(summary, title);
  summary.hidden = false;
  summary.focus();
}

/** @param {HTMLElement} summary */
export function clearFaults(summary) {
  const form = summary.closest("form") ?? document.body;
  summary.hidden = true;
  for (const sentence of form.querySelectorAll("[data-fault]")) sentence.remove();
  for (const field of form.querySelectorAll(".field.bad")) field.classList.remove("bad");
  for (const control of form.querySelectorAll("[aria-invalid]")) {
    control.removeAttribute("aria-invalid");
    control.removeAttribute("aria-describedby");
  }
}

/** @param {HTMLElement} form @param {string} id @param {string} text */
function mark(form, id, text) {
  const control = form.querySelector(`#${CSS.escape(id)}`);
  if (!control) return;
  const sentence = h("p", { class: "err", id: `${id}-fault`, "data-fault": true }, icon("warn"), text);
  control.setAttribute("aria-describedby", sentence.id);
  const field = control.closest(".field");
  if (control.matches("input, select, textarea")) control.setAttribute("aria-invalid", "true");
  field?.classList.add("bad");
  if (control.matches("fieldset")) control.querySelector("legend")?.after(sentence);
  else (control.closest(".check") ?? control).before(sentence);
}

/** What was mended is no longer pointed at. @param {HTMLElement} summary @param {string} id */
function mended(summary, id) {
  const form = summary.closest("form") ?? document.body;
  form.querySelector(`#${CSS.escape(id)}-fault`)?.remove();
  const control = form.querySelector(`#${CSS.escape(id)}`);
  control?.removeAttribute("aria-invalid");
  control?.removeAttribute("aria-describedby");
  control?.closest(".field")?.classList.remove("bad");
  summary.querySelector(`a[href="#${CSS.escape(id)}"]`)?.closest("li")?.remove();
  const left = summary.querySelectorAll("li").length;
  summary.querySelector("h2")?.replaceChildren(titles.get(summary)?.(left) ?? "");
  if (!left) summary.hidden = true;
}

/**
 * Runs `act` once no press is under way: a field left by pressing elsewhere says so before the press has ended, and
 * what moves under the finger then is not pressed.
 * @param {{down: boolean}} press @param {() => void} act
 */
function afterPress(press, act) {
  if (!press.down) return act();
  const once = new AbortController();
  for (const name of ["pointerup", "pointercancel"])
    window.addEventListener(name, () => (once.abort(), setTimeout(act)), { capture: true, signal: once.signal });
}

/** A link in the summary puts the focus into its field, not only the page beside it. @param {HTMLElement} summary */
export function followFaults(summary) {
  const press = { down: false };
  window.addEventListener("pointerdown", () => (press.down = true), true);
  for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, () => (press.down = false), true);
  summary.closest("form")?.addEventListener("change", event => {
    const control = /** @type {HTMLElement} */ (event.target);
    const group = control.closest("fieldset");
    afterPress(press, () => {
      if (control.id) mended(summary, control.id);
      if (group?.id) mended(summary, group.id);
    });
  });
  summary.addEventListener("click", event => {
    const link = event.target instanceof Element ? event.target.closest("a[href^='#']") : null;
    if (!(link instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    const target = document.getElementById(link.hash.slice(1));
    const control = target?.matches("input, select, textarea") ? target : target?.querySelector("input");
    if (control instanceof HTMLElement) control.focus();
    target?.scrollIntoView({ block: "center" });
  });
}

/** @param {number} n */
export function gapsTitle(n) {
  return t("还差 {n} 处，补上就好", { n });
}

/** Marks the chosen one of `.choice` radios, for browsers without :has(). @param {HTMLElement} group */
export function paintChoices(group) {
  for (const input of group.querySelectorAll("input")) input.closest(".choice")?.classList.toggle("on", input.checked);
}

/** A list for a `<select>`. @param {HTMLSelectElement} select @param {[string, string][]} options @param {string} [empty] */
export function fillSelect(select, options, empty) {
  const rows = empty === undefined ? options : [/** @type {[string, string]} */ (["", empty]), ...options];
  select.replaceChildren(...rows.map(([value, text]) => h("option", { value }, text)));
}
