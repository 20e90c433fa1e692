"""Sizes of the study, as in `crates/probe/src/presets.rs`."""

from dataclasses import dataclass, field, replace

# Alphabets by their size, characters in the order of their class numbers.
CHARSETS = {
    36: "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    94: "".join(map(chr, range(ord("!"), ord("~") + 1))),
}
WIDTH_PX, HEIGHT_PX, PATCH_PX, MERGE = 64, 32, 8, 2
TOKEN_PX = PATCH_PX * MERGE
INDICATORS = 4
D_TOKEN = 128

# Columns and lines of the character grid that puts so many characters on a token.
GRIDS = {0.5: (4, 1), 1.0: (4, 2), 2.0: (8, 2), 3.0: (12, 2), 4.0: (8, 4)}

PLAIN = ("identity", "linear", "mean-pool", "patch-merger", "blind")
HARD = ("vet-st-argmax", "vet-st-argmax-raw", "vet-gumbel", "vet-gumbel-annealed")
WITH_VOCABULARY = ("gelu-mlp", "vet-softmax", *HARD)

QUICK_ARMS = (
    "identity", "linear", "mean-pool", "patch-merger",
    "gelu-mlp@256", "gelu-mlp@1024", "vet-softmax@256", "vet-softmax@1024",
    "vet-st-argmax@256", "vet-st-argmax@256+usage", "vet-st-argmax@1024+usage",
    "vet-st-argmax-raw@256", "vet-st-argmax-raw@256+usage",
    "vet-gumbel@256", "vet-gumbel@256+usage",
    "vet-gumbel-annealed@256", "vet-gumbel-annealed@256+usage",
    "blind",
)
SMOKE_ARMS = (
    "identity", "patch-merger", "gelu-mlp@64", "vet-softmax@64", "vet-st-argmax@64+usage",
    "vet-gumbel@64", "blind",
)


@dataclass(frozen=True)
class Arm:
    """An arm by its parts: `kind[@K][+usage]`."""

    name: str
    kind: str
    words: int
    usage: bool

    @classmethod
    def parse(cls, name):
        rest, usage = (name[: -len("+usage")], True) if name.endswith("+usage") else (name, False)
        kind, _, vocabulary = rest.partition("@")
        if kind in PLAIN and not vocabulary and not usage:
            return cls(name, kind, 0, False)
        known = kind in WITH_VOCABULARY and vocabulary.isdigit() and int(vocabulary) > INDICATORS
        if not known or (usage and kind not in HARD):
            arms = ", ".join(PLAIN + tuple(f"{kind}@K" for kind in WITH_VOCABULARY))
            raise ValueError(f"unknown arm `{name}`; known: {arms}; `+usage` on hard words only")
        return cls(name, kind, int(vocabulary) - INDICATORS, usage)

    @property
    def is_hard(self):
        return self.kind in HARD

    @property
    def is_sampled(self):
        return self.kind.startswith("vet-gumbel")


@dataclass(frozen=True)
class Settings:
    """Everything that decides the results; the defaults are those of preset `quick`."""

    preset: str = "quick"
    arms: tuple = field(default_factory=lambda: tuple(map(Arm.parse, QUICK_ARMS)))
    seeds: tuple = (1, 2, 3)
    densities: tuple = (2.0,)
    charset: str = CHARSETS[36]
    test_contents: tuple = ("random", "words")
    train_images: int = 4000
    validation_images: int = 300
    test_images: int = 1500
    test_words_images: int = 500
    hardening_images: int = 200
    steps: int = 350
    batch: int = 64
    learning_rates: tuple = (4e-3, 8e-3, 1.6e-2)
    evaluations: int = 6
    evaluation_images: int = 60
    usage_weight: float = 1.0
    warmup: int = 50
    weight_decay: float = 0.05
    clip: float = 1.0
    data_seed: int = 1


QUICK = Settings()
SMOKE = replace(
    QUICK,
    preset="smoke",
    arms=tuple(map(Arm.parse, SMOKE_ARMS)),
    seeds=(1, 2),
    densities=(1.0, 2.0),
    test_contents=("random",),
    train_images=256,
    validation_images=32,
    test_images=64,
    test_words_images=64,
    hardening_images=16,
    steps=30,
    batch=32,
    learning_rates=(2e-3,),
    evaluations=2,
    evaluation_images=32,
)
PRESETS = {"quick": QUICK, "smoke": SMOKE}
