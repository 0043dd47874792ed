"""Writes random weights of torchvision's ResNet-18, always the same: `weights.py FILE`.

The speed of a network does not depend on its weights, and these need no download.
"""

import sys

import torch
from torchvision import models

torch.manual_seed(0)
torch.save(models.resnet18(weights=None).state_dict(), sys.argv[1])
