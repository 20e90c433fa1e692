//! Sixteen patches of Qwen2.5-VL-3B's tower become four visual tokens.
//!
//! ```sh
//! cargo run -p qwen-merger --example merge
//! ```

use burn::tensor::Device;
use projector::{Pass, PatchGrid, Projector, seeded};
use qwen_merger::PatchMergerConfig;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    let mut rng = seeded::stream(1, "example");
    let config = PatchMergerConfig::qwen2_5_vl_3b();
    let features = seeded::normal([1, 16, config.d_in], 1.0, &mut rng, &device);
    let patches = PatchGrid::from_raster(features, 4, 4, config.merge)?;
    let merger = config.init(&mut rng, &device)?;
    let tokens = merger.forward(&patches, &mut Pass::deterministic());
    let size = tokens
        .embeddings
        .clone()
        .square()
        .mean()
        .sqrt()
        .into_scalar::<f32>();
    println!(
        "patches {:?} -> tokens {:?}",
        patches.features().dims(),
        tokens.embeddings.dims()
    );
    println!(
        "{} parameters; root mean square of a fresh token: {size:.2}",
        merger.cost().parameters
    );
    Ok(())
}
