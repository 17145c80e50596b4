/** Small steps in the document: find, stamp out templates, fill. */

import { icon } from "./shell.js";

/**
 * @template {Element} T
 * @param {ParentNode} root @param {string} selector @param {{new (): T, prototype: T}} type
 * @returns {T} @throws {Error} when the template lacks it: a mistake in the page, not of the person
 */
export function need(root, selector, type) {
  const found = root.querySelector(selector);
  if (found instanceof type) return found;
  throw new Error(`the page has no ${type.name} for ${selector}`);
}

/** Takes an element out of the page for a while. @param {string} selector @returns {() => void} puts it back */
export function detach(selector) {
  const element = document.querySelector(selector);
  if (!element) return () => {};
  const mark = document.createComment("");
  element.replaceWith(mark);
  return () => mark.replaceWith(element);
}

/** Everything marked `data-ref` under `root`, by that name. @param {ParentNode} root @returns {Record<string, any>} */
export function refs(root) {
  /** @type {Record<string, HTMLElement>} */
  const found = {};
  for (const element of root.querySelectorAll("[data-ref]")) {
    found[/** @type {HTMLElement} */ (element).dataset.ref ?? ""] = /** @type {HTMLElement} */ (element);
  }
  return found;
}

/** A fresh copy of a `<template>`'s only element. @param {string} id @returns {HTMLElement} */
export function stamp(id) {
  const copy = need(document, `template#${id}`, HTMLTemplateElement).content.firstElementChild?.cloneNode(true);
  return /** @type {HTMLElement} */ (copy);
}

/**
 * @param {string} tag @param {Record<string, string | boolean | undefined>} [attributes] true = present, false = absent
 * @param {...(Node | string)} children
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Icon + word + colour, never colour alone. @param {string} look @param {string} iconName @param {string} text */
export function chip(look, iconName, text) {
  return h("span", { class: `chip ${look}`.trim() }, icon(iconName), text);
}

/** Leaves the node alone when nothing changed, so that a live region does not speak again. @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {HTMLElement} element @param {boolean} on */
export function show(element, on) {
  if (element.hidden === on) element.hidden = !on;
}

/** The word with its three bars. @param {HTMLElement} slot @param {"good" | "fair" | "poor"} word @param {string} reason @param {Record<string, string>} words */
export function showQuality(slot, word, reason, words) {
  const text = reason ? `${words[word]}：${reason}` : words[word];
  if (slot.className === `q ${word}` && slot.textContent === text) return;
  slot.className = `q ${word}`;
  slot.replaceChildren(h("i", {}, h("b")), text);
}
