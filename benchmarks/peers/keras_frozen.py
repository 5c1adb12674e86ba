"""The peer: a frozen EfficientNetB0 with a trained head, as the Keras guides write it.

Runs in an environment of its own (Keras 3, TensorFlow); started by against_keras.py.
The pixels are decoded once and kept by ``tf.data``; the backbone's weights are random,
because only the time counts. Prints one line of JSON: seconds of each epoch.
"""

from __future__ import annotations

import argparse
import json
import time

import keras
import tensorflow as tf

SIZE_PX = 224


class EpochClock(keras.callbacks.Callback):
    """Notes how long each epoch takes."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Stop it."""
        self.seconds.append(time.perf_counter() - self._began)


def load_images(folder: str, batch: int) -> tuple[tf.data.Dataset, int]:
    """Return cached, shuffled, prefetched batches and the number of classes."""
    images = keras.utils.image_dataset_from_directory(
        folder, image_size=(SIZE_PX, SIZE_PX), batch_size=None, shuffle=False, verbose=False
    )
    classes = len(images.class_names)
    ready = images.cache().shuffle(1000, seed=0).batch(batch).prefetch(tf.data.AUTOTUNE)
    return ready, classes


def build_model(classes: int) -> keras.Model:
    """Return the frozen network with global average pooling and a softmax."""
    base = keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=(SIZE_PX, SIZE_PX, 3)
    )
    base.trainable = False
    pixels = keras.Input((SIZE_PX, SIZE_PX, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(base(pixels, training=False))
    model = keras.Model(pixels, keras.layers.Dense(classes, activation="softmax")(pooled))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    """Train and print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="folder/<class>/*")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    images, classes = load_images(arguments.folder, arguments.batch)
    clock = EpochClock()
    build_model(classes).fit(images, epochs=arguments.epochs, verbose=0, callbacks=[clock])
    versions = {"keras": keras.__version__, "tensorflow": tf.__version__}
    print(json.dumps({"epochs_s": clock.seconds, **versions}))


if __name__ == "__main__":
    main()
