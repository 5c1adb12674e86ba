// Elements made of plain values. Text is only ever set as text, so names cannot be HTML.

export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") Object.entries(value).forEach(([kind, act]) => made.addEventListener(kind, act));
    else if (name === "style") Object.entries(value).forEach(([key, to]) => made.style.setProperty(key, to));
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

export const find = (id) => document.getElementById(id);

export function percent(share, digits = 1) {
  const text = (100 * share).toFixed(digits);
  if (share < 1 && Number(text) >= 100) return `>${(100 - 10 ** -digits).toFixed(digits)} %`;
  if (share > 0 && Number(text) === 0) return `<${(10 ** -digits).toFixed(digits)} %`;
  return `${text} %`;
}

export const interval = ({ low, high }) => `${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)} %`;

export const count = (number, one, several = `${one}s`) =>
  `${number.toLocaleString("en")} ${number === 1 ? one : several}`;

export function day(written) {
  const date = new Date(written);
  if (!written || Number.isNaN(date.valueOf())) return "";
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

// A share with its interval, drawn on the way from 0 to 1, or on a part of it.
export function gauge({ value, low, high }, [from, to] = [0, 1]) {
  const [at, left, right] = [value, low, high].map((share) => (share - from) / (to - from));
  const style = { "--value": at, "--low": left, "--high": right };
  const kind = from === 0 && to === 1 ? "gauge" : "gauge part"; // a part of the way is not filled
  return el("div", { class: kind, "aria-hidden": "true", style }, el("i"), el("b"));
}

export function bytes(number) {
  return number >= 1e6 ? `${Math.round(number / 1e6)} MB` : `${Math.max(1, Math.round(number / 1e3))} kB`;
}
