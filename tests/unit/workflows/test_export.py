from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from headstart.bundle import Bundle, load_bundle
from headstart.bundle.difference import compare_bundles
from headstart.data.decoding import load_pixels
from headstart.errors import (
    BundleError,
    ConfigError,
    DataError,
    MissingDependencyError,
    UnknownNameError,
)
from headstart.export import formats, openvino_file
from headstart.export import onnx_file as onnx_module
from headstart.export.description import described
from headstart.export.formats import FORMATS
from headstart.files import write_csv, write_json
from headstart.heads.linear import LinearHead
from headstart.serving.predictor import load
from headstart.workflows.decide import decide
from headstart.workflows.export import export

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
CLASSES = ("class 0", "class 1", "class 2")
CONSUMER = Path(__file__).parents[3] / "examples" / "onnx_consumer.py"


def needs(*packages: str) -> pytest.MarkDecorator:
    missing = [name for name in packages if find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {missing}")


@pytest.fixture(scope="module")
def photos(tmp_path_factory, image_folder) -> Path:
    return image_folder(tmp_path_factory.mktemp("images") / "photos", *CLASSES, per_class=4)


def rows_of(photos: Path) -> list[tuple[str, str, str]]:
    names = sorted(str(path.relative_to(photos)) for path in photos.rglob("*.png"))
    return [(it, it.split("/")[0], "test" if it.endswith("3.png") else "train") for it in names]


def head() -> LinearHead:
    numbers = np.random.default_rng(1).normal
    outputs, weight = ("early/mean", "final/mean"), numbers(size=(24, 3)).astype(np.float32) / 4
    return LinearHead(CLASSES, "all", outputs, weight, numbers(size=3).astype(np.float32), 1.7)


@pytest.fixture(scope="module")
def run(tmp_path_factory, write_tiny, photos) -> Path:
    """A run whose test images are the last of each class."""
    folder = tmp_path_factory.mktemp("runs") / "waste"
    write_tiny(folder / "bundle", head())
    write_csv(folder / "split.csv", ("image_path", "label", "split"), rows_of(photos))
    write_json(folder / "metrics.json", {"test": {"n": 3}})
    write_json(folder / "environment.json", {"data": str(photos)})
    return folder


def test_images(run: Path, photos: Path) -> np.ndarray:
    info = load_bundle(run).info
    files = [photos / name / "3.png" for name in CLASSES]
    return np.stack([load_pixels(it.read_bytes(), info.geometry, max_pixels=10**7) for it in files])


test_images.__test__ = False  # type: ignore[attr-defined]


@needs("onnxruntime")
def test_onnx_is_one_file_that_says_what_it_is_and_answers_alike(run, photos, tmp_path) -> None:
    import onnxruntime

    result = export(run, format="onnx", out=tmp_path / "out")
    assert {it.name for it in result.folder.iterdir()} == {
        "model.onnx", "model.json", "parity.json", "parity.md",
    }  # fmt: skip
    session = onnxruntime.InferenceSession(result.file.read_bytes())  # no other file in reach
    said = session.get_modelmeta().custom_metadata_map
    assert json.loads(said["headstart.classes"]) == list(CLASSES)
    assert json.loads(said["headstart.geometry"])["mode"] == "squash"
    pixels = test_images(run, photos)
    (answers,) = session.run(None, {session.get_inputs()[0].name: pixels})
    expected = load(run, precision="f32").predict_proba([photos / it / "3.png" for it in CLASSES])
    assert np.abs(answers - expected).max() < 1e-4
    report = json.loads((result.folder / "parity.json").read_text())
    assert report["against_bundle_f32"]["images"] == 3
    assert report["against_bundle_f32"]["top1_disagreements"] == 0
    assert report["passed"]


def test_openvino_and_torchscript_answer_alike_for_any_number_of_images(
    run, photos, tmp_path
) -> None:
    expected = load(run, precision="f32").predict_proba([photos / it / "3.png" for it in CLASSES])
    pixels = test_images(run, photos)
    for name in ("openvino", "torchscript"):
        result = export(run, format=name, out=tmp_path / name)
        assert result.parity.passed
        assert result.parity.bundle.largest < 1e-4
    module = torch.jit.load(str(tmp_path / "torchscript" / "model.pt"))
    for count in (1, 2, 3):
        answers = module(torch.from_numpy(pixels[:count])).numpy()
        assert np.abs(answers - expected[:count]).max() < 1e-4


@needs("litert_torch", "ai_edge_litert")
@pytest.mark.slow
def test_litert_answers_alike(run, tmp_path) -> None:
    assert export(run, format="litert", out=tmp_path / "out").parity.bundle.largest < 1e-4


@needs("coremltools")
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "darwin", reason="there it is run")
def test_core_ml_is_written_and_says_that_it_was_not_run_here(run, tmp_path) -> None:
    result = export(run, format="coreml", out=tmp_path / "out")
    assert (result.file / "Manifest.json").is_file()
    assert "was not run" in result.parity.lines()[-1]
    assert "macOS" in result.parity.lines()[-1]
    said = json.loads((result.folder / "parity.json").read_text())
    assert (said["measured_on"], said["file_was_run"]) == ("its PyTorch translation", False)
    import coremltools

    model = coremltools.models.MLModel(str(result.file), skip_model_load=True)
    (given,) = model.get_spec().description.input
    assert list(given.type.multiArrayType.shape) == [1, 24, 24, 3]
    assert json.loads(model.user_defined_metadata["headstart.classes"]) == list(CLASSES)


def zero_points(folder: Path) -> set[int]:
    """Those of activations: with any, OpenVINO computes what follows in float."""
    graph = onnx.load(folder / "graph.onnx").graph
    tensors = {it.name: numpy_helper.to_array(it) for it in graph.initializer}
    found = [tensors[node.input[2]] for node in graph.node if node.op_type == "QuantizeLinear"]
    assert len(found) >= 3
    return {int(value) for array in found for value in array.reshape(-1)}


@needs("nncf", "onnxruntime")
def test_int8_is_a_bundle_that_predicts_and_says_what_it_cost(run, photos, tmp_path) -> None:
    result = export(run, format="int8", out=tmp_path / "int8", calibration_images=4)
    info = load_bundle(result.folder).info
    assert info.quantised is not None
    assert info.quantised.source_seal == load_bundle(run).info.seal
    assert info.quantised.calibration_images == 4
    assert info.test["n"] == 3
    assert result.parity.accuracy_test is not None
    answers = load(result.folder).predict_proba([photos / it / "3.png" for it in CLASSES])
    assert answers.shape == (3, 3)
    assert np.abs(answers.sum(1) - 1).max() < 1e-4
    assert zero_points(result.folder) == {0}
    fields = compare_bundles(load_bundle(run), load_bundle(result.folder)).fields
    assert fields["quantised.calibration_images"] == (None, 4)


@needs("nncf", "onnxruntime")
@pytest.mark.slow
def test_int8_of_a_real_network_weighs_less_than_half(small_bundle, photos, tmp_path) -> None:
    home = tmp_path / "run"
    shutil.copytree(small_bundle, home / "bundle")
    write_csv(home / "split.csv", ("image_path", "label", "split"), rows_of(photos))
    write_json(home / "metrics.json", {"test": {"n": 3}})
    result = export(home, format="int8", data=photos, calibration_images=4, max_loss=1)
    infos = [load_bundle(it).info for it in (home, result.folder)]
    before, after = (it.files["weights.safetensors"].bytes for it in infos)
    assert after < before / 2


def corrupt(path: Path) -> None:
    model = onnx.load(path)
    (bias,) = (it for it in model.graph.initializer if it.name == "head.bias")
    changed = numpy_helper.to_array(bias)[::-1] * 3
    bias.CopyFrom(numpy_helper.from_array(changed, "head.bias"))
    onnx.save(model, path)


@needs("onnxruntime")
def test_a_corrupted_file_is_refused_and_leaves_nothing(run, tmp_path, monkeypatch) -> None:
    real = onnx_module.write

    def write(bundle: Bundle, path: Path) -> None:
        real(bundle, path)
        corrupt(path)

    monkeypatch.setattr(onnx_module, "write", write)
    with pytest.raises(BundleError, match="does not answer as the bundle does"):
        export(run, format="onnx", out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_is_interrupted_leaves_nothing(run, tmp_path, monkeypatch) -> None:
    def write(bundle: Bundle, path: Path) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(openvino_file, "write", write)
    with pytest.raises(KeyboardInterrupt):
        export(run, format="openvino", out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(run, tmp_path) -> None:
    kept = tmp_path / "out" / "mine.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    with pytest.raises(ConfigError, match="exists already and is never overwritten"):
        export(run, format="openvino", out=kept.parent)
    assert [it.name for it in kept.parent.iterdir()] == ["mine.txt"]
    places = [export(run, format="openvino").folder.name for _ in range(2)]
    assert places == ["export-openvino", "export-openvino-2"]


def test_what_is_not_installed_is_said_before_any_work(run, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install .*litert-torch"):
        export(run, format="litert", out=tmp_path / "out")
    with pytest.raises(MissingDependencyError, match=r"pip install .*nncf"):
        export(run, format="int8", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_format_that_there_is_not_is_told_apart(run) -> None:
    with pytest.raises(UnknownNameError, match="did you mean onnx"):
        export(run, format="onx")


def test_images_that_have_moved_are_asked_for(run, tmp_path, image_folder) -> None:
    other = image_folder(tmp_path / "other", *CLASSES, per_class=2)
    with pytest.raises(DataError, match="3 of the run's 3 test images are not in"):
        export(run, format="openvino", out=tmp_path / "out", data=other)


def test_a_bundle_alone_needs_data_and_takes_all_of_it(run, photos, tmp_path) -> None:
    alone = tmp_path / "bundle"
    shutil.copytree(run / "bundle", alone)
    with pytest.raises(DataError, match="give --data"):
        export(alone, format="openvino", out=tmp_path / "out")
    result = export(alone, format="openvino", out=tmp_path / "out", data=photos)
    assert result.parity.bundle.images == 12


@needs("onnxruntime")
def test_the_consumer_of_the_examples_says_the_same(run, photos, tmp_path) -> None:
    result = export(run, format="onnx", out=tmp_path / "out")
    photo = photos / CLASSES[0] / "3.png"
    command = [sys.executable, str(CONSUMER), str(result.file), str(photo)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (shares,) = load(run, precision="f32").predict_proba([photo])
    expected = sorted(zip(shares, CLASSES, strict=True), reverse=True)
    assert said.splitlines() == [f"{share:.4f} {name}" for share, name in expected]


def test_a_bundle_beside_the_runs_own_is_what_is_exported(run, tmp_path) -> None:
    home = tmp_path / "run"
    shutil.copytree(run, home)
    decided = decide(home, config={"costs": "class 0=5"}).folder
    result = export(decided, format="openvino", out=tmp_path / "out")
    said = json.loads((result.folder / "model.json").read_text())
    assert said["bundle_seal"] == load_bundle(decided).info.seal
    assert said["decision"]["costs"]


def test_labels_that_changed_since_the_run_are_refused(run, photos, tmp_path) -> None:
    home = tmp_path / "run"
    shutil.copytree(run, home)
    rows = [(path, CLASSES[0], split) for path, _, split in rows_of(photos)]
    write_csv(home / "split.csv", ("image_path", "label", "split"), rows)
    with pytest.raises(DataError, match=r"8 images in .* have another label"):
        export(home, format="openvino", out=tmp_path / "out")
    (home / "split.csv").write_text("not,a\ntable")
    with pytest.raises(DataError, match=r"split\.csv cannot be read"):
        export(home, format="openvino", out=tmp_path / "out")


@needs("nncf", "onnxruntime")
def test_int8_is_not_judged_on_what_it_was_calibrated_on(run, photos, tmp_path) -> None:
    alone, data = tmp_path / "alone", tmp_path / "data"
    shutil.copytree(run / "bundle", alone)
    shutil.copytree(photos, data / "train")
    with pytest.raises(DataError, match="that it was not calibrated on"):
        export(alone, format="int8", out=tmp_path / "out", data=data)
    (data / "val" / CLASSES[0]).mkdir(parents=True)
    shutil.copy(photos / CLASSES[0] / "3.png", data / "val" / CLASSES[0] / "own.png")
    result = export(alone, format="int8", out=tmp_path / "out", data=data, max_loss=1)
    assert load_bundle(result.folder).info.test["n"] == 1
    with pytest.raises(ConfigError, match="int8 already"):
        export(result.folder, format="int8", out=tmp_path / "again", data=data)


@pytest.mark.parametrize(
    ("name", "dtype", "batch"),
    [("onnx", "uint8", "N"), ("litert", "uint8", 1), ("coreml", "float32", 1)],
)
def test_what_a_file_takes_is_described(run, name: str, dtype: str, batch: object) -> None:
    said = described(load_bundle(run), FORMATS[name])
    assert said["input"]["dtype"] == dtype
    assert said["input"]["shape"] == [batch, 24, 24, 3]
