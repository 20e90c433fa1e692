"""Training and evaluation of one cell: an arm, a seed, a learning rate."""

import math
import time
import zlib
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cpdist
from torch import nn

from probe.data import D_MODEL
from probe.projectors import Tokens, build, rms_normalize, usage_penalty
from probe.reader import AnchoredReader
from probe.settings import Arm
from probe.usage import Tally, powers_below

# Images read at a time.
CHUNK = 128


@dataclass
class Outcome:
    """What a cell leaves."""

    arm: Arm
    seed: int
    learning_rate: float
    history: list = field(default_factory=list)
    validation_cer: float = math.nan
    tests: list = field(default_factory=list)
    # Edits of every test image, by density, kind of text and mode.
    edits: dict = field(default_factory=dict)
    seconds: float = 0.0
    failure: str = ""


class Model(nn.Module):
    """Projector, parameter-free norm, probe."""

    def __init__(self, arm, seed, classes):
        super().__init__()
        torch.manual_seed(stream(seed, f"projector/{arm.name}"))
        self.projector = build(arm, D_MODEL)
        torch.manual_seed(stream(seed, "probe"))
        self.reader = AnchoredReader(self.projector.d_out, classes)

    def forward(self, features, anchors, **options):
        """Class scores, and the words behind the tokens."""
        tokens = self.projector(features, **options)
        scores = self.reader(rms_normalize(tokens.embeddings, 1e-12), anchors)
        return scores, Tokens(tokens.embeddings, tokens.probabilities, tokens.ids)


def stream(seed, name):
    """Seed of a named generator."""
    return zlib.crc32(name.encode(), seed)


class Batches:
    """Groups take turns; each is shuffled anew once it is used up."""

    def __init__(self, groups, batch, seed):
        self.generator = torch.Generator().manual_seed(stream(seed, "batches"))
        self.sizes = [len(group) for group in groups]
        self.batch = batch
        self.order = [torch.empty(0, dtype=torch.long) for _ in groups]

    def next(self, step):
        group = step % len(self.sizes)
        size = min(self.batch, self.sizes[group])
        if len(self.order[group]) < size:
            self.order[group] = torch.randperm(self.sizes[group], generator=self.generator)
        items, self.order[group] = self.order[group].tensor_split([size])
        return group, items


class Optimizer:
    """AdamW with warm-up, cosine decay, and each parameter's gradient clipped on its own."""

    def __init__(self, settings, model, peak):
        self.settings, self.peak = settings, peak
        self.parameters = list(model.parameters())
        matrices = [p for p in self.parameters if p.dim() == 2]
        others = [p for p in self.parameters if p.dim() != 2]
        groups = [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
        self.adam = torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.98), eps=1e-8, fused=True)

    def learning_rate(self, step):
        steps = self.settings.steps
        warmup = min(self.settings.warmup, steps // 2)
        if step < warmup:
            return self.peak * (step + 1) / (warmup + 1)
        progress = (step - warmup) / max(steps - warmup, 1)
        return self.peak * 0.5 * (1 + math.cos(math.pi * progress))

    def step(self, step, loss):
        for group in self.adam.param_groups:
            group["lr"] = self.learning_rate(step)
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norms = torch.stack(torch._foreach_norm(gradients))
        scales = (self.settings.clip / (norms + 1e-38)).clamp_max(1.0)
        torch._foreach_mul_(gradients, list(scales.unbind()))
        self.adam.step()


@torch.inference_mode()
def read(model, group, limit=None, tally=False, **options):
    """Predicted classes `[images, slots]` of the first images of a group, and the word use."""
    count = min(limit or len(group), len(group))
    predictions, use = [], None
    for start in range(0, count, CHUNK):
        features = group.features[start : min(start + CHUNK, count)]
        scores, tokens = model(features, group.anchors, want_words=tally, **options)
        if not scores.isfinite().all():
            raise FloatingPointError("the probe's scores are not finite")
        if tally and tokens.probabilities is not None:
            use = use or Tally(tokens.probabilities.shape[-1])
            use.add(tokens.probabilities, tokens.ids)
        predictions.append(scores.argmax(-1))
    return torch.cat(predictions).numpy(), use


def compare(group, predictions):
    """Edit distance of every prediction to its label."""
    letters = np.array(list(group.charset))[predictions]
    texts = letters.view(f"U{letters.shape[1]}").ravel().tolist()
    return cpdist(texts, group.texts[: len(texts)], scorer=Levenshtein.distance, dtype=np.int64)


def validate(model, groups, settings, step, loss):
    """A point of the learning curve: CER and word use on a few validation images."""
    model.eval()
    edits = characters = 0
    total = None
    for group in groups:
        predictions, use = read(model, group, settings.evaluation_images, tally=True)
        edits += compare(group, predictions).sum()
        characters += predictions.size
        if use is not None:
            if total is None:
                total = use
            else:
                total.merge(use)
    model.train()
    use = total.finish() if total else {}
    return {"step": step, "train_loss": loss, "validation_cer": edits / characters, **use}


def score(group, predictions, edits):
    """All scores of a test group by name, each with the number of observations."""
    slots = predictions.shape[1]
    right = predictions == group.targets.numpy()
    scores = {
        "cer": (edits.sum() / predictions.size, predictions.size),
        "word_accuracy": ((edits == 0).mean(), len(edits)),
        "one_minus_ned": (1 - edits.mean() / slots, len(edits)),
    }
    for name, held_out in (("cer_seen_fonts", False), ("cer_held_out_fonts", True)):
        part = edits[group.held_out == held_out]
        if len(part):
            scores[name] = (part.sum() / (len(part) * slots), len(part) * slots)
    for position, accuracy in enumerate(right.mean(0), start=1):
        scores[f"position_accuracy/{position}"] = (accuracy, len(edits))
    return scores


def test(model, groups, outcome):
    """Scores and word use of every test group, in every mode of evaluation."""
    arm = outcome.arm
    modes = ("deterministic", "sampled") if arm.is_sampled else ("deterministic",)
    rows = []
    for group in groups:
        for mode in modes:
            options = {"sample": True} if mode == "sampled" else {}
            predictions, use = read(model, group, tally=True, **options)
            edits = compare(group, predictions)
            outcome.edits[group.density, group.content, mode] = edits
            scores = score(group, predictions, edits)
            if use is not None:
                numbers = use.finish().items()
                scores |= {name: (value, use.soft_tokens) for name, value in numbers}
            rows.append((group.density, group.content, mode, scores))
    return rows


def harden(model, groups, images):
    """CER with the softmax cut to the best words, by how many are kept."""
    rows = []
    for k in powers_below(model.projector.words):
        for group in groups:
            predictions, _ = read(model, group, images, top_k=k)
            cer = compare(group, predictions).sum() / predictions.size
            scores = {f"cer_top_k/{k}": (cer, predictions.size)}
            rows.append((group.density, group.content, "deterministic", scores))
    return rows


def train(settings, data, arm, model, outcome):
    """The optimiser steps of a cell, with the points of its learning curve."""
    groups = data["train"]
    every = math.ceil(settings.steps / settings.evaluations)
    batches = Batches(groups, settings.batch, outcome.seed)
    optimizer = Optimizer(settings, model, outcome.learning_rate)
    outcome.history.append(validate(model, data["validation"], settings, 0, None))
    for step in range(settings.steps):
        group, items = batches.next(step)
        group = groups[group]
        options = {}
        if arm.is_hard:
            progress = step / max(settings.steps - 1, 1)
            options = dict(progress=progress, sample=arm.is_sampled, want_words=arm.usage)
        scores, tokens = model(group.features[items], group.anchors, **options)
        reading = F.cross_entropy(scores.flatten(0, 1), group.targets[items].flatten())
        loss = reading
        if arm.usage:
            loss = loss + settings.usage_weight * usage_penalty(tokens.probabilities)
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f"the loss is {loss.item()}")
        optimizer.step(step, loss)
        done = step + 1
        if done % every == 0 or done == settings.steps:
            point = validate(model, data["validation"], settings, done, reading.item())
            outcome.history.append(point)


def run_cell(settings, data, arm, seed, learning_rate):
    """Trains and tests one cell; numbers that are not finite are an outcome, not an error."""
    started = time.perf_counter()
    outcome = Outcome(arm, seed, learning_rate)
    model = Model(arm, seed, len(settings.charset))
    try:
        train(settings, data, arm, model, outcome)
        model.eval()
        ratios = []
        for group in data["validation"]:
            predictions, _ = read(model, group)
            ratios.append(compare(group, predictions).sum() / predictions.size)
        outcome.tests = test(model, data["test"], outcome)
        if arm.kind == "vet-softmax" and settings.hardening_images:
            outcome.tests += harden(model, data["test"], settings.hardening_images)
        outcome.validation_cer = float(np.mean(ratios))
    except FloatingPointError as error:
        outcome.failure = f"{error} at learning rate {learning_rate}"
        outcome.tests, outcome.edits = [], {}
    outcome.seconds = time.perf_counter() - started
    return outcome
