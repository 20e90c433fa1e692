"""All settings of the replicate, in one place; what is not named here is as in preset `quick`."""

from dataclasses import replace

from probe.settings import CHARSETS, QUICK, Arm

# The arm that the others are compared with.
BASELINE = "patch-merger"
# Symbols of the alphabet by characters per token, as in the study in Rust.
SYMBOLS = {1.0: 94, 2.0: 94, 4.0: 36}


# How often a rate is tried beyond the best one where that lies on the edge, as the study does.
EXTENSIONS = 2
KINDS = ("identity", BASELINE, "gelu-mlp", "vet-softmax", "vet-st-argmax")


def arms(rows):
    """The compared arms, tables with so many rows; hard words have the usage regulariser."""
    plain, sized, hard = KINDS[:2], KINDS[2:], ("vet-st-argmax",)
    names = [f"{kind}@{rows}{'+usage' if kind in hard else ''}" for kind in sized]
    return tuple(map(Arm.parse, [*plain, *names]))


FULL = replace(
    QUICK,
    preset="full",
    # 1,024 words and the 4 indicator rows that are never taken.
    arms=arms(1028),
    seeds=(101, 102, 103),
    densities=tuple(SYMBOLS),
    test_contents=("random",),
    train_images=125_000,
    validation_images=1000,
    test_images=2000,
    hardening_images=0,
    steps=4000,
    learning_rates=(4e-3, 8e-3),
    evaluations=4,
    evaluation_images=200,
    data_seed=20_261_130,
)
SMOKE = replace(
    FULL,
    preset="smoke",
    arms=arms(64),
    seeds=FULL.seeds[:2],
    train_images=256,
    validation_images=64,
    test_images=128,
    evaluation_images=32,
    steps=30,
)
PRESETS = {settings.preset: settings for settings in (FULL, SMOKE)}


def of_density(settings, density):
    """The settings of one run: one density, never several, with the alphabet that goes with it."""
    return replace(settings, densities=(density,), charset=CHARSETS[SYMBOLS[density]])
