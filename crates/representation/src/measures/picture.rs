//! How far a picture is from the original: PSNR and SSIM.

/// Largest grey level.
const PEAK: f64 = 255.0;
/// Standard deviation of the window of SSIM in pixels, and half its width: 11 × 11.
const SIGMA: f64 = 1.5;
const RADIUS: usize = 5;
/// `K₁` and `K₂` of SSIM.
const K: [f64; 2] = [0.01, 0.03];

/// A grey picture, row by row.
#[derive(Clone, Copy, Debug)]
pub struct Grey<'a> {
    /// Grey levels from 0 to 255.
    pub pixels: &'a [u8],
    /// Width in pixels.
    pub width: usize,
}

/// Mean squared difference of grey levels.
///
/// # Panics
/// If the pictures differ in size.
#[must_use]
pub fn mean_squared_error(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len(), "pictures of two sizes");
    let squares = a
        .iter()
        .zip(b)
        .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2));
    squares.sum::<f64>() / a.len() as f64
}

/// Peak signal-to-noise ratio in dB, `10 log₁₀(255² / MSE)`.
///
/// Equal pictures would have an infinite one; they get that of a single grey level in one pixel, the
/// largest that two different pictures of their size can have.
///
/// # Panics
/// If the pictures differ in size or are empty.
#[must_use]
pub fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let least = 1.0 / a.len() as f64;
    10.0 * (PEAK * PEAK / mean_squared_error(a, b).max(least)).log10()
}

/// Structural similarity, the mean over all windows that lie inside the picture: 1 for equal pictures,
/// about 0 for unrelated ones.
///
/// Windows are Gaussian, σ = 1.5, 11 × 11, with population moments.
///
/// # Source
/// Z. Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004.
/// The same numbers as `skimage.metrics.structural_similarity(gaussian_weights=True, sigma=1.5,
/// use_sample_covariance=False, data_range=255)`.
///
/// # Panics
/// If the pictures differ in size or are smaller than a window.
#[must_use]
pub fn ssim(a: Grey<'_>, b: Grey<'_>) -> f64 {
    let width = a.width;
    let height = a.pixels.len() / width;
    assert_eq!(a.pixels.len(), b.pixels.len(), "pictures of two sizes");
    assert!(
        width.min(height) > 2 * RADIUS,
        "smaller than a window of SSIM"
    );
    let [x, y]: [Vec<f64>; 2] =
        [a, b].map(|picture| picture.pixels.iter().map(|&p| f64::from(p)).collect());
    let product =
        |x: &[f64], y: &[f64]| -> Vec<f64> { x.iter().zip(y).map(|(x, y)| x * y).collect() };
    let moments: [Vec<f64>; 5] = [
        blurred(&x, width),
        blurred(&y, width),
        blurred(&product(&x, &x), width),
        blurred(&product(&y, &y), width),
        blurred(&product(&x, &y), width),
    ];
    let [c1, c2] = K.map(|k| (k * PEAK).powi(2));
    let count = moments[0].len();
    let windows = (0..count).map(|at| {
        let [mx, my, xx, yy, xy] = [0, 1, 2, 3, 4].map(|moment: usize| moments[moment][at]);
        let (vx, vy, cov) = (xx - mx * mx, yy - my * my, xy - mx * my);
        (2.0 * mx * my + c1) * (2.0 * cov + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    });
    windows.sum::<f64>() / count as f64
}

/// Means over the Gaussian window, where it lies inside the picture.
fn blurred(values: &[f64], width: usize) -> Vec<f64> {
    let weights: Vec<f64> = (0..=2 * RADIUS)
        .map(|i| (-0.5 * ((i as f64 - RADIUS as f64) / SIGMA).powi(2)).exp())
        .collect();
    let total: f64 = weights.iter().sum();
    let inside = width - 2 * RADIUS;
    let rows: Vec<f64> = values
        .chunks_exact(width)
        .flat_map(|row| row.windows(2 * RADIUS + 1))
        .map(|window| window.iter().zip(&weights).map(|(v, w)| v * w).sum::<f64>() / total)
        .collect();
    let height = rows.len() / inside;
    let column = |y: usize, x: usize| {
        let values = weights.iter().enumerate();
        values
            .map(|(i, w)| rows[(y + i) * inside + x] * w)
            .sum::<f64>()
            / total
    };
    (0..height - 2 * RADIUS)
        .flat_map(|y| (0..inside).map(move |x| (y, x)))
        .map(|(y, x)| column(y, x))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTH: usize = 64;

    fn picture(grey: impl Fn(usize, usize) -> usize) -> Vec<u8> {
        let places = (0..32).flat_map(|y| (0..WIDTH).map(move |x| (x, y)));
        places.map(|(x, y)| (grey(x, y) % 256) as u8).collect()
    }

    /// A ramp, the same with noise of ±20 levels, and other stripes.
    fn pictures() -> [Vec<u8>; 3] {
        let ramp = |x: usize, y: usize| x * 3 + y * 5 + x * y / 7;
        let noisy =
            |x: usize, y: usize| (ramp(x, y) % 256 + (x * 13 + y * 29) % 41).clamp(20, 275) - 20;
        [picture(ramp), picture(noisy), picture(|x, y| x * x + 3 * y)]
    }

    /// scikit-image 0.26.0: `structural_similarity(a, b, gaussian_weights=True, sigma=1.5,
    /// use_sample_covariance=False, data_range=255)` and `peak_signal_noise_ratio`.
    #[test]
    fn psnr_and_ssim_are_those_of_scikit_image() {
        let [a, b, c] = pictures();
        let expected = [
            (&b, 0.849_561_626_157_001_7, 26.821_500_986_111_42),
            (&c, 0.088_064_933_306_035_92, 8.507_815_395_799_502),
        ];
        for (other, similarity, ratio) in expected {
            let grey = |pixels| Grey {
                pixels,
                width: WIDTH,
            };
            let found = ssim(grey(&a), grey(other));
            assert!((found - similarity).abs() < 1e-9, "{found} {similarity}");
            let found = psnr(&a, other);
            assert!((found - ratio).abs() < 1e-9, "{found} {ratio}");
        }
    }

    #[test]
    fn equal_pictures_have_a_similarity_of_one_and_a_finite_ratio() {
        let [a, ..] = pictures();
        let grey = Grey {
            pixels: &a,
            width: WIDTH,
        };
        assert!((ssim(grey, grey) - 1.0).abs() < 1e-12);
        let mut nearly = a.clone();
        nearly[5] ^= 1;
        assert!((psnr(&a, &a) - psnr(&a, &nearly)).abs() < 1e-9);
    }
}
