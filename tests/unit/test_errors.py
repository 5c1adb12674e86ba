import pytest

from headstart import errors
from headstart.errors import HeadstartError, UnknownNameError, close_names, listed, missing_extra


def test_every_error_of_ours_is_caught_by_one_name() -> None:
    ours = [value for name, value in vars(errors).items() if name.endswith("Error")]
    assert len(ours) >= 9
    assert all(issubclass(error, HeadstartError) for error in ours)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vgg61", "unknown backbone 'vgg61': did you mean vgg16?"),
        ("VGG-16", "unknown backbone 'VGG-16': did you mean vgg16?"),
        ("xyz", "unknown backbone 'xyz': known: ResNet50, vgg16"),
        ("", "unknown backbone '': known: ResNet50, vgg16"),
    ],
)
def test_an_unknown_name_is_answered_with_what_is_close_or_all(name: str, message: str) -> None:
    assert str(UnknownNameError("backbone", name, ["vgg16", "ResNet50"])) == message


def test_close_names_are_given_as_they_are_spelt_best_first() -> None:
    assert close_names("resnet5", ["ResNet50", "ResNet101", "vgg16"])[0] == "ResNet50"
    assert close_names("a", []) == []


def test_a_long_list_is_cut_with_a_count() -> None:
    assert listed(range(3)) == "0, 1, 2"
    assert listed(range(12)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
    assert listed([]) == ""


@pytest.mark.parametrize("name", ["torch", "timm.models", "sklearn.svm"])
def test_a_missing_training_library_says_what_to_install(name: str) -> None:
    found = missing_extra(ModuleNotFoundError(name=name), what="headstart train")
    assert str(found).startswith("headstart train needs the training libraries")
    assert "pip install 'headstart[train]'" in str(found)


@pytest.mark.parametrize("name", ["headstart.nonsense", "somebody", None])
def test_any_other_missing_module_is_a_defect_not_an_extra(name: str | None) -> None:
    assert missing_extra(ModuleNotFoundError(name=name), what="headstart train") is None
