// Images in: dropped, pasted, chosen. Folders that are dropped are gone through.

import { find } from "./elements.js";

export function takeImages(take) {
  const field = find("files");
  find("choose").addEventListener("click", () => field.click());
  for (const one of [field, find("shot")]) {
    one.addEventListener("change", () => {
      take([...one.files]);
      one.value = ""; // so that the same file can be chosen again
    });
  }
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) {
      event.preventDefault();
      take(files);
    }
  });
  takeDrops(take);
}

function takeDrops(take) {
  let inside = 0; // elements that the pointer has entered and not left
  const mark = (by) => {
    inside = Math.max(0, inside + by);
    document.body.classList.toggle("dragging", inside > 0);
  };
  const brings = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragenter", (event) => brings(event) && mark(1));
  document.addEventListener("dragleave", (event) => brings(event) && mark(-1));
  document.addEventListener("dragover", (event) => brings(event) && event.preventDefault());
  document.addEventListener("drop", async (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    mark(-Infinity);
    take(await dropped(event.dataTransfer));
  });
}

async function dropped(transfer) {
  const plain = [...transfer.files];
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  if (!entries.some((entry) => entry?.isDirectory)) return plain;
  const found = await Promise.all(entries.filter(Boolean).map(inside));
  return found.flat();
}

async function inside(entry) {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) return new Promise((resolve) => entry.file((file) => resolve([file]), () => resolve([])));
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return found;
    found.push(...(await Promise.all(some.map(inside))).flat());
  }
}
