"""Classify a photo with ONNX Runtime alone: python onnx_consumer.py model.onnx PHOTO."""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1])
said = session.get_modelmeta().custom_metadata_map
about = {key.removeprefix("headstart."): json.loads(text) for key, text in said.items()}
side = about["geometry"]["size_px"]  # of mode "squash"; others cut or pad first
photo = Image.open(sys.argv[2]).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
(shares,) = session.run(None, {about["input"]["name"]: np.asarray(photo)[None]})[0]
for name, share in sorted(zip(about["classes"], shares, strict=True), key=lambda it: -it[1]):
    print(f"{share:.4f} {name}")
