import numpy as np
import pytest
import torch

from ic_tools.layers import BatchNorm, fold_batch_norm, same_padding


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (224, 3, 2, (0, 1)),  # the stem
        (112, 3, 1, (1, 1)),
        (56, 5, 2, (1, 2)),
        (28, 5, 1, (2, 2)),
        (7, 1, 1, (0, 0)),
        (15, 3, 2, (1, 1)),  # odd sizes, as in Lite1
        (15, 5, 2, (2, 2)),
        (8, 1, 2, (0, 0)),  # the kernel is smaller than the stride
    ],
)
def test_same_padding_is_that_of_tensorflow(size, kernel, stride, expected):
    assert same_padding(size, kernel, stride) == expected


@pytest.mark.parametrize("groups", [1, 8])
def test_folded_convolution_equals_convolution_then_batch_norm(groups):
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(8, 8, 3, groups=groups, bias=False).double()
    norm = torch.nn.BatchNorm2d(8, eps=1e-3).double().eval()
    for parameter in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        torch.nn.init.uniform_(parameter, 0.1, 2.0)
    x = torch.randn(2, 8, 10, 10, dtype=torch.float64)

    statistics = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    weight, bias = fold_batch_norm(
        conv.weight.detach().numpy(),
        BatchNorm(*(array.detach().numpy() for array in statistics), epsilon=norm.eps),
    )
    assert weight.dtype == bias.dtype == np.float32
    folded = torch.nn.functional.conv2d(
        x, torch.from_numpy(weight).double(), torch.from_numpy(bias).double(), groups=groups
    )
    torch.testing.assert_close(folded, norm(conv(x)), rtol=1e-5, atol=1e-5)
