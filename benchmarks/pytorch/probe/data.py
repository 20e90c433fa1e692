"""Images, labels and features of a run, made once and shared by all cells."""

import mmap
from dataclasses import dataclass

import numpy as np
import torch

from probe.images import Plan, Renderer
from probe.reader import Anchors
from probe.settings import HEIGHT_PX, WIDTH_PX
from probe.tower import COLS, ROWS, load_tower, patchify

# Images rendered and encoded at a time.
CHUNK = 64
D_MODEL = 128


@dataclass
class Group:
    """Images of one size, kind of text and density."""

    density: float
    content: str
    features: torch.Tensor
    targets: torch.Tensor
    texts: list
    charset: str
    faces: np.ndarray
    held_out: np.ndarray
    anchors: Anchors

    def __len__(self):
        return len(self.texts)


def plans(settings, seed=None):
    """The groups of each split; with a seed, training and validation images are its own."""
    sizes = {"random": settings.test_images, "words": settings.test_words_images}

    def split(name, content, images):
        own = None if name == "test" else seed
        return [Plan(name, content, density, images, own) for density in settings.densities]

    return {
        "train": split("train", "random", settings.train_images),
        "validation": split("validation", "random", settings.validation_images),
        "test": [plan for c in settings.test_contents for plan in split("test", c, sizes[c])],
    }


def shared(*shape, dtype):
    """A tensor in memory that forked workers write to as well."""
    count = int(np.prod(shape))
    buffer = mmap.mmap(-1, count * dtype.itemsize)
    return torch.frombuffer(buffer, dtype=dtype, count=count).view(shape)


class Preparation:
    """Renders and encodes chunks; workers inherit it by fork and fill its shared tensors."""

    def __init__(self, settings, assets, backbone, seed=None):
        self.renderer = Renderer(assets, settings.data_seed, settings.charset)
        self.tower = load_tower(backbone)
        self.splits = plans(settings, seed)
        self.plans = [plan for split in self.splits.values() for plan in split]
        self.features = [
            shared(plan.images, ROWS * COLS, D_MODEL, dtype=torch.float32) for plan in self.plans
        ]

    def chunks(self):
        """Group and first image of every chunk."""
        return [
            (group, start)
            for group, plan in enumerate(self.plans)
            for start in range(0, plan.images, CHUNK)
        ]

    def make(self, chunk):
        """What the renderer says of a chunk; its features go into the shared tensor."""
        group, start = chunk
        plan = self.plans[group]
        count = min(CHUNK, plan.images - start)
        pixels, *labels = self.renderer.render(plan, start, count)
        assert pixels.shape == (count, HEIGHT_PX, WIDTH_PX)
        with torch.inference_mode():
            features = self.tower(patchify(torch.from_numpy(pixels)))
        self.features[group][start : start + count].copy_(features)
        return labels

    def collect(self, settings, made):
        """Groups by split, from what `make` returned for every chunk in order."""
        labels = [([], [], []) for _ in self.plans]
        for (group, _), chunk in zip(self.chunks(), made):
            for whole, part in zip(labels[group], chunk):
                whole.extend(part)
        code = {character: number for number, character in enumerate(settings.charset)}
        groups = iter(
            Group(
                plan.density,
                plan.content,
                features,
                torch.tensor([[code[c] for c in text] for text in texts]),
                texts,
                settings.charset,
                np.array(faces),
                np.array(held_out),
                Anchors(plan.grid),
            )
            for plan, features, (texts, faces, held_out) in zip(self.plans, self.features, labels)
        )
        return {
            split: [next(groups) for _ in split_plans]
            for split, split_plans in self.splits.items()
        }
