"""Expected pixels for the tests of crates/image-processor, from Pillow and transformers.

    python -m venv venv
    venv/bin/pip install pillow==11.3.0 numpy==2.4.6 safetensors==0.8.0 transformers==5.23.0
    venv/bin/python tools/image_fixtures.py
    venv/bin/pip install pillow==13.0.0
    venv/bin/python tools/image_fixtures.py

Pillow 13 resizes some images in another order of passes; under it, only resize_pillow13.json is
written. Neither torch nor torchvision is needed: transformers' PIL processors are used where they
exist (Qwen2-VL, SigLIP for Ovis2.5, CLIP and Ovis2 for Ovis2, GOT-OCR2 for InternVL), and NumPy for
what comes after them.

Source images are not stored: `pattern` computes them, here and in the tests.
"""

import hashlib
import io
import json
import math
import struct
import zlib
from importlib.metadata import version
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps
from safetensors.numpy import save_file

OUT = Path(__file__).parents[1] / "crates/image-processor/tests/fixtures"
VERSIONS = {name: version(name) for name in ("pillow", "numpy", "transformers")}
FILTERS = {"bilinear": 2, "bicubic": 3}
PATTERNS = ("noise", "contrast", "ramp")


def pattern(name, width, height):
    """`[height, width, 3]` levels that depend on position and channel only."""
    y, x, c = np.meshgrid(
        *(np.arange(n, dtype=np.uint32) for n in (height, width, 3)), indexing="ij"
    )
    if name == "ramp":
        return ((3 * x + 5 * y + 40 * c) & 255).astype(np.uint8)
    mixed = x * np.uint32(73856093) ^ y * np.uint32(19349663) ^ c * np.uint32(83492791)
    mixed = (mixed ^ (mixed >> np.uint32(15))) * np.uint32(2654435761)
    level = (mixed >> np.uint32(24)).astype(np.uint8)
    return level if name == "noise" else np.where(level < 128, 0, 255).astype(np.uint8)


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def write_json(name, **content):
    """One line per case: small differences stay readable."""
    cases = content.pop("cases")
    head = json.dumps(content | VERSIONS, sort_keys=True)[1:-1]
    lines = ",\n".join(json.dumps(case) for case in cases)
    (OUT / name).write_text(f'{{{head}, "cases": [\n{lines}\n]}}\n')


# Resizing ------------------------------------------------------------------------------------------

SIZES = [
    ((70, 70), (56, 56)), ((42, 98), (56, 112)), ((20, 20), (56, 56)), ((5, 1000), (28, 812)),
    ((1, 1), (28, 28)), ((1, 200), (28, 812)), ((200, 1), (812, 28)), ((333, 77), (224, 56)),
    ((640, 480), (644, 476)), ((1000, 700), (448, 313)), ((37, 53), (37, 100)),
    ((37, 53), (100, 53)), ((255, 255), (256, 256)), ((1234, 77), (448, 27)), ((9, 9), (1, 1)),
    ((2000, 3), (28, 28)), ((64, 64), (64, 64)), ((2, 2), (7, 5)), ((100, 1000), (90, 100)),
]


def resize_cases():
    sizes = list(SIZES)
    random = np.random.default_rng(4)
    for _ in range(40):
        sides = np.exp(random.uniform(0, math.log(500), 4)).astype(int).tolist()
        sizes.append((tuple(sides[:2]), tuple(sides[2:])))
    for index, (source, target) in enumerate(sizes):
        for filter_name, number in FILTERS.items():
            name = PATTERNS[index % 2]
            image = Image.fromarray(pattern(name, *source))
            yield source, target, filter_name, name, np.array(image.resize(target, number))


def write_resize(name):
    cases = [
        {"source": source, "target": target, "filter": kernel, "pattern": name_,
         "sha256": sha256(pixels)}
        for source, target, kernel, name_, pixels in resize_cases()
    ]
    write_json(name, cases=cases)


def write_resize_pixels():
    """A few images in full, so that a failure can be measured, not only noticed."""
    tensors = {}
    for source, target in [((70, 70), (56, 56)), ((42, 98), (56, 112)), ((333, 77), (56, 28))]:
        for kernel, number in FILTERS.items():
            image = Image.fromarray(pattern("contrast", *source)).resize(target, number)
            tensors[f"{kernel}.{source[0]}x{source[1]}"] = np.array(image)
    save_file(tensors, OUT / "resize.safetensors", VERSIONS)


# Sizes ---------------------------------------------------------------------------------------------

SIDES = [1, 2, 5, 13, 20, 27, 28, 29, 31, 32, 33, 42, 48, 56, 70, 98, 112, 160, 199, 200, 201, 333,
         448, 500, 700, 896, 1000, 1344, 1792, 2500, 4000, 6400, 10000, 65535]


def ovis_size(height, width, factor, smallest, largest):
    """The rule of Ovis2.5; `None` where a side becomes 0."""
    short, long = min(height, width), max(height, width)
    if short < factor:
        scaled = round(factor / short * long)
        height, width = (factor, scaled) if height < width else (scaled, factor)
    elif long / short > 200:
        height, width = (200 * width, width) if height > width else (height, 200 * height)
    new = [round(side / factor) * factor for side in (height, width)]
    if new[0] * new[1] > largest:
        shrink = math.sqrt(height * width / largest)
        new = [math.floor(side / shrink / factor) * factor for side in (height, width)]
    elif new[0] * new[1] < smallest:
        grow = math.sqrt(smallest / (height * width))
        new = [math.ceil(side * grow / factor) * factor for side in (height, width)]
    return new if all(new) else None


def qwen_size(height, width, factor, smallest, largest):
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

    try:
        return smart_resize(height, width, factor, smallest, largest)
    except ValueError:
        return None


def write_sizes():
    rules = {
        "qwen2_5_vl": (qwen_size, 28, 3136, 12845056),
        "qwen_class_defaults": (qwen_size, 28, 3136, 1003520),
        "qwen3_vl": (qwen_size, 32, 65536, 16777216),
        "ovis2_5_2b": (ovis_size, 32, 448**2, 1344 * 1792),
        "ovis2_5_9b": (ovis_size, 32, 448**2, 1792**2),
    }
    tensors = {"sides": np.array(SIDES, np.uint32)}
    for name, (rule, *limits) in rules.items():
        sizes = [[rule(height, width, *limits) or (0, 0) for width in SIDES] for height in SIDES]
        tensors[name] = np.array(sizes, np.uint32)
    from transformers.models.ovis2.image_processing_pil_ovis2 import get_min_tile_covering_grid

    for name, most in (("ovis2", 9), ("ovis2_transformers", 12)):
        grids = [[get_min_tile_covering_grid((height, width), 448, most) for width in SIDES]
                 for height in SIDES]
        if name == "ovis2_transformers":
            # Its caller takes the grid's (rows, columns) for (columns, rows).
            grids = [[(columns, rows) for rows, columns in line] for line in grids]
        tensors[name] = np.array(grids, np.uint8)
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import get_optimal_tiled_canvas

    for name, least, most in (("internvl", 1, 12), ("internvl_2_to_6", 2, 6)):
        # Columns and rows.
        canvas = [[get_optimal_tiled_canvas((height, width), (448, 448), least, most)[::-1]
                   for width in SIDES] for height in SIDES]
        tensors[name] = np.array(canvas, np.uint8)
    save_file(tensors, OUT / "sizes.safetensors", VERSIONS)


# Processors ----------------------------------------------------------------------------------------


def pack(frames, patch, merge, temporal):
    """Frames `[3, height, width]` as rows (t, by, bx, dy, dx), columns (channel, frame, y, x)."""
    while len(frames) % temporal:
        frames = [*frames, frames[-1]]
    video = np.stack(frames)
    count, channels, height, width = video.shape
    rows, cols = height // patch, width // patch
    blocks = video.reshape(
        count // temporal, temporal, channels, rows // merge, merge, patch, cols // merge, merge,
        patch,
    )
    order = blocks.transpose(0, 3, 6, 4, 7, 2, 1, 5, 8)
    grid = [count // temporal, rows, cols]
    return order.reshape(math.prod(grid), channels * temporal * patch * patch), grid


def packed_cases():
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    qwen = Qwen2VLImageProcessorPil(size={"shortest_edge": 3136, "longest_edge": 12845056})
    for size in [(70, 70), (42, 98), (20, 20), (1, 1), (1, 200), (333, 77), (1000, 700)]:
        image = Image.fromarray(pattern("noise", *size))
        output = qwen(images=[image], return_tensors="np")
        yield "qwen2_5_vl", [size], output["pixel_values"], output["image_grid_thw"][0].tolist()

    size = (90, 50)
    frames = [pattern("noise", *size), pattern("contrast", *size), pattern("ramp", *size)]
    frames = [qwen(images=[Image.fromarray(frame)])["pixel_values"] for frame in frames]
    # Undo the patches of each frame: both of its temporal halves are the frame itself.
    height, width = qwen_size(size[1], size[0], 28, 3136, 12845056)
    unpacked = [
        rows.reshape(height // 28, width // 28, 2, 2, 3, 2, 14, 14)[:, :, :, :, :, 0]
        .transpose(4, 0, 2, 5, 1, 3, 6).reshape(3, height, width)
        for rows in frames
    ]
    yield "qwen2_5_vl", [size] * 3, *pack(unpacked, 14, 2, 2)

    # `preprocessor_config.json` of the releases.
    qwen3 = Qwen2VLImageProcessorPil(
        patch_size=16, image_mean=[0.5] * 3, image_std=[0.5] * 3,
        size={"shortest_edge": 65536, "longest_edge": 16777216},
    )
    for size in [(70, 70), (1, 1), (42, 98), (1, 200), (1000, 700), (640, 480)]:
        output = qwen3(images=[Image.fromarray(pattern("noise", *size))], return_tensors="np")
        yield "qwen3_vl", [size], output["pixel_values"], output["image_grid_thw"][0].tolist()

    siglip = SiglipImageProcessorPil(resample=2)
    for name, most in (("ovis2_5_2b", 1344 * 1792), ("ovis2_5_9b", 1792**2)):
        for sizes in [[(70, 70)], [(1, 1)], [(20, 500)], [(2000, 1700)], [(333, 77), (333, 77)]]:
            width, height = sizes[0]
            height, width = ovis_size(height, width, 32, 448**2, most)
            frames = [
                siglip(images=Image.fromarray(pattern(PATTERNS[index], *size)),
                       size={"height": height, "width": width}, return_tensors="np")
                ["pixel_values"][0]
                for index, size in enumerate(sizes)
            ]
            yield name, sizes, *pack(frames, 16, 2, 1)


def write_packed():
    cases, rows = [], {}
    for family, frames, values, grid in packed_cases():
        assert values.dtype == np.float32
        cases.append({"family": family, "frames": frames, "grid": grid,
                      "shape": values.shape, "sha256": sha256(values)})
        if frames in ([(70, 70)], [(90, 50)] * 3) and family != "ovis2_5_9b":
            rows[f"{family}.{len(frames)}"] = values[[0, 1, 2, -1]]
    write_json("packed.json", cases=cases)
    save_file(rows, OUT / "packed.safetensors", VERSIONS)


def official_tiles(image, side, clip):
    from transformers.models.ovis2.image_processing_pil_ovis2 import get_min_tile_covering_grid

    width, height = image.size
    rows, cols = get_min_tile_covering_grid((height, width), side, 9)
    ys = [row * (height // rows) for row in range(rows)] + [height]
    xs = [col * (width // cols) for col in range(cols)] + [width]
    crops = [image.crop((xs[c], ys[r], xs[c + 1], ys[r + 1]))
             for r in range(rows) for c in range(cols)]
    if len(crops) > 1:
        crops = [image, *crops]
    tiles = np.zeros((len(crops), 3, side, side), np.float32)
    for tile, crop in zip(tiles, crops):
        width, height = crop.size
        if width > height:
            new = {"width": side, "height": int(height / width * side)}
        else:
            new = {"width": int(width / height * side), "height": side}
        values = clip(images=crop, size=new, return_tensors="np")["pixel_values"][0]
        top, left = ((side - n) // 2 for n in values.shape[1:])
        tile[:, top:top + values.shape[1], left:left + values.shape[2]] = values
    return tiles, [rows, cols]


def write_tiles():
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import (
        GotOcr2ImageProcessorPil, get_optimal_tiled_canvas,
    )
    from transformers.models.ovis2.image_processing_pil_ovis2 import Ovis2ImageProcessorPil

    clip = CLIPImageProcessorPil(do_center_crop=False)
    cases = []
    for side, sizes in {
        56: [(56, 56), (112, 56), (56, 112), (10, 10), (300, 200), (67, 500), (1, 1), (113, 171)],
        448: [(900, 440), (70, 70)],
    }.items():
        ovis = Ovis2ImageProcessorPil(crop_to_patches=True, size={"height": side, "width": side})
        for size in sizes:
            image = Image.fromarray(pattern("noise", *size))
            tiles, grid = official_tiles(image, side, clip)
            output = ovis(images=image, return_tensors="np")
            for rule, values, grid in [
                ("official", tiles, grid),
                ("transformers", output["pixel_values"], np.array(output["grids"][0]).tolist()),
            ]:
                values = np.asarray(values)
                assert values.dtype == np.float32
                cases.append({"rule": rule, "side": side, "source": size, "grid": grid,
                              "tiles": len(values), "sha256": sha256(values)})
    for side, sizes in {
        # Squares are as close to 1 x 1 as to 2 x 2 and 3 x 3; their area decides.
        56: [(56, 56), (112, 56), (56, 112), (10, 10), (300, 200), (67, 500), (1, 1), (113, 171),
             (79, 79), (80, 80), (119, 119)],
        448: [(900, 440), (70, 70)],
    }.items():
        internvl = GotOcr2ImageProcessorPil(
            crop_to_patches=True, size={"height": side, "width": side},
            image_mean=(0.485, 0.456, 0.406), image_std=(0.229, 0.224, 0.225),
        )
        for size in sizes:
            image = Image.fromarray(pattern("noise", *size))
            values = np.asarray(internvl(images=image, return_tensors="np")["pixel_values"])
            assert values.dtype == np.float32
            columns, rows = get_optimal_tiled_canvas(size[::-1], (side, side), 1, 12)
            cases.append({"rule": "internvl", "side": side, "source": size, "grid": [rows, columns],
                          "tiles": len(values), "sha256": sha256(values)})
    write_json("tiles.json", cases=cases)


# Files ---------------------------------------------------------------------------------------------


def png16(levels, colour_type):
    """A 16-bit PNG `[height, width, channels]`; Pillow writes grey ones only."""

    def chunk(kind, data):
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    height, width, _ = levels.shape
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in levels)
    head = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines))
            + chunk(b"IEND", b""))


def files():
    """Name and bytes of small files of all kinds."""

    def saved(image, kind, **options):
        file = io.BytesIO()
        image.save(file, kind, **options)
        return file.getvalue()

    def exif(orientation):
        tags = Image.Exif()
        tags[0x0112] = orientation
        return tags

    rgb = pattern("noise", 13, 9)
    image = Image.fromarray(rgb)
    alpha = Image.fromarray(pattern("ramp", 13, 9)[:, :, 1])
    clear = image.copy()
    clear.putalpha(alpha)
    palette = image.quantize(16)
    yield "rgb.png", saved(image, "PNG")
    yield "rgba.png", saved(clear, "PNG")
    yield "grey.png", saved(image.convert("L"), "PNG")
    yield "grey-alpha.png", saved(clear.convert("LA"), "PNG")
    yield "palette.png", saved(palette, "PNG")
    yield "palette-transparent.png", saved(palette, "PNG", transparency=3)
    yield "rgb-transparent.png", saved(image, "PNG", transparency=tuple(rgb[0, 0].tolist()))
    yield "bits.png", saved(image.convert("1"), "PNG")
    wide = rgb.astype(np.uint16) << 8 | 200
    yield "rgb16.png", png16(wide, 2)
    yield "rgba16.png", png16(np.concatenate([wide, wide[:, :, :1]], 2), 6)
    for orientation in range(1, 9):
        yield f"orientation-{orientation}.png", saved(image, "PNG", exif=exif(orientation))
    smooth = Image.fromarray(pattern("noise", 6, 4)).resize((40, 27), 3)
    yield "full.jpg", saved(smooth, "JPEG", quality=95, subsampling=0)
    yield "half.jpg", saved(smooth, "JPEG", quality=75, subsampling=2)
    yield "progressive.jpg", saved(smooth, "JPEG", quality=85, progressive=True)
    yield "grey.jpg", saved(smooth.convert("L"), "JPEG", quality=90)
    yield "turned.jpg", saved(smooth.convert("L"), "JPEG", quality=90, exif=exif(6))
    yield "cmyk.jpg", saved(smooth.convert("CMYK"), "JPEG", quality=95)


def write_files():
    tensors = {}
    for name, content in files():
        image = ImageOps.exif_transpose(Image.open(io.BytesIO(content))).convert("RGB")
        tensors[f"file.{name}"] = np.frombuffer(content, np.uint8)
        tensors[f"pixels.{name}"] = np.array(image)
    save_file(tensors, OUT / "files.safetensors", VERSIONS)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    if int(PIL.__version__.split(".")[0]) >= 13:
        write_resize("resize_pillow13.json")
        return
    write_resize("resize.json")
    write_resize_pixels()
    write_sizes()
    write_packed()
    write_tiles()
    write_files()


if __name__ == "__main__":
    main()
