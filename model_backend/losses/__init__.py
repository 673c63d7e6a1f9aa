"""Losses for partly labelled images: logits and a three-valued observed matrix in, a scalar out."""

from model_backend.losses.base import Loss
from model_backend.losses.batch import Batch, Known
from model_backend.losses.registry import LOSSES, LossEntry, build_loss

__all__ = ["LOSSES", "Batch", "Known", "Loss", "LossEntry", "build_loss"]
