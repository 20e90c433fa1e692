"""Runs inputs from the field through the built program and prints one line a case.

    python3 tools/field-cases/run.py target/debug/experiments CASES_DIR [NAME ...]

CASES_DIR has a folder a case, as the tests of our crates make them in small. Cases that a folder cannot
hold (links, names that are not UTF-8, a hub) are made here. Exit code 1 if a case is not as it should be.
"""

import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
CHECKPOINTS = REPO / "crates/published-models/tests/fixtures/checkpoints"
CASES = {}


class Wrong(Exception):
    """A case is not as it should be."""


def case(name):
    def register(function):
        CASES[name] = function
        return function

    return register


def expect(condition, found):
    if not condition:
        raise Wrong(str(found).strip().replace("\n", " | ")[-300:])


class Run:
    """What the program came to."""

    def __init__(self, finished):
        decode = lambda text: text.decode("utf-8", "replace")
        self.code = finished.returncode
        self.out, self.err = decode(finished.stdout), decode(finished.stderr)
        self.text = self.out + self.err
        expect(self.code not in (101, -6, -11), f"panic or crash: {self.err}")
        expect("panicked at" not in self.err, f"panic: {self.err}")

    def refused(self, *words):
        """Ended with an error whose text has one of `words`."""
        expect(self.code != 0, f"exit 0 instead of an error: {self.text}")
        self.says(*words)

    def worked(self):
        expect(self.code == 0, f"exit {self.code}: {self.err}")
        return self

    def says(self, *words):
        text = self.text.lower()
        expect(any(word.lower() in text for word in words), f"none of {words} in: {self.text}")
        return self


class Bench:
    """A scratch folder, the program, and the cases."""

    def __init__(self, program, cases, scratch):
        self.program, self.cases, self.scratch = program, cases, scratch

    def run(self, *arguments, env=None):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
        environment.update(HOME=str(self.scratch), **(env or {}))
        command = [self.program, *map(os.fsencode, arguments)]
        done = subprocess.run(command, cwd=self.scratch, env=environment, capture_output=True, check=False)
        return Run(done)

    def checkpoint(self, base="qwen2_5_vl", *overlays, without=()):
        folder = self.scratch / "ckpt"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(CHECKPOINTS / base, folder)
        for name in without:
            (folder / name).unlink(missing_ok=True)
        for overlay in overlays:
            for file in overlay.iterdir():
                shutil.copy(file, folder / file.name)
        return folder

    def encode(self, checkpoint, image=None, env=None):
        out = self.scratch / "x.safetensors"
        out.unlink(missing_ok=True)
        image = image or self.cases / "image.png"
        return self.run("encode", "--checkpoint", checkpoint, "--image", image, "--out", out, env=env)

    def tensors(self):
        """Names and shapes of what `encode` wrote, and its metadata."""
        raw = (self.scratch / "x.safetensors").read_bytes()
        (length,) = struct.unpack("<Q", raw[:8])
        header = json.loads(raw[8 : 8 + length])
        meta = header.pop("__metadata__", {})
        return {name: entry["shape"] for name, entry in header.items()}, meta, raw[8 + length :]

    def tokens(self):
        shapes = self.tensors()[0]
        return max(shape[0] for name, shape in shapes.items() if "embed" in name or "token" in name)

    def check(self, source):
        return self.run("data", "check", source)

    def labels(self, source):
        """Labels after `data import`, in order."""
        out = self.scratch / "imported"
        shutil.rmtree(out, ignore_errors=True)
        run = self.run("data", "import", source, "--to", "gt", "--out", out)
        if run.code:
            return None, run
        lines = (out / "gt.txt").read_text(encoding="utf-8").splitlines()
        return [line.split("\t", 1)[-1] for line in lines], run

    def fine(self, folder):
        return self.run(
            "fine-grained-probe", "--dataset", b"folder:" + os.fsencode(folder), "--preset", "smoke",
            "--arms", "blind,mean-pool", "--seeds", "1", "--results", self.scratch / "results",
            "--data", self.scratch / "data", "--backbone", REPO / "data/backbones/small-vit.safetensors",
        )  # fmt: skip


    def classes(self):
        """Rows of `classes.csv` of the run, without its head."""
        files = list((self.scratch / "results").rglob("classes.csv"))
        expect(files, "no classes.csv")
        return files[0].read_text(encoding="utf-8").splitlines()[1:]


# Checkpoints.


@case("config-resaved-by-transformers")
def _(bench):
    for base in ("ovis2_hf", "qwen2_5_vl", "qwen2_vl"):
        bench.encode(bench.checkpoint(base)).worked()
        plain = bench.tensors()[2]
        folder = bench.cases / "config-resaved-by-transformers" / base
        bench.encode(bench.checkpoint(base, folder)).worked()
        expect(bench.tensors()[2] == plain, f"{base}: other tokens than with the released config")


@case("config-in-channels-and-in-chans")
def _(bench):
    folder = bench.checkpoint("qwen2_5_vl")
    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    vision = config["vision_config"]
    channels = vision.get("in_chans", vision.get("in_channels", 3))
    vision.update(in_chans=channels, in_channels=channels)
    file.write_text(json.dumps(config), encoding="utf-8")
    bench.encode(folder).worked()
    vision["in_channels"] = channels + 1
    file.write_text(json.dumps(config), encoding="utf-8")
    bench.encode(folder).refused("in_chan")


def nested(bench, name, sub, without=("preprocessor_config.json",)):
    run = bench.encode(bench.checkpoint("qwen2_5_vl", bench.cases / name / sub, without=without))
    if run.code == 0:
        expect(bench.tokens() == 12, f"{bench.tokens()} tokens instead of 12")
    else:
        run.says("image_processor", "processor_config")


@case("processor-config-nested")
def _(bench):
    nested(bench, "processor-config-nested", "ckpt")
    nested(bench, "processor-config-nested", "ckpt_as_preprocessor_config", without=())


@case("pp-nested-image-processor")
def _(bench):
    nested(bench, "pp-nested-image-processor", "ckpt", without=())


@case("pp-size-hw")
def _(bench):
    bench.encode(bench.checkpoint("qwen2_5_vl", bench.cases / "pp-size-hw/ckpt")).refused("shortest_edge")


@case("ovis2-crop-to-patches-false")
def _(bench):
    folder = bench.checkpoint("ovis2_hf")
    file = folder / "preprocessor_config.json"
    settings = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.write_text(json.dumps({**settings, "crop_to_patches": True}), encoding="utf-8")
    bench.encode(folder).worked()
    tiles = bench.tokens()
    file.write_text(json.dumps({**settings, "crop_to_patches": False}), encoding="utf-8")
    run = bench.encode(folder)
    if run.code == 0:
        expect(bench.tokens() < tiles, f"{bench.tokens()} tokens, {tiles} with tiles")
    else:
        run.says("crop_to_patches")


@case("bnb-nf4")
def _(bench):
    bench.encode(bench.checkpoint("qwen2_5_vl", bench.cases / "bnb-nf4/ckpt")).refused("quanti")


@case("lfs-pointer")
def _(bench):
    bench.encode(bench.checkpoint("qwen2_5_vl", bench.cases / "lfs-pointer/ckpt")).refused("lfs")


def grid(bench, image):
    run = bench.encode(bench.checkpoint("qwen2_5_vl"), image)
    if run.code:
        return run
    shapes, meta, raw = bench.tensors()
    return json.dumps([shapes, meta]), raw


@case("images")
def _(bench):
    upright = grid(bench, bench.cases / "images/base.png")
    for name in ("xmp6.jpg", "exif6_long.jpg"):
        turned = grid(bench, bench.cases / "images" / name)
        if isinstance(turned, Run):
            turned.refused("orientation")
        else:
            expect(turned[0] != upright[0], f"{name} is not turned")


@case("jpeg-sampling")
def _(bench):
    for file in sorted((bench.cases / "jpeg-sampling").glob("*.jpg")):
        found = grid(bench, file)
        if isinstance(found, Run):
            found.refused("chroma", "sampl")
        else:
            raise Wrong(f"{file.name} was decoded; compare its pixels with Pillow's by hand")


@case("nonutf8-paths")
def _(bench):
    image = os.fsencode(bench.scratch) + b"/caf\xe9.png"
    shutil.copy(bench.cases / "image.png", image)
    run = bench.encode(bench.checkpoint("qwen2_5_vl"), image)
    if run.code:
        run.says("utf-8")
    out = bench.scratch / "inspected"
    run = bench.run("inspect", "--checkpoint", bench.scratch / "ckpt", "--image", image, "--out", out)
    if run.code:
        run.says("utf-8")


# Data sets of text.


@case("icdar-empty-label")
def _(bench):
    labels, run = bench.labels(f"icdar:{bench.cases / 'icdar-empty-label'}")
    expect(labels == ["Hello", "World"], labels or run.err)


@case("icdar-one-unlabelled")
def _(bench):
    labels, run = bench.labels(f"icdar:{bench.cases / 'icdar-one-unlabelled'}")
    expect(labels == ["Hello", "World"], labels or run.err)
    run.says("line 3")


@case("icdar-mlt")
def _(bench):
    labels, run = bench.labels(f"icdar:{bench.cases / 'icdar-mlt'}")
    expect(labels is None or (labels[0] == "Hello" and not any("###" in label for label in labels)), labels)
    expect(labels is None or not any("," in label for label in labels), labels)


@case("icdar13-space-comma")
def _(bench):
    labels, run = bench.labels(f"icdar:{bench.cases / 'icdar13-space-comma'}")
    expect(labels == ["Hello", "1,000", "a, b"], labels or run.err)


@case("icdar-detection-only")
def _(bench):
    bench.check(f"icdar:{bench.cases / 'icdar-detection-only'}").refused("no transcription")


@case("icdar-cp1252")
def _(bench):
    bench.check(f"icdar:{bench.cases / 'icdar-cp1252'}").refused("utf-8", "encod")


@case("icdar-utf16")
def _(bench):
    bench.check(f"icdar:{bench.cases / 'icdar-utf16'}").refused("utf-16")


@case("icdar-official")
def _(bench):
    run = bench.check(f"icdar:{bench.cases / 'icdar-official'}")
    if run.code:
        run.says("gt_", "transcription_gt")


@case("icdar-two-images")
def _(bench):
    labels, run = bench.labels(f"icdar:{bench.cases / 'icdar-two-images'}")
    expect(labels is None or len(labels) == 2 or "img_1.png" in run.text, labels)


@case("gt-cr-only")
def _(bench):
    labels, run = bench.labels(f"gt:{bench.cases / 'gt-cr-only'}")
    expect(labels is None or len(labels) == 3, labels)


@case("gt-spaces")
def _(bench):
    labels, run = bench.labels(f"gt:{bench.cases / 'gt-spaces'}")
    expect(labels is not None and len(labels) == 3, labels or run.err)


@case("doctr-bom")
def _(bench):
    run = bench.check(f"doctr:{bench.cases / 'doctr-bom'}")
    if run.code:
        run.says("byte-order mark", "BOM")


@case("doctr-dup")
def _(bench):
    labels, run = bench.labels(f"doctr:{bench.cases / 'doctr-dup'}")
    expect(labels is None or len(labels) == 1, labels)
    run.says("twice", "a.png")


@case("lmdb-zero-based")
def _(bench):
    bench.check(f"lmdb:{bench.cases / 'lmdb-zero-based/set'}").refused("from 0", "000000000")


@case("folder-truncated-jpeg")
def _(bench):
    folder = bench.cases / "folder-truncated-jpeg"
    run = bench.run(
        "ocr-probe", "--preset", "smoke", "--layout", "strip", "--arms", "blind", "--seeds", "1",
        "--dataset", f"folder:{folder}", "--results", bench.scratch / "results",
        "--data", bench.scratch / "data", "--backbone", REPO / "data/backbones/small-vit.safetensors",
    )  # fmt: skip
    run.says("a.jpg")
    run.says("b.jpg")


@case("lmdb-symlink")
def _(bench):
    source = bench.cases / "lmdb-zero-based/set/data.mdb"
    made = bench.scratch / "export"
    bench.run("data", "export", "--out", made, "--images", "4").worked()
    source = next(made.rglob("data.mdb"))
    blobs, sets = bench.scratch / "blobs", bench.scratch / "snapshots/abc/test"
    blobs.mkdir()
    sets.mkdir(parents=True)
    shutil.copy(source, blobs / "0f")
    (sets / "data.mdb").symlink_to("../../../blobs/0f")
    for place in (sets, bench.scratch / "snapshots"):
        run = bench.check(f"lmdb:{place}")
        if run.code:
            run.says("link")


@case("icdar-symlink")
def _(bench):
    source, view = bench.cases / "icdar-empty-label", bench.scratch / "view"
    view.mkdir()
    (view / "img_1.jpg").symlink_to(source / "img_1.jpg")
    shutil.copy(source / "gt_img_1.txt", view)
    labels, run = bench.labels(f"icdar:{view}")
    expect(labels == ["Hello", "World"] or "link" in run.text, run.text)


# Folders of classes.


@case("cf-one-class")
def _(bench):
    bench.fine(bench.cases / "cf-one-class").refused("two classes", "2 classes", "one class")


@case("cf-nested")
def _(bench):
    bench.fine(bench.cases / "cf-nested").refused("one level lower")


@case("cf-webp-mixed")
def _(bench):
    run = bench.fine(bench.cases / "cf-webp-mixed").worked()
    expect(len(bench.classes()) == 2, bench.classes())
    # Either read, and then nothing is left out, or counted.
    expect("left out" not in run.text or "60" in run.text, run.text)


@case("cf-latin1-class")
def _(bench):
    folder = bench.scratch / "classes"
    shutil.copytree(bench.cases / "cf-nested/train", folder)
    os.rename(os.fsencode(folder) + b"/Wren", os.fsencode(folder) + b"/Zaunk\xf6nig")
    run = bench.fine(folder)
    if run.code:
        run.says("utf-8")
    else:
        expect(len(bench.classes()) == 2, bench.classes())


@case("cf-symlink-view")
def _(bench):
    view = bench.scratch / "view"
    for name in ("Albatross", "Wren"):
        (view / name).mkdir(parents=True)
        for file in sorted((bench.cases / "cf-nested/train" / name).iterdir()):
            (view / name / file.name).symlink_to(file)
    run = bench.fine(view)
    if run.code:
        run.says("link")


# A hub.


class Hub(BaseHTTPRequestHandler):
    """Answers every request with one status and notes what was asked."""

    seen = []
    status = 404

    def do_GET(self):
        Hub.seen.append((self.path, self.headers.get("Authorization")))
        self.send_response(Hub.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


def with_hub(bench, status, env):
    server = HTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Hub.seen, Hub.status = [], status
    endpoint = f"http://127.0.0.1:{server.server_port}"
    try:
        return bench.encode("ACME/Tiny-VL", env={"HF_ENDPOINT": endpoint, **env}), list(Hub.seen)
    finally:
        server.shutdown()


def hub_cache(bench):
    repo = bench.scratch / "hf/hub/models--ACME--Tiny-VL"
    shutil.rmtree(bench.scratch / "hf", ignore_errors=True)
    snapshot = repo / "snapshots/abc"
    shutil.copytree(CHECKPOINTS / "qwen2_5_vl", snapshot)
    (snapshot / "preprocessor_config.json").unlink(missing_ok=True)
    (repo / "refs").mkdir()
    (repo / "refs/main").write_text("abc", encoding="utf-8")


@case("hub-cache-without-preprocessor")
def _(bench):
    hub_cache(bench)
    run, seen = with_hub(bench, 404, {"HF_HOME": str(bench.scratch / "hf")})
    expect(seen, "no request although a file is missing")
    run.says("preprocessor_config.json")
    run = bench.encode("ACME/Tiny-VL", env={"HF_HOME": str(bench.scratch / "hf"), "HF_HUB_OFFLINE": "1"})
    run.says("preprocessor_config.json")


@case("hub-env")
def _(bench):
    for value in ("~/hf", "$HOME/hf"):
        hub_cache(bench)
        bench.encode("ACME/Tiny-VL", env={"HF_HOME": value, "HF_HUB_OFFLINE": "1"})
        expect(not (bench.scratch / "~").exists() and not (bench.scratch / "$HOME").exists(), "a literal folder")
        run = bench.encode("ACME/Tiny-VL", env={"HF_HOME": value, "HF_HUB_OFFLINE": "1"})
        run.says("preprocessor_config.json")
    shutil.rmtree(bench.scratch / "hf", ignore_errors=True)
    token = bench.scratch / "token"
    token.write_text("hf_file\n", encoding="utf-8")
    for env, bearer in (
        ({"HF_TOKEN": "hf_plain\n"}, "hf_plain"),
        ({"HF_TOKEN_PATH": "~/token"}, "hf_file"),
        ({"HUGGING_FACE_HUB_TOKEN": "hf_old"}, "hf_old"),
    ):
        run, seen = with_hub(bench, 401, {"HF_HOME": str(bench.scratch / "hf"), **env})
        expect(any(header == f"Bearer {bearer}" for _, header in seen), f"{env}: {seen} {run.err}")
        run.refused("token")
    run, _ = with_hub(bench, 403, {"HF_HOME": str(bench.scratch / "hf")})
    run.refused("licen")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("cases", type=Path)
    parser.add_argument("names", nargs="*", help="some cases only")
    asked = parser.parse_args()
    failed = 0
    for name in asked.names or CASES:
        with tempfile.TemporaryDirectory() as scratch:
            bench = Bench(asked.program.resolve(), asked.cases.resolve(), Path(scratch))
            try:
                CASES[name](bench)
                print(f"ok    {name}", flush=True)
            except Wrong as wrong:
                failed += 1
                print(f"WRONG {name}: {wrong}", flush=True)
    print(f"{len(asked.names or CASES) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
