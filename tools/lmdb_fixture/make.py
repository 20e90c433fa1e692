"""A small LMDB data set written by Python's lmdb, for the tests of crates/scene-text.

    python3 -m venv venv
    venv/bin/pip install lmdb==3.0.0 pillow==11.3.0
    venv/bin/python tools/lmdb_fixture/make.py

lmdb 3.0.0 brings LMDB 0.9.36. The layout and the order of writing are those of
create_lmdb_dataset.py (DTRB, PARSeq). Twelve samples; sample 5 has no image, sample 6 no label,
the label of sample 7 is not UTF-8, the image of sample 8 is no image, that of sample 9 cut off, the
label of sample 10 empty. Sample 11 is a noisy image that does not fit into one page of the file.
`expected.json` holds the labels of the whole samples and the sizes and SHA-256 of their images, and
the strip that Pillow makes of sample 11: convert("L"), then resize((128, 32), BICUBIC). Pillow 13
resizes this image in another order of passes (see crates/image-processor).
"""

import hashlib
import io
import json
import random
import shutil
import tempfile
from pathlib import Path

import lmdb
from PIL import Image

OUT = Path(__file__).parents[2] / "crates/scene-text/tests/fixtures/python-lmdb"
LABELS = ["It's", "CAFÉ", "=1+1", "Main St.", "x", "y", None, "broken", "cut", "", "Noise-11", "日本"]


def picture(number):
    """An image whose pixels depend on the number alone; 11 is noise."""
    draw = random.Random(number)
    if number == 11:
        pixels = bytes(draw.randrange(256) for _ in range(120 * 40 * 3))
        return Image.frombytes("RGB", (120, 40), pixels)
    image = Image.new("RGB", (20 + 3 * number, 16), (200, 220, 240))
    for _ in range(40):
        place = (draw.randrange(image.width), draw.randrange(image.height))
        image.putpixel(place, (draw.randrange(256), 20, 60))
    return image


def encoded(number):
    out = io.BytesIO()
    picture(number).save(out, "JPEG" if number == 2 else "PNG")
    return out.getvalue()


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    expected = {"samples": {}}
    with tempfile.TemporaryDirectory() as folder:
        with lmdb.open(folder, map_size=1 << 24) as env, env.begin(write=True) as txn:
            for number, label in enumerate(LABELS, start=1):
                image = encoded(number)
                if number == 8:
                    image = b"no image"
                elif number == 9:
                    image = image[: len(image) // 2]
                label = b"\xff\xfe" if label is None else label.encode()
                if number != 5:
                    txn.put(b"image-%09d" % number, image)
                if number != 6:
                    txn.put(b"label-%09d" % number, label)
                if number not in (5, 6, 7, 8, 9, 10):
                    expected["samples"][number] = {
                        "label": label.decode(),
                        "size": list(picture(number).size),
                        "sha256": hashlib.sha256(image).hexdigest(),
                    }
            txn.put(b"num-samples", str(len(LABELS)).encode())
        shutil.copy(Path(folder) / "data.mdb", OUT / "data.mdb")
    strip = picture(11).convert("L").resize((128, 32), Image.Resampling.BICUBIC)
    expected["strip_sha256"] = hashlib.sha256(strip.tobytes()).hexdigest()
    (OUT / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
