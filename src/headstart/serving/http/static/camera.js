// Pictures from a camera: a phone's own program, or the stream of a desktop's.

import { find } from "./elements.js";

export function takePictures(take) {
  const button = find("use-camera");
  const isPhone = matchMedia("(pointer: coarse)").matches;
  if (isPhone) {
    button.addEventListener("click", () => find("shot").click());
  } else if (navigator.mediaDevices?.getUserMedia) {
    const close = stream(take);
    button.addEventListener("click", close.open);
  } else {
    button.hidden = true; // browsers give the camera to https and to this machine only
  }
}

function stream(take) {
  const dialog = find("camera");
  const view = find("camera-view");
  const trouble = find("camera-trouble");
  const shutter = find("camera-take");
  let running = null;

  async function open() {
    trouble.textContent = "";
    shutter.disabled = true;
    dialog.showModal();
    try {
      const begun = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
      if (!dialog.open) return end(begun);
      if (running) end(running); // opened twice while the browser asked
      running = begun;
      view.srcObject = begun;
      await view.play();
      shutter.disabled = false;
      shutter.focus();
    } catch (error) {
      trouble.textContent = error.name === "NotAllowedError" ? "The browser was not allowed to use the camera." : "There is no camera that can be used.";
    }
  }

  function picture() {
    const canvas = document.createElement("canvas");
    canvas.width = view.videoWidth;
    canvas.height = view.videoHeight;
    canvas.getContext("2d").drawImage(view, 0, 0);
    const name = `camera-${new Date().toISOString().slice(11, 19).replaceAll(":", "-")}.jpg`;
    canvas.toBlob((blob) => {
      dialog.close();
      if (blob) take([new File([blob], name, { type: blob.type })]);
    }, "image/jpeg", 0.92);
  }

  shutter.addEventListener("click", picture);
  find("camera-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    if (running) end(running);
    running = null;
    view.srcObject = null;
  });
  return { open };
}

function end(begun) {
  for (const track of begun.getTracks()) track.stop();
}
