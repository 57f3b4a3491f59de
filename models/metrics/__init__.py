"""Figures of merit by protocol name. A figure never travels without its name: figures of two names do not compare."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from models.data.dataset import Dataset
    from models.metrics.measured import Metric

PAIRED = ("image-pair", "super-resolution", "inpainting")
METRICS = {
    "kid_efflite0_112": ("models.metrics.kid", "KidEffLite0", ("image", "image-unpaired")),
    "kid_by_class_efflite0_112": ("models.metrics.by_class", "KidByClass", ("image",)),
    "kid_inception": ("models.metrics.kid", "KidInception", ("image",)),
    "kid_motion_efflite0_64": ("models.metrics.video", "KidMotion", ("video",)),
    "fid2k_efflite0_112": ("models.metrics.frechet", "FidEffLite0", ("image",)),
    "fid2k_inception": ("models.metrics.frechet", "FidInception", ("image",)),
    "precision_k3_efflite0_112": ("models.metrics.manifold", "Precision", ("image",)),
    "recall_k3_efflite0_112": ("models.metrics.manifold", "Recall", ("image",)),
    "density_k5_efflite0_112": ("models.metrics.manifold", "Density", ("image",)),
    "coverage_k5_efflite0_112": ("models.metrics.manifold", "Coverage", ("image",)),
    "kid_captions_efflite0_112": ("models.metrics.captions", "CaptionedKid", ("image-text",)),
    "lpips_efflite0_like": ("models.metrics.paired", "LpipsLike", PAIRED),
    "psnr": ("models.metrics.paired", "Psnr", PAIRED),
    "ssim": ("models.metrics.paired", "Ssim", PAIRED),
    "valid_unique_novel_rdkit": ("models.metrics.chemistry", "ValidUniqueNovel", ("graph",)),
    "coverage_k5_chamfer64": ("models.metrics.coverage", "CloudCoverage", ("point-cloud",)),
    "coverage_k5_voxels": ("models.metrics.coverage", "VoxelCoverage", ("voxel",)),
    "coverage_k5_logmel": ("models.metrics.coverage", "SoundCoverage", ("audio",)),
    "mel_l1": ("models.metrics.vocoder", "MelDistance", ("audio",)),
    "discriminative_trees": ("models.metrics.series", "Discriminative", ("time-series",)),
    "predictive_trees_mae": ("models.metrics.series", "Predictive", ("time-series",)),
    "pair_overlap_q10": ("models.metrics.pairs", "PairOverlap", ("table",)),
    "roc_auc": ("models.metrics.anomaly", "RocAuc", ("anomaly",)),
    "ms_jaccard3_words": ("models.metrics.ngrams", "MsJaccard", ("text",)),
}
"""Protocol name -> module, class, and the kinds of data it is for. `none` in a recipe trains without a figure."""


def load(name: str, dataset: Dataset, samples: int, device: torch.device) -> Metric | None:
    """The metric with its reference computed, None for `none`. Raises ValueError for one unknown or of other data, BadData below a
    minimum of samples."""
    if name == "none":
        return None
    if name not in METRICS:
        raise ValueError(f"metric {name!r} is not known; known are {', '.join(METRICS)} and none")
    module, kind, data = METRICS[name]
    if dataset.kind not in data:
        raise ValueError(f"metric {name} is for {', '.join(data)} data, not {dataset.kind}")
    metric: Metric = getattr(importlib.import_module(module), kind)(dataset, samples, device)
    return metric
