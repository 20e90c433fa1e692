"""The projectors of the comparison; twins of `qwen-merger`, `ovis-vet`, `control-projectors`."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from probe.settings import D_TOKEN, INDICATORS, MERGE

BLOCK = MERGE * MERGE
TOKEN_STD = 0.2
TAU_START, TAU_END = 5.0, 0.05
SMALLEST_SHARE = 1e-30


@dataclass
class Tokens:
    """Visual tokens `[batch, tokens, d]` and the words behind them, where there are any."""

    embeddings: torch.Tensor
    probabilities: torch.Tensor | None = None
    ids: torch.Tensor | None = None


def rms_normalize(x, eps):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)


def merged(features):
    """`[batch, patches, d]` in merge order -> `[batch, tokens, merge² d]`."""
    batch, patches, d = features.shape
    return features.reshape(batch, patches // BLOCK, BLOCK * d)


class Identity(nn.Module):
    """Concatenated patches behind a parameter-free norm."""

    def __init__(self, d_in):
        super().__init__()
        self.d_out = BLOCK * d_in

    def forward(self, features, **_):
        return Tokens(rms_normalize(merged(features), 1e-6))


class Linear(nn.Module):
    """One linear layer."""

    def __init__(self, d_in):
        super().__init__()
        self.d_out = D_TOKEN
        self.linear = nn.Linear(BLOCK * d_in, D_TOKEN)

    def forward(self, features, **_):
        return Tokens(self.linear(merged(features)))


class MeanPool(nn.Module):
    """Mean of the block's patches."""

    def __init__(self, d_in):
        super().__init__()
        self.d_out = d_in

    def forward(self, features, **_):
        return Tokens(features.unflatten(1, (-1, BLOCK)).mean(2))


class PatchMerger(nn.Module):
    """RMSNorm per patch, concat, Linear, GELU, Linear (Qwen2.5-VL)."""

    def __init__(self, d_in):
        super().__init__()
        self.d_out = D_TOKEN
        self.gain = nn.Parameter(torch.ones(d_in))
        self.fc1 = nn.Linear(BLOCK * d_in, BLOCK * d_in)
        self.fc2 = nn.Linear(BLOCK * d_in, D_TOKEN)

    def forward(self, features, **_):
        x = merged(rms_normalize(features, 1e-6) * self.gain)
        return Tokens(self.fc2(F.gelu(self.fc1(x))))


class GeluMlp(nn.Module):
    """Linear, LayerNorm, GELU, Linear: a VET with GELU in place of the softmax."""

    def __init__(self, d_in, words):
        super().__init__()
        self.d_out = D_TOKEN
        self.fc1 = nn.Linear(BLOCK * d_in, words, bias=False)
        self.norm = nn.LayerNorm(words, eps=1e-5)
        self.fc2 = nn.Linear(words, D_TOKEN, bias=False)

    def forward(self, features, **_):
        return Tokens(self.fc2(F.gelu(self.norm(self.fc1(merged(features))))))


class Blind(nn.Module):
    """The same token whatever the image."""

    def __init__(self):
        super().__init__()
        self.d_out = D_TOKEN
        self.token = nn.Parameter(TOKEN_STD * torch.randn(D_TOKEN))

    def forward(self, features, **_):
        batch, patches, _ = features.shape
        return Tokens(self.token.expand(batch, patches // BLOCK, D_TOKEN))


class HardWords(torch.autograd.Function):
    """Table rows by number; the scores get the gradient of the mixture that stands in for them."""

    @staticmethod
    def forward(ctx, surrogate, ids, rows):
        ctx.save_for_backward(ids, rows)
        return rows[ids]

    @staticmethod
    def backward(ctx, grad):
        ids, rows = ctx.saved_tensors
        flat = grad.flatten(0, -2)
        grad_rows = torch.zeros_like(rows).index_add_(0, ids.flatten(), flat)
        return grad @ rows.T, None, grad_rows


class Vet(nn.Module):
    """Linear, LayerNorm, tokenize, table (Ovis)."""

    def __init__(self, d_in, words, kind):
        super().__init__()
        self.d_out, self.words, self.kind = D_TOKEN, words, kind
        self.head = nn.Linear(BLOCK * d_in, words, bias=False)
        self.norm = nn.LayerNorm(words, eps=1e-5)
        # Soft tokens mix rows, which makes them quieter; both kinds start at TOKEN_STD.
        std = TOKEN_STD * (math.sqrt(words / math.e) if kind == "vet-softmax" else 1.0)
        self.table = nn.Parameter(std * torch.randn(words + INDICATORS, D_TOKEN))

    def forward(self, features, progress=1.0, sample=False, want_words=False, top_k=None):
        """`want_words` also asks for the distribution over words where it is not needed anyway."""
        logits = self.norm(self.head(merged(features)))
        rows = self.table[: self.words]
        if self.kind == "vet-softmax":
            return soft_tokens(logits, rows, top_k)
        scores = logits
        if sample:
            scores = logits - torch.empty_like(logits).exponential_().log()
        ids = scores.argmax(-1)
        smooth = self.kind == "vet-st-argmax" and self.training
        probabilities = logits.softmax(-1) if want_words or smooth else None
        if not self.training:
            return Tokens(rows[ids], probabilities, ids)
        if self.kind == "vet-st-argmax":
            surrogate = probabilities
        elif self.kind == "vet-st-argmax-raw":
            surrogate = logits
        else:
            surrogate = (scores / self.tau(progress)).softmax(-1)
        return Tokens(HardWords.apply(surrogate, ids, rows), probabilities, ids)

    def tau(self, progress):
        if self.kind == "vet-gumbel":
            return 1.0
        return TAU_START + (TAU_END - TAU_START) * progress


def soft_tokens(logits, rows, top_k):
    """Mixtures of all rows, or of the `top_k` best ones."""
    words = logits.shape[-1]
    if top_k == 1:
        return Tokens(rows[logits.argmax(-1)])
    if top_k is not None and top_k < words:
        best = logits.topk(top_k, dim=-1, sorted=False)
        cut = torch.full_like(logits, -math.inf)
        logits = cut.scatter_(-1, best.indices, best.values)
    probabilities = logits.softmax(-1)
    return Tokens(probabilities @ rows, probabilities)


def usage_penalty(probabilities):
    """Negative entropy in nats of the batch-mean distribution."""
    share = probabilities.flatten(0, -2).mean(0)
    return (share * share.clamp_min(SMALLEST_SHARE).log()).sum()


def build(arm, d_in):
    """A fresh projector."""
    plain = {
        "identity": Identity, "linear": Linear, "mean-pool": MeanPool, "patch-merger": PatchMerger
    }
    if arm.kind in plain:
        return plain[arm.kind](d_in)
    if arm.kind == "blind":
        return Blind()
    if arm.kind == "gelu-mlp":
        return GeluMlp(d_in, arm.words)
    return Vet(d_in, arm.words, arm.kind)
