//! What is measured of a reconstruction, each against a value of another package where one has it.

mod features;
mod identification;
mod picture;
mod rate_distortion;

pub use features::{FeatureMaps, FeatureRecord, TokenPairs};
pub use identification::identified;
pub use picture::{Grey, mean_squared_error, psnr, ssim};
pub use rate_distortion::GaussianSource;
