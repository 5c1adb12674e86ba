// The page at the root: images to answers, a few at a time.

import { takePictures } from "./camera.js";
import { Card } from "./card.js";
import { csv, save, table } from "./csv.js";
import { bytes, count, find, percent } from "./elements.js";
import { takeImages } from "./intake.js";
import { offerModels, showModel } from "./model.js";
import { ServiceError, ask, form } from "./service.js";
import { withToken } from "./token.js";

const AT_ONCE = 4;
const MOST_TRIES = 8;
const ENVELOPE_BYTES = 2000; // of the form around an image

const GONE = new ServiceError("the browser cannot read the file: was it moved, or is it a folder?", { status: 422 });

const state = { models: [], model: null, limits: null, cards: [], waiting: [], working: 0 };

async function start() {
  try {
    const { content } = await withToken(() => ask("/v1/models"));
    Object.assign(state, { models: content.models, limits: content.limits });
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    find("trouble").textContent = `${error.message}.`;
    return;
  }
  useModel(state.models[0].name);
  offerModels(state.models, changeModel);
  find("intake-help").textContent = `JPEG, PNG, WebP, GIF, BMP or TIFF, up to ${bytes(state.limits.body_bytes)} each. They are sent to this service and kept nowhere.`;
  find("app").hidden = false;
  takeImages(add);
  takePictures(add);
  find("save").addEventListener("click", download);
  find("clear").addEventListener("click", clear);
}

function useModel(name) {
  state.model = state.models.find((model) => model.name === name);
  showModel(state.model);
}

// Another model: all images are asked about again.
function changeModel(name) {
  useModel(name);
  for (const card of state.cards) again(card);
}

function add(files) {
  if (!files.length) return;
  find("results").hidden = false;
  const cards = files.map((file) => new Card(file, { remove, again }));
  find("cards").append(...cards.map((card) => card.element));
  state.cards.push(...cards);
  state.waiting.push(...cards);
  advance();
}

function again(card) {
  card.ending.abort();
  card.ending = new AbortController();
  card.wait();
  if (!state.waiting.includes(card)) state.waiting.push(card);
  advance();
}

function advance() {
  while (state.working < AT_ONCE && state.waiting.length) {
    state.working += 1;
    answer(state.waiting.shift()).finally(() => {
      state.working -= 1;
      advance();
    });
  }
  tell();
}

async function answer(card) {
  const { signal } = card.ending;
  const model = state.model;
  card.work();
  try {
    const { content } = await asked(card.file, model, signal);
    if (!signal.aborted) card.done(content.predictions[0], content.model, current(content.model));
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof ServiceError)) throw error;
    card.fail(error.status || (await readable(card.file)) ? error : GONE);
  }
}

// What is known of the model that answered, which may be newer than the page.
function current(answered) {
  const known = state.models.find(({ name }) => name === answered.name);
  if (known && known.version !== answered.version) refresh();
  return known?.version === answered.version ? known : null;
}

async function refresh() {
  try {
    const { content } = await ask("/v1/models");
    state.models = content.models;
    useModel(state.model.name);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error; // the next answer asks again
  }
}

async function asked(file, model, signal) {
  if (file.size + ENVELOPE_BYTES > state.limits.body_bytes) {
    throw new ServiceError(`the file is larger than the ${bytes(state.limits.body_bytes)} that this service takes`, { status: 413 });
  }
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask("/v1/predict", { body: form(file, { model: model.name }), signal });
    } catch (error) {
      if (!(error instanceof ServiceError && error.code === "busy") || tries === MOST_TRIES) throw error;
      await pause(1000 * (error.retryAfterS ?? 1) * tries);
      if (signal.aborted) throw error;
    }
  }
}

// A file that was moved since it was chosen fails as a connection does.
async function readable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function tell() {
  const { cards } = state;
  const states = cards.map((card) => card.element.dataset.state);
  const number = (...names) => states.filter((one) => names.includes(one)).length;
  const open = number("waiting", "working");
  find("save").disabled = cards.length === open;
  const words = open ? `${cards.length - open} of ${count(cards.length, "image")} answered…` : summary(cards, number);
  find("summary").textContent = cards.length === 1 ? "" : words;
  find("status").textContent = cards.length ? words : "";
}

function summary(cards, number) {
  if (cards.length === 1) return said(cards[0]);
  const kinds = [["ok", "answered"], ["unknown", "unknown"], ["error", "failed"]];
  const parts = kinds.map(([state, words]) => number(state) && `${number(state)} ${words}`).filter(Boolean);
  return `${count(cards.length, "image")}: ${parts.join(", ")}`;
}

function said({ name, outcome }) {
  if (outcome.error) return `${name}: ${outcome.error}`;
  const { decision, confidence, label, status } = outcome.prediction;
  if (status === "unknown") return `${name}: unknown, most likely ${label}, ${percent(confidence)}`;
  return `${name}: ${decision}, ${percent(confidence)}`;
}

function remove(card) {
  const place = state.cards.indexOf(card);
  drop([card]);
  (state.cards[place] ?? state.cards[place - 1])?.remover.focus();
  if (!state.cards.length) clear();
}

function clear() {
  drop([...state.cards]);
  find("results").hidden = true;
  find("choose").focus();
}

function drop(cards) {
  state.cards = state.cards.filter((card) => !cards.includes(card));
  state.waiting = state.waiting.filter((card) => !cards.includes(card));
  for (const card of cards) card.end();
  tell();
}

function download() {
  const answered = state.cards.filter((card) => card.outcome);
  save(csv(table(answered.map(({ name, outcome }) => ({ name, ...outcome })))), "answers.csv");
}

start();
