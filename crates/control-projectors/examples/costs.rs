//! What the controls cost beside one another, at the sizes of the study: 1,024 words, width 128.
//!
//! ```sh
//! cargo run -p control-projectors --example costs
//! ```

use burn::tensor::Device;
use control_projectors::{GeluMlpConfig, Identity, LinearProjectorConfig, MeanPool};
use projector::{Pass, PatchGrid, Projector, seeded};

fn show(name: &str, arm: &impl Projector, patches: &PatchGrid) {
    let tokens = arm.forward(patches, &mut Pass::deterministic()).embeddings;
    let cost = arm.cost();
    println!(
        "{name:<9} tokens {:?}, {:>7} parameters, {:>7} multiply-adds per token",
        tokens.dims(),
        cost.parameters,
        cost.multiply_adds_per_token
    );
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    let mut rng = seeded::stream(1, "example");
    let features = seeded::normal([1, 32, 128], 1.0, &mut rng, &device);
    let patches = PatchGrid::from_raster(features, 4, 8, 2)?;
    let linear = LinearProjectorConfig {
        d_in: 128,
        merge: 2,
        d_out: 128,
    };
    show("identity", &Identity::new(128, 2)?, &patches);
    show("mean-pool", &MeanPool::new(128, 2)?, &patches);
    show("linear", &linear.init(&mut rng, &device)?, &patches);
    let mlp = GeluMlpConfig::matching_vet(128, 2, 1024, 128);
    show("gelu-mlp", &mlp.init(&mut rng, &device)?, &patches);
    Ok(())
}
