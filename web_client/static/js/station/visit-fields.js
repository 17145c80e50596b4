/** Between the form's controls and VisitFields of PROTOCOL.md. */

/**
 * @typedef {{name: string, id_refused: boolean, id_number?: string, id_type?: string, phone: string, sex?: string,
 *   birth_date: string | null, groups: string[], companion: string, guardian_name: string, dialect: string, access_needs: string,
 *   category: string | null, opposing_party: string, facts: string}} VisitFields
 */

const TEXTS = /** @type {const} */ ([
  "name", "phone", "companion", "guardian_name", "dialect", "access_needs", "opposing_party", "facts",
]);

/** @param {HTMLFormElement} form @returns {VisitFields} */
export function readVisit(form) {
  const data = new FormData(form);
  const text = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
  const texts = /** @type {Record<(typeof TEXTS)[number], string>} */ (Object.fromEntries(TEXTS.map(name => [name, text(name)])));
  const number = text("id_number");
  return {
    ...texts,
    id_refused: data.has("id_refused"),
    birth_date: text("birth_date") || null,
    groups: data.getAll("groups").map(String),
    category: text("category") || null,
    // The number comes back masked, so an empty field means "unchanged".
    ...(number && { id_number: number, id_type: "resident_id" }),
    ...(form.dataset.sex && { sex: form.dataset.sex }),
  };
}

/** @param {HTMLFormElement} form @param {Partial<VisitFields>} visit */
export function fillVisit(form, visit) {
  for (const name of [...TEXTS, "birth_date", "category"]) {
    const control = form.elements.namedItem(name);
    const value = /** @type {Record<string, any>} */ (visit)[name] ?? "";
    if (control instanceof HTMLSelectElement) choose(control, value);
    else if (control instanceof HTMLInputElement || control instanceof HTMLTextAreaElement) control.value = value;
  }
  /** @type {HTMLInputElement} */ (form.elements.namedItem("id_refused")).checked = Boolean(visit.id_refused);
  for (const box of form.querySelectorAll("input[name=groups]")) {
    /** @type {HTMLInputElement} */ (box).checked = (visit.groups ?? []).includes(/** @type {HTMLInputElement} */ (box).value);
  }
  if (visit.sex) form.dataset.sex = visit.sex;
}

/** The list may still be on its way. @param {HTMLSelectElement} select @param {string} value */
function choose(select, value) {
  select.dataset.wanted = value;
  select.value = value;
}
