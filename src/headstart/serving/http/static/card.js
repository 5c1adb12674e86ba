// One image and what becomes of it.

import { el, percent } from "./elements.js";
import { heatSwitch } from "./heat.js";

const MOST_BARS = 3;
const MOST_CLASSES = 50; // the table has all of them
const PATIENCE_MS = 5000;

let number = 0; // of cards so far, for ids

export class Card {
  constructor(file, { remove, again }) {
    this.file = file;
    this.name = file.name || "image";
    this.address = URL.createObjectURL(file);
    this.again = again;
    this.ending = new AbortController();
    this.outcome = null;
    this.picture = el("img", { alt: this.name, decoding: "async", loading: "lazy", src: this.address });
    this.picture.addEventListener("error", () => this.frame.classList.add("unseeable"));
    this.frame = el("div", { class: "frame" }, this.picture);
    this.body = el("div", { class: "answer" });
    const click = () => remove(this);
    this.remover = el("button", { type: "button", class: "quiet remove", "aria-label": `Remove ${this.name}`, title: "Remove", on: { click } }, "✕");
    this.id = `image-${(number += 1)}`;
    const title = el("h3", { id: this.id, class: "file", title: this.name }, this.name);
    this.element = el("li", { class: "card" }, this.frame, this.remover, title, this.body);
    this.wait();
  }

  wait() {
    this.outcome = null;
    this.forgetHeat();
    this.say("waiting", el("p", { class: "muted working" }, "Waiting"));
  }

  work() {
    const words = el("p", { class: "muted working" }, "Working…");
    this.say("working", words);
    this.timer = setTimeout(() => {
      words.textContent = "Still working: the service has much to do…";
    }, PATIENCE_MS);
  }

  done(prediction, model, served) {
    this.outcome = { prediction, model };
    const unknown = prediction.status === "unknown";
    this.heat = heatSwitch({
      file: this.file,
      name: this.name,
      titled: this.id,
      model,
      prediction,
      show: (address, alt) => this.look(address, alt),
    });
    this.say(
      unknown ? "unknown" : "ok",
      headline(prediction, unknown),
      unknown ? doubt(prediction, served) : null,
      shares(prediction, served?.threshold ?? 0, unknown),
      this.heat.element,
    );
  }

  fail(error) {
    this.outcome = { error: error.message };
    const click = () => this.again(this);
    const hopeless = error.isOfTheImage;
    this.say(
      "error",
      el("p", { class: "headline" }, hopeless ? "Cannot be read" : "No answer"),
      el("p", { class: "wrong small" }, error.message),
      hopeless ? null : el("button", { type: "button", on: { click } }, "Try again"),
    );
  }

  say(state, ...parts) {
    clearTimeout(this.timer);
    this.element.dataset.state = state;
    this.element.toggleAttribute("aria-busy", state === "working");
    this.body.replaceChildren(...parts.filter(Boolean));
  }

  look(address, alt) {
    this.frame.classList.toggle("heat", address !== null);
    if (address) this.frame.classList.remove("unseeable");
    this.picture.src = address ?? this.address;
    this.picture.alt = alt ?? this.name;
  }

  forgetHeat() {
    this.heat?.forget();
    if (this.heat) this.look(null);
    this.heat = null;
  }

  end() {
    clearTimeout(this.timer);
    this.ending.abort();
    this.forgetHeat();
    URL.revokeObjectURL(this.address);
    this.element.remove();
  }
}

const headline = ({ decision, confidence }, unknown) =>
  el(
    "p",
    { class: "headline" },
    el("span", { class: "said" }, unknown ? "Unknown" : decision),
    unknown ? null : el("span", { class: "sure" }, percent(confidence)),
  );

function doubt({ label, confidence }, served) {
  const from = served ? `, and it answers from ${percent(served.threshold)} on` : "";
  return el("p", { class: "small muted" }, "Most likely ", el("b", {}, label), `, but only ${percent(confidence)} sure${from}.`);
}

// The first bar belongs to the headline, unless that says "unknown"; then the next classes.
function shares({ probabilities, label }, threshold, unknown) {
  const ordered = Object.entries(probabilities).sort((one, other) => other[1] - one[1]);
  const top = unknown ? null : track(probabilities[label], threshold, "best");
  const listed = ordered.filter(([name]) => unknown || name !== label).slice(0, MOST_CLASSES);
  const rows = listed.map(([name, share]) => bar(name, share, unknown && name === label ? threshold : 0));
  const rest = rows.slice(MOST_BARS);
  return el(
    "div",
    { class: "shares" },
    top,
    el("ul", { class: "bars", "aria-label": unknown ? "Classes" : "Other classes" }, rows.slice(0, MOST_BARS)),
    rest.length ? el("details", {}, el("summary", {}, `${rest.length} more`), el("ul", { class: "bars" }, rest)) : null,
  );
}

const bar = (name, share, threshold) =>
  el("li", {}, el("span", { class: "of" }, name), track(share, threshold), el("span", { class: "share" }, percent(share)));

function track(share, threshold, kind = "") {
  const style = { "--value": share, "--threshold": threshold };
  return el("span", { class: `track ${kind}`, "aria-hidden": "true", style }, el("i"), threshold > 0 ? el("b") : null);
}
