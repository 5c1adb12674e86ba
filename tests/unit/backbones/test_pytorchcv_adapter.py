import torch
from pytorchcv.models.nasnet import nasnet_4a1056

from headstart.backbones.catalog import find_backbone
from headstart.backbones.pytorchcv_adapter import NasNetMobile


@torch.inference_mode()
def test_it_is_pytorchcvs_network() -> None:
    theirs = nasnet_4a1056().double().eval()
    ours = NasNetMobile().double().eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(1, 3, 224, 224, dtype=torch.float64)
    torch.testing.assert_close(ours(images), theirs(images))


def test_it_takes_every_size_that_the_catalog_allows() -> None:
    spec = find_backbone("NASNetMobile")
    with torch.device("meta"):
        network = NasNetMobile().eval()
        for size_px in range(spec.least_px, 257, spec.multiple_px):
            assert network(torch.zeros(1, 3, size_px, size_px)).shape == (1, 1000)


def test_its_classifier_can_be_replaced() -> None:
    network = NasNetMobile().eval()
    network.reset_classifier(3)
    assert network.get_classifier().out_features == 3
    network.reset_classifier(0)
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 1056)
