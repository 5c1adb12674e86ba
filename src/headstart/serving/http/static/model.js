// Which model answers, and how good it is.

import { count, day, el, find, gauge, interval, percent } from "./elements.js";

const MOST_CLASSES = 12;

export function showModel(model) {
  find("title").textContent = title(model.classes);
  find("classes").textContent = sentence(model.classes);
  find("model").replaceChildren(
    el("h2", { id: "model-heading" }, "The model"),
    el("p", { class: "name" }, model.name),
    accuracy(model.test),
    decision(model),
    facts(model),
  );
}

const title = (classes) => (classes.length <= 4 ? `Which is it: ${either(classes)}?` : "What is in the image?");

const either = (names) => `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;

function sentence(classes) {
  const shown = classes.slice(0, MOST_CLASSES).join(", ");
  const more = classes.length - MOST_CLASSES;
  return `${count(classes.length, "class", "classes")}: ${shown}${more > 0 ? ` and ${more} more` : ""}`;
}

// A choice where several are served.
export function offerModels(models, choose) {
  const list = find("model-choice");
  list.replaceChildren(...models.map(({ name }) => el("option", { value: name }, name)));
  list.addEventListener("change", () => choose(list.value));
  find("choice").hidden = models.length < 2;
}

function accuracy(test) {
  if (!test.accuracy) return el("p", { class: "muted" }, "Nothing is known of how good it is.");
  const words = `right on ${count(test.n, "test image")} it had never seen; 95 % interval ${interval(test.accuracy)}`;
  return el(
    "div",
    { class: "accuracy" },
    el("p", { class: "figure" }, percent(test.accuracy.value)),
    gauge(test.accuracy),
    el("p", { class: "muted small" }, words),
  );
}

// When it says "unknown", and what that came to.
function decision({ threshold, decision: made }) {
  if (!(threshold > 0)) return el("p", { class: "small" }, "It names a class for every image, sure or not.");
  const parts = [`It says “unknown” when it is less than ${percent(threshold)} confident.`];
  const test = made?.test;
  if (test?.coverage && test.precision) {
    parts.push(
      ` Of the test images it answered ${percent(test.coverage.value, 0)}, and of those ` +
        `${percent(test.precision.value)} were right (${interval(test.precision)}).`,
    );
  }
  return el("p", { class: "small" }, ...parts);
}

function facts(model) {
  const rows = [
    ["Macro F1", model.test.f1_macro && `${percent(model.test.f1_macro.value)} (${interval(model.test.f1_macro)})`],
    ["Network", `${model.backbone}, ${model.image_size_px} px`],
    ["Made", day(model.created)],
    ["Version", el("code", {}, model.version)],
  ];
  const known = rows.filter(([, value]) => value);
  return el("dl", { class: "facts" }, known.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}
