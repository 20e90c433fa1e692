"""The frozen small ViT that turns patches into features; the twin of `vision-backbone`."""

import json

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import nn

from probe.settings import HEIGHT_PX, MERGE, PATCH_PX, WIDTH_PX

NORM_EPS = 1e-6
ROWS, COLS = HEIGHT_PX // PATCH_PX, WIDTH_PX // PATCH_PX


def patchify(pixels):
    """Patches of images, standardised per image, in merge order.

    `[images, height, width]` uint8 -> `[images, patches, patch²]`
    """
    x = pixels.to(torch.float32)
    mean, std = x.mean((1, 2), keepdim=True), x.std((1, 2), correction=0, keepdim=True)
    x = (x - mean) / std.clamp_min(1.0)
    x = x.view(-1, ROWS // MERGE, MERGE, PATCH_PX, COLS // MERGE, MERGE, PATCH_PX)
    return x.permute(0, 1, 4, 2, 5, 3, 6).reshape(len(pixels), ROWS * COLS, PATCH_PX**2)


def positions():
    """`(row, column)` of every patch in merge order."""
    rows, cols = torch.meshgrid(torch.arange(ROWS), torch.arange(COLS), indexing="ij")
    place = torch.stack([rows, cols], -1).view(ROWS // MERGE, MERGE, COLS // MERGE, MERGE, 2)
    return place.permute(0, 2, 1, 3, 4).reshape(ROWS * COLS, 2)


class Block(nn.Module):
    """Pre-LN transformer block, bidirectional, rotary positions, erf-GELU."""

    def __init__(self, d_model, heads, d_mlp):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(d_model, eps=NORM_EPS)
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)
        self.norm2 = nn.LayerNorm(d_model, eps=NORM_EPS)
        self.fc1 = nn.Linear(d_model, d_mlp)
        self.fc2 = nn.Linear(d_mlp, d_model)

    def forward(self, x, cos, sin):
        batch, patches, d_model = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, patches, 3, self.heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        query, key = rotate(query, cos, sin), rotate(key, cos, sin)
        mixed = F.scaled_dot_product_attention(query, key, value)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, patches, d_model))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))


def rotate(x, cos, sin):
    """Rotate-half: dimension `j` turns with `j + d_head / 2`."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([second, first], dim=-1) * sin


class Tower(nn.Module):
    """Patch embedding and blocks; the state before the final norm is what projectors read."""

    def __init__(self, config):
        super().__init__()
        d_model, heads = config["d_model"], config["heads"]
        self.embed = nn.Linear(config["patch"] ** 2, d_model)
        self.blocks = nn.ModuleList(
            Block(d_model, heads, config["d_mlp"]) for _ in range(config["depth"])
        )
        cos, sin = rotary_angles(d_model // heads, config["positions"]["base"])
        self.register_buffer("cos", cos)
        self.register_buffer("sin", sin)

    def forward(self, patches):
        x = self.embed(patches)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        return x


def rotary_angles(d_head, base):
    """Cosines and signed sines `[patches, d_head]`: a quarter each for row and column, twice."""
    quarter = d_head // 4
    frequency = base ** (-2.0 * torch.arange(quarter, dtype=torch.float64) / (d_head // 2))
    angle = (positions()[:, :, None] * frequency).flatten(1)
    sin = torch.cat([-angle.sin(), angle.sin()], dim=-1)
    return angle.cos().repeat(1, 2).float(), sin.float()


def load_tower(path):
    """The tower of a backbone file; linear weights are stored there as `[in, out]`."""
    with safe_open(path, "pt") as file:
        tower = Tower(json.loads(file.metadata()["about"])["config"])
        state = {}
        for name in file.keys():
            value = file.get_tensor(name)
            name = name.removeprefix("tower.")
            if name.startswith("final_norm."):
                continue
            is_linear = value.dim() == 2
            name = name.replace(".gamma", ".weight").replace(".beta", ".bias")
            state[name] = value.T if is_linear else value
    missing, unused = tower.load_state_dict(state, strict=False)
    if unused or set(missing) - {"cos", "sin"}:
        raise ValueError(f"{path}: missing {missing}, unused {unused}; name another --backbone")
    return tower.eval().requires_grad_(False)
