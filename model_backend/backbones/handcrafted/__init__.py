"""Features without any weights: local statistics at three scales beside the classic descriptors."""

from model_backend.backbones.handcrafted.backbone import Handcrafted

__all__ = ["Handcrafted"]
