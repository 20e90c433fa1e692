//! `exp` for arguments that are not positive, without branches.

/// `ln(2^-126)`: below it the result would be subnormal and is returned as zero.
const LOWEST: f32 = -87.336_54;
/// Adding it rounds to the nearest integer and leaves that integer in the low mantissa bits.
const ROUNDER: f32 = 12_582_912.0;
const LN_2_HIGH: f32 = std::f32::consts::LN_2;
/// `ln 2` minus its nearest f32.
const LN_2_LOW: f32 = -1.904_654_3e-9;
/// `(exp(r) - 1 - r) / r²` on `|r| <= ln(2) / 2`, lowest power first; weighted minimax fit, relative
/// error of `exp` 4.4e-9.
const TAIL: [f32; 5] = [
    0.499_999_94,
    0.166_665_2,
    0.041_668_393,
    0.008_368_781,
    0.001_381_446_7,
];

/// `exp(x)` for `x <= 0`: relative error below 1.5e-7, exactly zero below -87.34, NaN for NaN.
///
/// `x = n ln 2 + r`, `exp(x) = 2^n exp(r)`.
#[inline(always)]
pub fn exp_of_nonpositive(x: f32) -> f32 {
    // Written so that NaN passes: a comparison with NaN is false.
    let underflows = x < LOWEST;
    let clamped = if underflows { LOWEST } else { x };
    let shifted = clamped.mul_add(std::f32::consts::LOG2_E, ROUNDER);
    let n = shifted - ROUNDER;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, clamped));
    let tail = TAIL[4]
        .mul_add(r, TAIL[3])
        .mul_add(r, TAIL[2])
        .mul_add(r, TAIL[1])
        .mul_add(r, TAIL[0]);
    let exp_r = (r * r).mul_add(tail, r) + 1.0;
    let power_of_two = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    if underflows {
        0.0
    } else {
        exp_r * power_of_two
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_agrees_with_double_precision() {
        let mut worst = 0.0_f64;
        for i in 0..=873_000 {
            let x = -1e-4 * i as f32;
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exp_of_nonpositive(x)) / exact - 1.0).abs());
        }
        assert!(worst < 1.5e-7, "{worst:e}");
    }

    #[test]
    fn exponential_of_the_extremes_is_exact() {
        assert_eq!(exp_of_nonpositive(0.0), 1.0);
        assert_eq!(exp_of_nonpositive(-88.0), 0.0);
        assert_eq!(exp_of_nonpositive(f32::MIN), 0.0);
        assert_eq!(exp_of_nonpositive(f32::NEG_INFINITY), 0.0);
        assert!(exp_of_nonpositive(f32::NAN).is_nan());
    }
}
