"""Ovis's visual embedding table in eager PyTorch; the twin of `versus_vet`.

Written as the reference does it: linear head, LayerNorm over the words, tokenize function, zeros for
the indicator rows, product with the table. Features have no gradient, as behind a frozen tower.

    python3 benchmarks/pytorch/vet.py --threads 2                  # times
    python3 benchmarks/pytorch/vet.py --memory softmax 256 forward # peak memory of one call
    python3 benchmarks/pytorch/vet.py --device cuda --dtype bf16 --compile   # the released table on a GPU
"""

import argparse
import copy

import torch
import torch.nn.functional as F

from memory import peak_of
from timing import measure, report, report_peak

INDICATORS = 4
# Ovis2.5-2B: 2 x 2 patches of width 1152, 65,532 words, tokens of width 2048.
RELEASED = (4608, 65_532, 2048)
TOKENS = (256, 1024, 3136)
FUNCTIONS = ("softmax", "st-argmax", "top-32")
# The study: 2 x 2 patches of width 128, tokens of width 128.
VOCABULARIES = (256, 1024, 4096, 16_384, 65_536)
STUDY_TOKENS = 512
MODES = ("forward", "forward+backward")
# Sizes, tokens, and the side of the product that shows what a device can do; as in the twin.
DEVICE = (RELEASED, (1024, 3136), 8192)
DEVICE_QUICK = ((64, 1020, 32), (64,), 256)
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


class Table(torch.nn.Module):
    """Head, LayerNorm, tokenize function, table."""

    def __init__(self, d_in, words, d_out, function):
        super().__init__()
        self.head = torch.nn.Parameter(torch.rand(words, d_in).sub_(0.5).mul_(0.02))
        self.gain = torch.nn.Parameter(torch.ones(words))
        self.bias = torch.nn.Parameter(torch.zeros(words))
        self.table = torch.nn.Parameter(torch.rand(words + INDICATORS, d_out).sub_(0.5))
        self.function = function

    def forward(self, x):
        logits = F.linear(x, self.head)
        logits = F.layer_norm(logits, logits.shape[-1:], self.gain, self.bias, 1e-5)
        if self.function.startswith("top-"):
            best, ids = logits.topk(int(self.function.removeprefix("top-")), dim=-1)
            return torch.einsum("tk,tkd->td", F.softmax(best, dim=-1), self.table[ids])
        weights = F.softmax(logits, dim=-1)
        if self.function == "st-argmax":
            ids = weights.max(dim=-1, keepdim=True)[1]
            hard = torch.zeros_like(logits).scatter_(-1, ids, 1.0)
            weights = hard - weights.detach() + weights
        zeros = weights.new_zeros(len(x), INDICATORS)
        return torch.cat([weights, zeros], dim=1) @ self.table


def call(table, x, mode):
    """The work that is measured, as a function without arguments."""

    def forward():
        with torch.no_grad():
            return table(x)

    def forward_and_backward():
        table.zero_grad(set_to_none=True)
        table(x).sum().backward()

    return forward if mode == "forward" else forward_and_backward


def multiply_adds(sizes, function, tokens, mode):
    """Products that the method needs: a hard token is a look-up, features have no gradient."""
    d_in, words, d_out = sizes
    rows = {"softmax": words, "st-argmax": 0}.get(function, 32)
    forward = d_in * words + d_out * rows
    if mode == "forward":
        return tokens * forward
    weights = words if function != "top-32" else 32
    mixture = words if function == "softmax" else rows
    return tokens * (forward + d_in * words + d_out * weights + d_out * mixture)


def name_of(function, sizes):
    return f"vet {function} {sizes[0]}->{sizes[2]}"


def case(sizes, function, tokens):
    torch.manual_seed(1)
    table = Table(*sizes, function)
    return table, torch.randn(tokens, sizes[0])


def time(sizes, function, tokens, threads, seconds):
    table, x = case(sizes, function, max(tokens))
    for count in tokens:
        for mode in MODES:
            median_ms, samples = measure(call(table, x[:count], mode), seconds)
            flop = 2 * multiply_adds(sizes, function, count, mode)
            fields = {"mode": mode, "tokens": count, "words": sizes[1]}
            report(name_of(function, sizes), threads, median_ms, samples, flop, **fields)


def on_device(args):
    """The softmax table in one number type on a device, and without the compiler a large product."""
    dtype = DTYPES[args.dtype]
    sizes, counts, side = DEVICE_QUICK if args.quick else DEVICE
    impl = "pytorch compile" if args.compile else "pytorch eager"

    def timed(fn):
        def work():
            fn()
            # A GPU is still at work here.
            if args.device.startswith("cuda"):
                torch.cuda.synchronize()

        return measure(work, 2.0)

    if not args.compile:
        left, right = (torch.randn(side, side, device=args.device).to(dtype) for _ in range(2))
        fields = {"impl": impl, "dtype": args.dtype, "flop": 2 * side**3}
        timing = timed(lambda: left @ right)
        report(f"matmul {side}x{side}x{side}", args.threads, *timing, **fields)
    with torch.device(args.device):
        exact, wide = case(sizes, "softmax", max(counts))
    table = copy.deepcopy(exact).to(dtype)
    # Every number of tokens is compiled for itself, which is the faster code.
    table = torch.compile(table, dynamic=False) if args.compile else table
    for count in counts:
        x = wide[:count].to(dtype)
        with torch.no_grad():
            expected = exact(wide[:count])
            error = ((table(x).float() - expected).norm() / expected.norm()).item()
        for mode in MODES:
            flop = 2 * multiply_adds(sizes, "softmax", count, mode)
            fields = {"impl": impl, "dtype": args.dtype, "mode": mode, "tokens": count}
            fields |= {"words": sizes[1], "error": error, "flop": flop}
            timing = timed(call(table, x, mode))
            report(name_of("softmax", sizes), args.threads, *timing, **fields)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--quick", action="store_true", help="small images only, or sizes")
    parser.add_argument("--memory", nargs=3, metavar=("FUNCTION", "TOKENS", "MODE"))
    parser.add_argument("--device", help="the released table on cuda, cuda:1 or cpu")
    parser.add_argument("--dtype", choices=DTYPES, default="f32")
    parser.add_argument("--compile", action="store_true", help="by torch.compile instead of eagerly")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.device:
        if args.memory:
            parser.error("--memory is measured on the CPU; leave --device away")
        on_device(args)
        return
    if args.compile or args.dtype != "f32":
        parser.error("--compile and --dtype need --device, for example --device cuda")
    if args.memory:
        function, tokens, mode = args.memory
        table, x = case(RELEASED, function, int(tokens))
        kept = 4 * RELEASED[2] * int(tokens)
        if mode != "forward":
            # The gradients of head and table are as large as they are, and would hide the rest.
            table.head.requires_grad_(False)
            table.table.requires_grad_(False)
            x.requires_grad_()
            kept = 4 * (x.numel() + 2 * RELEASED[1])
        peak_mib = peak_of(call(table, x, mode), kept)
        fields = {"mode": mode, "tokens": int(tokens), "words": RELEASED[1]}
        report_peak(name_of(function, RELEASED), args.threads, peak_mib, **fields)
        return
    for words in VOCABULARIES:
        time((512, words, 128), "softmax", (STUDY_TOKENS,), args.threads, 2.0)
    for function in FUNCTIONS:
        small = args.quick or args.threads == 1 or function != "softmax"
        tokens = TOKENS[:1] if small else TOKENS
        time(RELEASED, function, tokens, args.threads, 4.0)


if __name__ == "__main__":
    main()
