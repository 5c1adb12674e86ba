// What an answer rests on: the activation map, fetched when it is asked for.

import { el, percent } from "./elements.js";
import { ServiceError, ask, form } from "./service.js";

const MOST_CLASSES = 40;

// The switch under an answer; `show` is given the picture's address, or null for the image itself.
export function heatSwitch({ file, name, titled, model, prediction, show }) {
  const state = { on: false, label: prediction.label, drawn: new Map() };
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
      const made = state.drawn.get(label) ?? (await fetched(label));
      state.drawn.set(label, made);
      if (!state.on || state.label !== label) return;
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
    return { address: URL.createObjectURL(content), method: headers.get("x-headstart-method") };
  }

  return { element: holder, forget: () => state.drawn.forEach(({ address }) => URL.revokeObjectURL(address)) };
}

function options({ probabilities, label }) {
  const ordered = Object.entries(probabilities).sort((one, other) => other[1] - one[1]).slice(0, MOST_CLASSES);
  return ordered.map(([name, share]) => el("option", { value: name, selected: name === label }, `${name} (${percent(share, 0)})`));
}
