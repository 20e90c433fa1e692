//! A projector of one's own: the largest value of each channel in a block. The checks that every arm of
//! the comparison has to pass run on it as well.
//!
//! ```sh
//! cargo run -p projector --example own_projector
//! ```

use burn::module::Module;
use burn::tensor::Device;
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens, conformance, seeded};

/// `out[c] = max over the patches of the block of x[c]`
#[derive(Module, Debug)]
struct MaxPool {
    #[module(skip)]
    d_in: usize,
}

impl Projector for MaxPool {
    fn merge_size(&self) -> usize {
        2
    }

    fn d_out(&self) -> usize {
        self.d_in
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        patches.assert_fits("MaxPool", self.d_in, 2);
        let shape = [patches.features().dims()[0], patches.tokens(), 4, self.d_in];
        let blocks = patches.features().clone().reshape(shape);
        VisualTokens::continuous(blocks.max_dim(2).squeeze_dim(2))
    }

    fn cost(&self) -> Cost {
        Cost::continuous(0, 0)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = seeded::stream(1, "example");
    let features = seeded::normal([2, 32, 128], 1.0, &mut rng, &Device::flex());
    let patches = PatchGrid::from_raster(features, 4, 8, 2)?;
    conformance::assert_conforms(|| MaxPool { d_in: 128 }, &patches);
    let tokens = MaxPool { d_in: 128 }.forward(&patches, &mut Pass::deterministic());
    println!(
        "patches {:?} -> tokens {:?}",
        patches.features().dims(),
        tokens.embeddings.dims()
    );
    println!("shapes, independence of the images in a batch and reproducibility hold");
    Ok(())
}
