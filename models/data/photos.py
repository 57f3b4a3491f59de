"""Small squares of the two colour photographs that scikit-learn carries (CC BY 2.0), 427 x 640 pixels each.

The left third of each photograph is held out: no held-out pixel is ever trained on.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image

from models.data.dataset import BadData, Images

NAMES = ("china.jpg", "flower.jpg")
SIDE = 32
STRIDE = 16
BORDER = 208
"""Column that no patch crosses; patches left of it are held out."""
FLAT = 8.0
"""Sky and blurred background: a patch is kept when the pixels of some channel deviate by more than this."""
ORDER_SEED = 20


def photographs() -> list[np.ndarray]:
    """Both photographs, uint8 HxWx3. Raises BadData where scikit-learn is not installed."""
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise BadData("the package scikit-learn that holds these photographs is not installed")
    folder = Path(spec.origin).parent / "datasets" / "images"
    return [np.asarray(Image.open(folder / name).convert("RGB")) for name in NAMES]


def patches(photos: list[np.ndarray] | None = None) -> Images:
    """32 px squares at every 16th pixel in a fixed shuffled order, flat ones left out; the label says which photograph."""
    found, labels, held = list[np.ndarray](), list[int](), list[bool]()
    for label, photo in enumerate(photographs() if photos is None else photos):
        height, width, _ = photo.shape
        for top in range(0, height - SIDE + 1, STRIDE):
            for left in (*range(0, BORDER - SIDE + 1, STRIDE), *range(BORDER, width - SIDE + 1, STRIDE)):
                found.append(photo[top : top + SIDE, left : left + SIDE].transpose(2, 0, 1))
                labels.append(label)
                held.append(left < BORDER)
    order = np.random.default_rng(ORDER_SEED).permutation(len(found))
    order = order[np.stack(found)[order].std((2, 3)).max(1) > FLAT]
    pixels = np.stack(found)[order]
    sha256 = hashlib.sha256(pixels.tobytes()).hexdigest()
    return Images(pixels, np.array(labels)[order], sha256, held=np.array(held)[order])
