"""The nearest words of a codebook, and k-means; the twin of `versus_codes`.

PyTorch has a product and an argmin; faiss has an exact index, filled before the clock starts, and Lloyd's
algorithm from points drawn at random, with as many rounds as ours has per level. Rows named after faiss are its.
"""

import argparse

import faiss
import numpy as np
import torch

from timing import measure, report

TOKENS = 512
CODEBOOKS = [(1024, 16), (65_536, 16), (65_536, 128)]
CLUSTERED = (131_072, 64, 4096)
SMALL = (4096, 16, 64)
ROUNDS = 10


def points(rows, d, seed):
    """Rows of which each number has less variance than the one before."""
    scales = (1.0 + np.arange(d)) ** -0.5
    return (np.random.default_rng(seed).standard_normal((rows, d)) * scales).astype(np.float32)


def nearest(threads):
    for words, d in CODEBOOKS:
        tokens, codes = points(TOKENS, d, 1), points(words, d, 2)
        fields = {"flop": 2 * TOKENS * words * d, "tokens": TOKENS, "words": words}
        left, right = torch.from_numpy(tokens), torch.from_numpy(codes)

        def ids():
            # As ours, which gets new codes in every step.
            half_norms = right.square().sum(1).mul_(0.5)
            return torch.addmm(half_norms, left, right.T, beta=-1).argmax(1)

        report(f"nearest of width {d}", threads, *measure(ids), **fields)
        index = faiss.IndexFlatL2(d)
        index.add(codes)
        time = measure(lambda: index.search(tokens, 1))
        report(f"nearest of width {d}, faiss", threads, *time, **fields)
        same = (index.search(tokens, 1)[1][:, 0] == ids().numpy()).mean()
        assert same > 0.99, f"PyTorch and faiss agree on {same:.1%} of the words"


def clustered(threads, count, d, words):
    rows = points(count, d, 1)

    def train():
        found = faiss.Kmeans(d, words, niter=ROUNDS, seed=1, min_points_per_centroid=1)
        found.train(rows)
        return found

    time = measure(train)
    distances, _ = train().index.search(rows, 1)
    report(
        f"k-means of width {d}, faiss",
        threads,
        *time,
        tokens=count,
        words=words,
        distortion=float(distances.astype(np.float64).mean()),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--quick", action="store_true", help="few points for k-means")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    faiss.omp_set_num_threads(args.threads)
    with torch.inference_mode():
        nearest(args.threads)
    clustered(args.threads, *(SMALL if args.quick else CLUSTERED))


if __name__ == "__main__":
    main()
