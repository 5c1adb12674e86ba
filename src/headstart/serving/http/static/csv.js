// Answers as a table for spreadsheets, in which no cell can become a formula.

const FORMULA = /^[\s\0]*[=+\-@|%]|^[\t\r\n]/;

export function cell(value) {
  if (typeof value === "number") return String(value);
  const text = value ?? "";
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export const csv = (rows) => rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");

// One row an image; the classes of every model that has answered.
export function table(answers) {
  const classes = [...new Set(answers.flatMap(({ prediction }) => Object.keys(prediction?.probabilities ?? {})))];
  const header = ["file", "decision", "label", "confidence", "status", "error", "model", "version"];
  const rows = answers.map(({ name, prediction, model, error }) => [
    name,
    prediction?.decision ?? "",
    prediction?.label ?? "",
    prediction?.confidence ?? "",
    prediction?.status ?? "error",
    error ?? "",
    model?.name ?? "",
    model?.version ?? "",
    ...classes.map((one) => prediction?.probabilities[one] ?? ""),
  ]);
  return [[...header, ...classes.map((one) => `prob_${one}`)], ...rows];
}

export function save(text, name) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
