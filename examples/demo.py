"""What ``make demo`` runs: train on the demo photos, then predict three of them."""

from __future__ import annotations

import conformal_clip_data

import headstart
from headstart.cli.bars import TerminalProgress


def main() -> None:
    """Train on 2,000 textile photos of three classes, and show what comes out."""
    photos = conformal_clip_data.textile_simulated_root()
    run = headstart.train(photos, name="demo", progress=TerminalProgress())
    print(f"\naccuracy on {run.test.n} unseen photos: {run.test.metrics['accuracy']}")
    print(f"macro F1: {run.test.metrics['f1_macro']}")
    print(f"time: {run.timings_s['total']:.0f} s")

    model = headstart.load(run.bundle)
    examples = [sorted(photos.glob(f"{label}/*.jpg"))[0] for label in model.classes_]
    for path, label in zip(examples, model.predict(examples), strict=True):
        print(f"{path.parent.name}/{path.name}: {label}")

    print(f"\nbundle: {run.bundle}")
    print(f"report: {run.report}")


if __name__ == "__main__":
    main()
