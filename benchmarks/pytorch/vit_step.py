#!/usr/bin/env python3
"""One training step of the small ViT in eager PyTorch: the twin of experiments/benches/versus_vit.rs.

Both sides train the tower of crates/vision-backbone (pre-LN, erf-GELU, 2-D rotary positions) with a
linear classifier on every patch, from the same weights and on the same numbers: forward,
cross-entropy, gradients, clipping, AdamW. They print the loss after the first steps, which must
agree, and then the median time of a step as a JSON line.

    python3 benchmarks/pytorch/vit_step.py --threads 2
"""

import argparse
import json
import statistics
import time

import numpy
import torch
import torch.nn.functional as F
from torch import nn

BATCH = 32
ROWS = COLS = 8
PATCHES = ROWS * COLS
PIXELS = 64
WIDTH, DEPTH, HEADS, HIDDEN = 128, 4, 4, 384
CLASSES = 94
ROTARY_BASE = 100.0
RATE, DECAY, CLIP = 1e-3, 0.05, 1.0
CHECKED_STEPS = 10


def numbers(stream: int, shape: tuple[int, ...], bound: float) -> torch.Tensor:
    """Numbers in [-bound, bound) that the Rust side reproduces: SplitMix64 of stream and index."""
    with numpy.errstate(over="ignore"):
        z = numpy.arange(int(numpy.prod(shape)), dtype=numpy.uint64)
        z = z + numpy.uint64(stream) * numpy.uint64(0x1_0000_0000)
        z = (z + numpy.uint64(1)) * numpy.uint64(0x9E37_79B9_7F4A_7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58_476D_1CE4_E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D0_49BB_1331_11EB)
        z = z ^ (z >> numpy.uint64(31))
    unit = (z >> numpy.uint64(40)).astype(numpy.float64) / 2.0**24
    return torch.from_numpy(((unit * 2.0 - 1.0) * bound).astype(numpy.float32).reshape(shape))


def merge_order() -> list[tuple[int, int]]:
    """(row, column) of every patch: 2 x 2 blocks row by row, patches within a block row by row."""
    return [
        (2 * block_row + y, 2 * block_col + x)
        for block_row in range(ROWS // 2)
        for block_col in range(COLS // 2)
        for y in range(2)
        for x in range(2)
    ]


def rotary_angles(d_head: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines [patches, d_head]; the sines are negated where rotate-half subtracts."""
    half, quarter = d_head // 2, d_head // 4
    frequency = ROTARY_BASE ** (-2.0 * torch.arange(quarter, dtype=torch.float64) / half)
    place = torch.tensor(merge_order(), dtype=torch.float64)
    angle = torch.cat([place[:, :1] * frequency, place[:, 1:] * frequency], dim=1)
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([cos, cos], 1).float(), torch.cat([-sin, sin], 1).float()


def rotate(x: torch.Tensor, cos: torch.Tensor, signed_sin: torch.Tensor) -> torch.Tensor:
    return x * cos + x.roll(x.shape[-1] // 2, -1) * signed_sin


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.norm2 = nn.LayerNorm(WIDTH, eps=1e-6)
        self.fc1 = nn.Linear(WIDTH, HIDDEN)
        self.gelu = nn.GELU()
        self.fc2 = nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: torch.Tensor, rotary: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        batch, patches, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, patches, 3, HEADS, width // HEADS)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        query, key = rotate(query, *rotary), rotate(key, *rotary)
        mixed = F.scaled_dot_product_attention(query, key, value)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, patches, width))
        return x + self.fc2(self.gelu(self.fc1(self.norm2(x))))


class Classifier(nn.Module):
    """Tower, final norm, and a class for every patch."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(PIXELS, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.final_norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.head = nn.Linear(WIDTH, CLASSES)
        cos, signed_sin = rotary_angles(WIDTH // HEADS)
        self.register_buffer("cos", cos)
        self.register_buffer("signed_sin", signed_sin)
        with torch.no_grad():
            matrices = [p for p in self.parameters() if p.dim() == 2]
            for stream, weight in enumerate(matrices):
                weight.copy_(numbers(stream, weight.shape[::-1], 0.05).T)
            for name, vector in self.named_parameters():
                if name.endswith("bias"):
                    vector.zero_()

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        x = self.embed(pixels)
        for block in self.blocks:
            x = block(x, (self.cos, self.signed_sin))
        return self.head(self.final_norm(x))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="threads within one operation")
    parser.add_argument("--seconds", type=float, default=6.0, help="time to measure for")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    # As the Rust side does on its threads.
    torch.set_flush_denormal(True)

    model = Classifier()
    decayed = [p for p in model.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if p.dim() != 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}],
        lr=RATE,
        betas=(0.9, 0.98),
        eps=1e-8,
        fused=True,
    )
    pixels = numbers(100, (BATCH, PATCHES, PIXELS), 1.7)
    targets = torch.arange(BATCH * PATCHES) * 7 % CLASSES

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(pixels).flatten(0, 1), targets)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        return loss.item()

    losses = [step() for _ in range(CHECKED_STEPS)]
    for group in optimizer.param_groups:
        # Small enough that every measured step computes the same.
        group["lr"] = 1e-9
    times = []
    until = time.perf_counter() + args.seconds
    while time.perf_counter() < until or len(times) < 5:
        start = time.perf_counter()
        step()
        times.append(1e3 * (time.perf_counter() - start))
    print(
        json.dumps(
            {
                "work": "vit-step",
                "impl": "pytorch",
                "threads": args.threads,
                "ms": round(statistics.median(times), 3),
                "samples": len(times),
                "note": f"torch {torch.__version__}, batch {BATCH}, loss {losses[0]:.5f} -> "
                f"{losses[-1]:.5f} in {CHECKED_STEPS} steps, fastest {min(times):.2f} ms",
            }
        )
    )


if __name__ == "__main__":
    main()
