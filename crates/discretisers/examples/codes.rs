//! The same blocks through three discretisers: how many bits a token may have, and which codes it gets.
//!
//! ```sh
//! cargo run -p discretisers --example codes
//! ```

use burn::tensor::Device;
use discretisers::{Bsq, Fsq, Sizes, Vq};
use projector::{Pass, PatchGrid, Projector, seeded};

fn show(name: &str, arm: &impl Projector, patches: &PatchGrid) {
    let tokens = arm.forward(patches, &mut Pass::deterministic());
    let bits = arm.cost().bits_per_token.unwrap_or(f64::INFINITY);
    println!(
        "{name}: tokens {:?}, at most {bits:.2} bits each",
        tokens.embeddings.dims()
    );
    for words in tokens.words {
        let ids = words
            .ids
            .map(|ids| ids.into_data().iter::<i64>().collect::<Vec<_>>());
        println!("    codes {:?}", ids.unwrap_or_default());
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    let mut rng = seeded::stream(1, "example");
    let features = seeded::normal([1, 32, 128], 1.0, &mut rng, &device);
    let patches = PatchGrid::from_raster(features, 4, 8, 2)?;
    let sizes = Sizes {
        d_in: 128,
        merge: 2,
        d_out: 128,
    };
    show(
        "fsq@1000",
        &Fsq::init(sizes, 1000, &mut rng, &device)?,
        &patches,
    );
    show(
        "bsq@256",
        &Bsq::init(sizes, 256, &mut rng, &device)?,
        &patches,
    );
    show(
        "rvq@256+codes2",
        &Vq::init(sizes, 256, 2, &mut rng, &device)?,
        &patches,
    );
    Ok(())
}
