"""A loss of one's own: `hone finetune --task feature-extraction --loss contrastive.py:EuclideanContrastiveLoss ...`."""
import torch
from torch import nn


class EuclideanContrastiveLoss(nn.Module):
    """Texts that differ (label 1) are to lie a margin apart, others (label 0) in one place."""

    def __init__(self, margin=1.0):
        super().__init__()
        self.margin = margin

    def forward(self, first, second, label):
        distance = nn.functional.pairwise_distance(first, second)
        missing = torch.clamp(self.margin - distance, min=0.0)
        return torch.mean((1 - label) * distance.square() + label * missing.square())
