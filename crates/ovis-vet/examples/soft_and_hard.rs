//! The same table read softly, with its best words only, and hard: how far from the soft token is each?
//!
//! ```sh
//! cargo run -p ovis-vet --example soft_and_hard
//! ```

use burn::tensor::Device;
use ovis_vet::{Tokenize, VetConfig};
use projector::{Pass, PatchGrid, Projector, seeded};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    let mut rng = seeded::stream(1, "example");
    let features = seeded::normal([1, 32, 128], 1.0, &mut rng, &device);
    let patches = PatchGrid::from_raster(features, 4, 8, 2)?;
    let vet = VetConfig::new(128, 2, 1028, 4, 128).init(&mut rng, &device)?;
    let soft = vet.forward(&patches, &mut Pass::deterministic()).embeddings;
    println!(
        "{} words; patches {:?} -> tokens {:?}",
        vet.words(),
        patches.features().dims(),
        soft.dims()
    );
    let power = soft.clone().square().mean().into_scalar::<f32>();
    for k in [1024, 256, 64, 16, 4, 1] {
        let cut = vet.clone().with_tokenize(Tokenize::TopK { k });
        let tokens = cut.forward(&patches, &mut Pass::deterministic()).embeddings;
        let error = (tokens - soft.clone()).square().mean().into_scalar::<f32>();
        println!(
            "best {k:>4} words: squared error {:.3} of the token's own power",
            error / power
        );
    }
    Ok(())
}
