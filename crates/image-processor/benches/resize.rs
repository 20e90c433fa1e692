//! Resizing a photo-sized image of noise, and the whole way to the rows of patches.
//!
//! `cargo bench -p image-processor --profile dev` measures what `cargo run` runs. Bytes are those of
//! the source image.

use divan::Bencher;
use divan::counter::BytesCount;
use image::RgbImage;
use image_processor::{Filter, PackedConfig, Size, resize};

fn main() {
    divan::main();
}

/// 4000 x 3000 px from a multiplicative hash.
fn photo() -> RgbImage {
    let level = |x: u32, y: u32, channel: u32| {
        let mixed = x.wrapping_mul(73_856_093)
            ^ y.wrapping_mul(19_349_663)
            ^ channel.wrapping_mul(83_492_791);
        (mixed.wrapping_mul(2_654_435_761) >> 24) as u8
    };
    RgbImage::from_fn(4000, 3000, |x, y| {
        image::Rgb([0, 1, 2].map(|c| level(x, y, c)))
    })
}

fn measure(bencher: Bencher, target: Size, filter: Filter) {
    let image = photo();
    bencher
        .counter(BytesCount::of_slice(image.as_raw()))
        .bench_local(|| resize(&image, target, filter));
}

/// To the largest size of Ovis2.5-2B.
#[divan::bench(max_time = 4)]
fn bilinear(bencher: Bencher) {
    measure(bencher, Size::new(1792, 1344), Filter::Bilinear);
}

/// To the largest size of Qwen2.5-VL, which is nearly the size of the photo.
#[divan::bench(max_time = 4)]
fn bicubic(bencher: Bencher) {
    measure(bencher, Size::new(3976, 2996), Filter::Bicubic);
}

/// Resizing, normalisation and patches of Ovis2.5-2B.
#[divan::bench(max_time = 4)]
fn ovis2_5_2b(bencher: Bencher) {
    let image = photo();
    let processor = PackedConfig::ovis2_5_2b().check();
    bencher
        .counter(BytesCount::of_slice(image.as_raw()))
        .bench_local(|| processor.as_ref().map(|processor| processor.image(&image)));
}
