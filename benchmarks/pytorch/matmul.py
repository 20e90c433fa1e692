"""Matrix products and elementwise operations in eager PyTorch; the twin of `versus_matmul`."""

import argparse

import torch
import torch.nn.functional as F

from timing import measure, report

PRODUCTS = [(512, 1024, 1024), (256, 1152, 16_384), (512, 4608, 16_384)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    with torch.inference_mode():
        for m, k, n in PRODUCTS:
            left, right = torch.randn(m, k), torch.randn(k, n)
            time = measure(lambda: left @ right)
            report(f"matmul {m}x{k}x{n}", threads, *time, flop=2 * m * k * n)
        x = torch.randn(256, 16_384)
        report("softmax 256x16384", threads, *measure(lambda: F.softmax(x, dim=-1)))
        x = torch.randn(2048, 384)
        report("gelu 2048x384", threads, *measure(lambda: F.gelu(x)))
        x, gain, bias = torch.randn(2048, 128), torch.ones(128), torch.zeros(128)
        norm = measure(lambda: F.layer_norm(x, (128,), gain, bias, 1e-5))
        report("layer_norm 2048x128", threads, *norm)


if __name__ == "__main__":
    main()
