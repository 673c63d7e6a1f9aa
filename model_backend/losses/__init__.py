"""Losses for partly labelled images: from logits and a three-valued observed matrix to a scalar."""

from model_backend.losses.base import Loss
from model_backend.losses.batch import Batch, Masks
from model_backend.losses.registry import LOSSES, LossEntry, build_loss, find_loss

__all__ = ["LOSSES", "Batch", "Loss", "LossEntry", "Masks", "build_loss", "find_loss"]
