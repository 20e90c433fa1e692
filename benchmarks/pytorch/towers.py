#!/usr/bin/env python3
"""Forward passes of the published vision towers in eager PyTorch.

Released widths with 4 blocks, random weights, f32, one still image of 32 x 32 and of 64 x 64
patches; rows of pixels in, state of the last block out, in merge order. No merger and no table:
they have benchmarks of their own. Positions are computed in every call, as the references do.

    python3 benchmarks/pytorch/towers.py --threads 2                  # times
    python3 benchmarks/pytorch/towers.py --memory ovis2.5 112         # peak memory of one call
    python3 benchmarks/pytorch/towers.py --check      # against transformers and the parity files

Written for speed: attention is PyTorch's fused one, and windows of one size are a batch of it.
transformers 5.23.0 calls it window by window instead; `--transformers` measures that as well. That
and `--check` need tools/fixtures/requirements.txt.
"""

import argparse
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from memory import peak_of
from timing import measure, report, report_peak

SIDES = (32, 64)
STRIDE = 2
ROTARY_BASE = 10_000.0
EPS = 1e-6
# Of a tower, by the names of the released configurations.
QWEN = {
    "depth": 4,
    "hidden_size": 1280,
    "intermediate_size": 3420,
    "num_heads": 16,
    "patch_size": 14,
    "temporal_patch_size": 2,
    "window_size": 112,
    "fullatt_block_indexes": [3],
}
QWEN3 = {
    "depth": 4,
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_heads": 16,
    "patch_size": 16,
    "temporal_patch_size": 2,
    "num_position_embeddings": 2304,
}
OVIS = {
    "num_hidden_layers": 4,
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_attention_heads": 16,
    "patch_size": 16,
    "image_size": 512,
}
CONFIGS = {"qwen2.5-vl": QWEN, "qwen3-vl": QWEN3, "ovis2.5": OVIS}


def merge_order(rows, cols):
    """`[rows * cols, 2]`: row and column of every patch, block by block."""
    row, col = torch.meshgrid(torch.arange(rows), torch.arange(cols), indexing="ij")
    place = torch.stack([row, col], dim=-1).view(rows // STRIDE, STRIDE, cols // STRIDE, STRIDE, 2)
    return place.transpose(1, 2).reshape(-1, 2)


def rotary(place, head_dim):
    """Cosines and sines, `[patches, head_dim]`; sines are negated where rotate-half subtracts."""
    axis = head_dim // 2
    frequency = ROTARY_BASE ** (-torch.arange(0, axis, 2, dtype=torch.float32) / axis)
    angle = (place[:, :, None] * frequency).flatten(1)
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([cos, cos], dim=1), torch.cat([-sin, sin], dim=1)


def attend(q, k, v, turn, segment):
    """Attention within segments of equal length; `q`, `k`, `v` are `[patches, heads, head_dim]`."""
    cos, signed_sin = (t[:, None] for t in turn)
    q, k = (x * cos + x.roll(x.shape[-1] // 2, -1) * signed_sin for x in (q, k))
    q, k, v = (x.unflatten(0, (-1, segment)).transpose(1, 2) for x in (q, k, v))
    mixed = F.scaled_dot_product_attention(q, k, v)
    return mixed.transpose(1, 2).flatten(0, 1).flatten(1)


class QwenBlock(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, hidden = config["hidden_size"], config["intermediate_size"]
        self.heads = config["num_heads"]
        self.norm1 = nn.RMSNorm(width, eps=EPS)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.RMSNorm(width, eps=EPS)
        self.gate = nn.Linear(width, hidden)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)

    def forward(self, x, turn, segment):
        q, k, v = self.qkv(self.norm1(x)).unflatten(1, (3, self.heads, -1)).unbind(1)
        x = x + self.proj(attend(q, k, v, turn, segment))
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)).mul_(self.up(y)))


class QwenTower(nn.Module):
    """Qwen2.5-VL without its merger, for grids that windows divide."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        columns = 3 * config["temporal_patch_size"] * config["patch_size"] ** 2
        self.patches = nn.Linear(columns, config["hidden_size"], bias=False)
        self.blocks = nn.ModuleList(QwenBlock(config) for _ in range(config["depth"]))

    def window(self):
        """Side of a window in patches."""
        return self.config["window_size"] // STRIDE // self.config["patch_size"] * STRIDE

    def forward(self, pixels, rows, cols):
        place = merge_order(rows, cols)
        side = self.window()
        assert rows % side == 0 and cols % side == 0, (rows, cols, side)
        window = place[:, 0] // side * (cols // side) + place[:, 1] // side
        order = torch.argsort(window, stable=True)
        turn = rotary(place[order], self.config["hidden_size"] // self.config["num_heads"])
        x = self.patches(pixels)[order]
        for index, block in enumerate(self.blocks):
            full = index in self.config["fullatt_block_indexes"]
            x = block(x, turn, rows * cols if full else side * side)
        return x[torch.argsort(order)]

    def multiply_adds(self, patches):
        config = self.config
        width, layers = config["hidden_size"], config["depth"]
        linear = layers * (4 * width**2 + 3 * width * config["intermediate_size"])
        full = len(config["fullatt_block_indexes"])
        seen = full * patches + (layers - full) * self.window() ** 2
        return patches * (linear + self.patches.weight.numel() + 2 * width * seen)


class Qwen3Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, hidden = config["hidden_size"], config["intermediate_size"]
        self.heads = config["num_heads"]
        self.norm1 = nn.LayerNorm(width, eps=EPS)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=EPS)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x, turn):
        q, k, v = self.qkv(self.norm1(x)).unflatten(1, (3, self.heads, -1)).unbind(1)
        x = x + self.proj(attend(q, k, v, turn, len(x)))
        y = self.fc1(self.norm2(x))
        return x + self.fc2(F.gelu(y, approximate="tanh"))


class Qwen3Tower(nn.Module):
    """Qwen3-VL without its mergers, whole frames in every layer."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.side = round(config["num_position_embeddings"] ** 0.5)
        columns = 3 * config["temporal_patch_size"] * config["patch_size"] ** 2
        self.patches = nn.Linear(columns, config["hidden_size"])
        self.table = nn.Parameter(torch.randn(self.side**2, config["hidden_size"]))
        self.blocks = nn.ModuleList(Qwen3Block(config) for _ in range(config["depth"]))

    def forward(self, pixels, rows, cols):
        place = merge_order(rows, cols)
        square = self.table.T.reshape(1, -1, self.side, self.side)
        resized = F.interpolate(square, (rows, cols), mode="bilinear", align_corners=True)
        x = self.patches(pixels) + resized.flatten(2)[0].T[place[:, 0] * cols + place[:, 1]]
        turn = rotary(place, self.config["hidden_size"] // self.config["num_heads"])
        for block in self.blocks:
            x = block(x, turn)
        return x

    def multiply_adds(self, patches):
        width, hidden = self.config["hidden_size"], self.config["intermediate_size"]
        block = 4 * width**2 + 2 * width * hidden + 2 * width * patches
        return patches * (len(self.blocks) * block + self.patches.weight.numel())


class OvisBlock(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, hidden = config["hidden_size"], config["intermediate_size"]
        self.heads = config["num_attention_heads"]
        self.layer_norm1 = nn.LayerNorm(width, eps=EPS)
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.layer_norm2 = nn.LayerNorm(width, eps=EPS)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x, turn):
        y = self.layer_norm1(x)
        q, k, v = (layer(y).unflatten(1, (self.heads, -1)) for layer in (self.q, self.k, self.v))
        x = x + self.out(attend(q, k, v, turn, len(x)))
        y = self.fc1(self.layer_norm2(x))
        return x + self.fc2(F.gelu(y, approximate="tanh"))


class OvisTower(nn.Module):
    """Ovis2.5 without its last norm, whole frames in every layer."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.side = config["image_size"] // config["patch_size"]
        self.patches = nn.Linear(3 * config["patch_size"] ** 2, config["hidden_size"])
        self.table = nn.Parameter(torch.randn(self.side**2, config["hidden_size"]))
        self.blocks = nn.ModuleList(OvisBlock(config) for _ in range(config["num_hidden_layers"]))

    def forward(self, pixels, rows, cols):
        place = merge_order(rows, cols)
        square = self.table.T.reshape(1, -1, self.side, self.side)
        resized = F.interpolate(square, (rows, cols), mode="bicubic", align_corners=False)
        x = self.patches(pixels) + resized.flatten(2)[0].T[place[:, 0] * cols + place[:, 1]]
        config = self.config
        turn = rotary(place, config["hidden_size"] // config["num_attention_heads"])
        for block in self.blocks:
            x = block(x, turn)
        return x

    def multiply_adds(self, patches):
        width, hidden = self.config["hidden_size"], self.config["intermediate_size"]
        block = 4 * width**2 + 2 * width * hidden + 2 * width * patches
        return patches * (len(self.blocks) * block + self.patches.weight.numel())


TOWERS = {"qwen2.5-vl": QwenTower, "qwen3-vl": Qwen3Tower, "ovis2.5": OvisTower}


class Tokens(nn.Module):
    """In the place of the merger: the patches of a token side by side."""

    def forward(self, x):
        return x.view(-1, STRIDE**2 * x.shape[1])


def qwen_of_transformers(config):
    """transformers' tower without its merger, and the call that does what ours does."""
    from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLVisionConfig
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
        Qwen2_5_VisionTransformerPretrainedModel,
    )

    built = Qwen2_5_VLVisionConfig(
        **config, spatial_merge_size=STRIDE, attn_implementation="sdpa"
    )
    model = Qwen2_5_VisionTransformerPretrainedModel(built).eval()
    model.merger = Tokens()

    def call(pixels, rows, cols):
        tokens = model(pixels, torch.tensor([[1, rows, cols]])).pooler_output
        return tokens.view(rows * cols, -1)

    return call, model


QWEN_NAMES = {
    "attn.qkv": "qkv",
    "attn.proj": "proj",
    "mlp.gate_proj": "gate",
    "mlp.up_proj": "up",
    "mlp.down_proj": "down",
}
QWEN3_NAMES = {
    "attn.": "",
    "mlp.linear_": "",
    "patch_embed.proj": "patches",
    "pos_embed.weight": "table",
}
OVIS_NAMES = {
    "encoder.layers.": "blocks.",
    "self_attn.out_proj": "out",
    "self_attn.q_proj": "q",
    "self_attn.k_proj": "k",
    "self_attn.v_proj": "v",
    "mlp.": "",
    "embeddings.patch_embedding": "patches",
    "embeddings.position_embedding.weight": "table",
}


def load(tower, weights, names):
    """Fills a tower with weights under checkpoint names; left over may be what comes behind it."""
    renamed = {}
    for name, weight in weights.items():
        for old, new in names.items():
            name = name.replace(old, new)
        renamed[name] = weight.flatten(1) if name == "patches.weight" else weight
    missing, _ = tower.load_state_dict(renamed, strict=False)
    assert not missing, missing


def check():
    """Compares Qwen2.5-VL's tower with transformers' and the others with parity files."""
    torch.manual_seed(1)
    small = QWEN | {"hidden_size": 64, "intermediate_size": 96, "num_heads": 2, "depth": 3}
    small |= {"fullatt_block_indexes": [1]}
    call, model = qwen_of_transformers(small)
    for weight in model.parameters():
        weight.data.normal_(0.0, 0.3 if weight.dim() == 1 else 1.2 * weight[0].numel() ** -0.5)
    tower = QwenTower(small)
    names = QWEN_NAMES | {"patch_embed.proj": "patches"}
    load(tower, model.state_dict(), names)
    pixels = torch.randn(16 * 24, tower.patches.in_features)
    compare("qwen2.5-vl 16x24", tower(pixels, 16, 24), call(pixels, 16, 24))

    check_file("qwen3-vl", "qwen3_vl-golden", "hidden", QWEN3_NAMES)
    check_file("ovis2.5", "ovis2_5-positions", "pre_ln_hidden", OVIS_NAMES)


def check_file(name, file, tap, names):
    """Compares a tower with a parity file, the first frame of every image."""
    from safetensors import safe_open

    path = Path(__file__).parents[2] / f"data/parity/{file}.safetensors"
    with safe_open(str(path), "pt") as file:
        config = json.loads(file.metadata()["config"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    tower = TOWERS[name](config)
    load(tower, {n[2:]: t for n, t in tensors.items() if n.startswith("w.")}, names)
    first = 0
    for frames, rows, cols in tensors["in.grid_thw"].tolist():
        last = first + rows * cols
        found = tower(tensors["in.pixel_values"][first:last], rows, cols)
        compare(f"{name} {rows}x{cols}", found, tensors[f"out.{tap}"][first:last])
        first += frames * rows * cols


def compare(name, found, expected):
    error = (found - expected).abs().max().item()
    print(f"{name}: differs by {error:.1e} at {expected.std().item():.2f} standard deviation")
    assert error < 1e-4, name


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--quick", action="store_true", help="the small image only")
    parser.add_argument("--memory", nargs=2, metavar=("TOWER", "SIDE"))
    parser.add_argument("--check", action="store_true", help="compare with the references instead")
    parser.add_argument("--transformers", action="store_true", help="its Qwen2.5-VL as well")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    # As the Rust side does on its threads.
    torch.set_flush_denormal(True)
    if args.check:
        check()
        return
    torch.manual_seed(1)
    if args.memory:
        name, side = args.memory[0], int(args.memory[1])
        tower = TOWERS[name](CONFIGS[name])
        pixels = torch.randn(side * side, tower.patches.in_features)
        kept = 4 * side * side * CONFIGS[name]["hidden_size"]
        peak_mib = peak_of(lambda: tower(pixels, side, side), kept)
        fields = {"mode": "forward", "tokens": side * side // STRIDE**2}
        report_peak(f"{name} tower", args.threads, peak_mib, **fields)
        return
    works = [(f"{name} tower", TOWERS[name](config), None) for name, config in CONFIGS.items()]
    qwen = works[0][1]
    if args.transformers:
        works.append(("qwen2.5-vl tower of transformers", qwen_of_transformers(QWEN)[0], qwen))
    for name, call, counted in works:
        counted = counted or call
        for side in SIDES[:1] if args.quick else SIDES:
            patches = side * side
            pixels = torch.randn(patches, counted.patches.in_features)
            median_ms, samples = measure(lambda: call(pixels, side, side))
            flop = 2 * counted.multiply_adds(patches)
            fields = {"mode": "forward", "tokens": patches // STRIDE**2}
            report(name, args.threads, median_ms, samples, flop, **fields)


if __name__ == "__main__":
    main()
