import pytest
import torch
import torch.nn.functional as F

from earmark.models.mobilenet import DepthwiseConv2d, PointwiseConv2d


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(3, 8, 5, 4, generator=torch.Generator().manual_seed(0))


def test_product_at_each_position_is_the_convolution(images) -> None:
    torch.manual_seed(0)
    layer = PointwiseConv2d(8, 6, 1, bias=False)
    torch.testing.assert_close(layer(images), F.conv2d(images, layer.weight))


@pytest.mark.parametrize("stride", [1, 2])
def test_each_channel_by_itself_is_float32_under_mixed_precision(images, stride: int) -> None:
    torch.manual_seed(0)
    layer = DepthwiseConv2d(8, 8, 3, stride=stride, padding=1, groups=8, bias=False)
    halved = images.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        convolved = layer(halved)
    assert convolved.dtype == torch.bfloat16
    assert torch.equal(convolved, layer(halved.float()).bfloat16())


@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_are_the_same_under_mixed_precision(images, stride: int) -> None:
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        PointwiseConv2d(8, 6, 1, bias=False),
        DepthwiseConv2d(6, 6, 3, stride=stride, padding=1, groups=6, bias=False),
    )
    gradients = []
    for is_mixed in (False, True):
        layers.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=is_mixed):
            convolved = layers(images)
        convolved.float().square().mean().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in layers.parameters()]))
    assert F.cosine_similarity(*gradients, dim=0) > 0.999
