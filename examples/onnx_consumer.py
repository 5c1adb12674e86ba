"""Classify a photo with ONNX Runtime alone: python onnx_consumer.py model.onnx PHOTO."""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(sys.argv[1])
said = session.get_modelmeta().custom_metadata_map
about = {key.removeprefix("headstart."): json.loads(text) for key, text in said.items()}
seen, photo = about["geometry"], ImageOps.exif_transpose(Image.open(sys.argv[2])).convert("RGBA")
photo = Image.alpha_composite(Image.new("RGBA", photo.size, "white"), photo).convert("RGB")
assert seen["mode"] in ("squash", "crop"), f"{seen['mode']}: put the photo on a square first"
edge = min(photo.size) * seen["crop_fraction"]
(width, height), (wide, high) = photo.size, (edge, edge) if seen["mode"] == "crop" else photo.size
box = ((width - wide) / 2, (height - high) / 2, (width + wide) / 2, (height + high) / 2)
square = photo.resize((seen["size_px"],) * 2, Image.Resampling[seen["interpolation"].upper()], box)
(shares,) = session.run(None, {about["input"]["name"]: np.asarray(square)[None]})[0]
for name, share in sorted(zip(about["classes"], shares, strict=True), key=lambda it: -it[1]):
    print(f"{share:.4f} {name}")
