// What an answer rests on: the activation map, fetched when it is asked for.

import { el, percent } from "./elements.js";
import { ServiceError, ask, form } from "./service.js";

const MOST_CLASSES = 40;

// The switch under an answer; `show` is given the picture's address, or null for the image itself.
export function heatSwitch({ file, name, titled, model, prediction, show }) {
  const state = { on: false, label: prediction.label, drawn: new Map(), isGone: false };
  const said = el("p", { class: "small muted", role: "status" });
  const press = el("button", { type: "button", "aria-describedby": titled, on: { click: () => turn(!state.on) } }, "Show why");
  const choice = el("select", { hidden: true, "aria-label": `Class to explain in ${name}`, on: { change: () => pick() } }, options(prediction));
  const holder = el("div", { class: "why" }, el("div", { class: "row" }, press, choice), said);

  function turn(on) {
    state.on = on;
    press.textContent = on ? "Show the image" : "Show why";
    choice.hidden = !on;
    said.textContent = "";
    if (on) draw();
    else show(null);
  }

  function pick() {
    state.label = choice.value;
    draw();
  }

  async function draw() {
    const label = state.label;
    said.textContent = "Drawing…";
    holder.setAttribute("aria-busy", "true");
    try {
      const made = state.drawn.get(label) ?? kept(label, await fetched(label));
      if (state.isGone || !state.on || state.label !== label) return;
      show(made.address, `What speaks for ${label} in ${name}`);
      said.textContent = `Bright: what speaks for ${label} more than for the others${made.method === "occlusion" ? ", found by covering parts" : ""}.`;
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (!state.on || state.label !== label) return;
      show(null);
      said.textContent = `No map: ${error.message}.`;
    } finally {
      holder.removeAttribute("aria-busy");
    }
  }

  async function fetched(label) {
    const { headers, content } = await ask("/v1/explain", { body: form(file, { model: model.name, label }) });
    return { content, method: headers.get("x-headstart-method") };
  }

  // An address holds its picture in memory until it is given back: one a class, none once the card is gone.
  function kept(label, { content, method }) {
    if (!state.isGone && !state.drawn.has(label)) {
      state.drawn.set(label, { address: URL.createObjectURL(content), method });
    }
    return state.drawn.get(label);
  }

  function forget() {
    state.isGone = true;
    for (const { address } of state.drawn.values()) URL.revokeObjectURL(address);
    state.drawn.clear();
  }

  return { element: holder, forget };
}

function options({ probabilities, label }) {
  const ordered = Object.entries(probabilities).sort((one, other) => other[1] - one[1]).slice(0, MOST_CLASSES);
  return ordered.map(([name, share]) => el("option", { value: name, selected: name === label }, `${name} (${percent(share, 0)})`));
}
