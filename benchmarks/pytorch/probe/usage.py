"""How tokens use a vocabulary; the twin of `probe_statistics::vocabulary_usage`."""

import math

import numpy as np
import torch

SMALL_PROBABILITY = 1e-4
# Tokens of a group whose whole distribution is looked at; ids are counted for all.
SOFT_TOKENS = 4096


def powers_below(words):
    """1, 2, 4 … below `words`, and `words` itself."""
    return [2**i for i in range(words.bit_length()) if 2**i < words] + [words]


class Tally:
    """Adds up distributions over words, and the words of hard tokens."""

    def __init__(self, words):
        self.words, self.ks = words, powers_below(words)
        self.soft_tokens, self.entropy_nats, self.above_small = 0, 0.0, 0
        self.mass = np.zeros(words)
        self.most_likely = np.zeros(words, np.int64)
        self.top_k_mass = np.zeros(len(self.ks))
        self.hard = None

    def add(self, probabilities, ids):
        if self.soft_tokens < SOFT_TOKENS:
            self.add_probabilities(probabilities.flatten(0, -2))
        if ids is not None:
            counts = torch.bincount(ids.flatten(), minlength=self.words).numpy()
            self.hard = counts if self.hard is None else self.hard + counts

    def add_probabilities(self, p):
        self.soft_tokens += len(p)
        self.entropy_nats += torch.special.entr(p).sum(dtype=torch.float64).item()
        self.above_small += int((p > SMALL_PROBABILITY).sum())
        self.mass += p.sum(0, dtype=torch.float64).numpy()
        best = torch.bincount(p.argmax(-1), minlength=self.words)
        self.most_likely += best.numpy()
        descending = np.sort(p.numpy(), axis=-1)[:, ::-1]
        cumulative = descending.mean(0, dtype=np.float64).cumsum()
        self.top_k_mass += len(p) * cumulative[np.array(self.ks) - 1]

    def merge(self, other):
        self.soft_tokens += other.soft_tokens
        self.entropy_nats += other.entropy_nats
        self.above_small += other.above_small
        self.mass += other.mass
        self.most_likely += other.most_likely
        self.top_k_mass += other.top_k_mass
        if other.hard is not None:
            self.hard = other.hard if self.hard is None else self.hard + other.hard

    def finish(self):
        """The numbers by name: distributions from the softmax, words from those taken."""
        used = self.mass if self.hard is None else self.hard.astype(np.float64)
        counts = self.most_likely if self.hard is None else self.hard
        marginal = entropy_nats(used)
        numbers = {
            "token_entropy_bits": self.entropy_nats / self.soft_tokens / math.log(2),
            "marginal_entropy_bits": marginal / math.log(2),
            "perplexity": math.exp(marginal),
            "codes_used": int((counts > 0).sum()),
            "codes_covering_90": codes_covering(used, 0.9),
            "fraction_above_1e-4": self.above_small / (self.soft_tokens * self.words),
        }
        if self.hard is not None:
            corrected = chao_shen_nats(self.hard)
            numbers["corrected_entropy_bits"] = corrected / math.log(2)
            numbers["perplexity"] = math.exp(corrected)
        for k, mass in zip(self.ks, self.top_k_mass / self.soft_tokens):
            numbers[f"top_k_mass/{k}"] = float(mass)
        return numbers


def entropy_nats(weights):
    p = weights[weights > 0] / weights.sum()
    return float(-(p * np.log(p)).sum())


def codes_covering(mass, share):
    cumulative = np.sort(mass)[::-1].cumsum()
    return int(np.searchsorted(cumulative, (share - 1e-12) * cumulative[-1])) + 1


def chao_shen_nats(counts):
    """Entropy of the distribution behind word counts, allowing for words not seen."""
    n, counts = counts.sum(), counts[counts > 0]
    singletons = int((counts == 1).sum())
    coverage = 1 - (singletons - (singletons == n)) / n
    p = coverage * counts / n
    return float(-(p * np.log(p) / -np.expm1(n * np.log1p(-p))).sum())
