ort.env.wasm.numThreads = 1; // more need the headers of a cross-origin isolated page
const ready = Promise.all([ort.InferenceSession.create("model.onnx"), fetch("model.json").then((it) => it.json())]);

async function classify(image) {
  const [session, about] = await ready;
  const { mode, size_px: side, crop_fraction: share } = about.geometry;
  if (mode === "pad") throw new Error("pad: put the photo on a square first");
  const edge = Math.min(image.width, image.height) * share;
  const [width, height] = mode === "crop" ? [edge, edge] : [image.width, image.height];
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff"; // transparent parts are white, as for the bundle
  pen.fillRect(0, 0, side, side);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(image, (image.width - width) / 2, (image.height - height) / 2, width, height, 0, 0, side, side);
  const rgb = pen.getImageData(0, 0, side, side).data.filter((_, place) => place % 4 !== 3);
  const pixels = new ort.Tensor("uint8", new Uint8Array(rgb), [1, side, side, 3]);
  const { probabilities } = await session.run({ [about.input.name]: pixels });
  return about.classes.map((name, place) => [name, probabilities.data[place]]).sort((a, b) => b[1] - a[1]);
}

document.getElementById("photo").addEventListener("change", async (event) => {
  const answers = await classify(await createImageBitmap(event.target.files[0]));
  document.getElementById("answer").textContent = answers.map(([name, share]) => `${share.toFixed(4)} ${name}`).join("\n");
});
