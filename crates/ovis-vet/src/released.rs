//! Sizes of the released visual embedding tables.
//!
//! Towers as listed in the Ovis2 README and the Ovis2.5 report, token widths as those of the
//! Qwen2.5 and Qwen3 language models behind them. Every table has 65,536 rows and is read through a
//! softmax.

use crate::config::VetConfig;

/// Rows in the table of every released Ovis2 and Ovis2.5 checkpoint.
const RELEASED_WORDS_TOTAL: usize = 65_536;

impl VetConfig {
    /// Ovis2-1B: aimv2-large, Qwen2.5-0.5B.
    #[must_use]
    pub fn ovis2_1b() -> Self {
        Self::ovis2(1024, 896)
    }

    /// Ovis2-2B: aimv2-large, Qwen2.5-1.5B.
    #[must_use]
    pub fn ovis2_2b() -> Self {
        Self::ovis2(1024, 1536)
    }

    /// Ovis2-4B: aimv2-huge, Qwen2.5-3B.
    #[must_use]
    pub fn ovis2_4b() -> Self {
        Self::ovis2(1536, 2048)
    }

    /// Ovis2-8B: aimv2-huge, Qwen2.5-7B.
    #[must_use]
    pub fn ovis2_8b() -> Self {
        Self::ovis2(1536, 3584)
    }

    /// Ovis2-16B: aimv2-huge, Qwen2.5-14B.
    #[must_use]
    pub fn ovis2_16b() -> Self {
        Self::ovis2(1536, 5120)
    }

    /// Ovis2-34B: aimv2-1B, Qwen2.5-32B.
    #[must_use]
    pub fn ovis2_34b() -> Self {
        Self::ovis2(2048, 5120)
    }

    /// Ovis2.5-2B: so400m tower, Qwen3-1.7B.
    #[must_use]
    pub fn ovis2_5_2b() -> Self {
        Self::ovis2_5(2048)
    }

    /// Ovis2.5-9B: so400m tower, Qwen3-8B.
    #[must_use]
    pub fn ovis2_5_9b() -> Self {
        Self::ovis2_5(4096)
    }

    /// Indicator rows of Ovis2: image start, grid, column, row, image end.
    fn ovis2(d_in: usize, d_out: usize) -> Self {
        Self::new(d_in, 2, RELEASED_WORDS_TOTAL, 5, d_out)
    }

    /// Indicator rows of Ovis2.5: image start, image end, video start, video end.
    fn ovis2_5(d_out: usize) -> Self {
        Self::new(1152, 2, RELEASED_WORDS_TOTAL, 4, d_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn released_heads_have_their_published_width() {
        assert_eq!(VetConfig::ovis2_2b().words(), 65_531);
        assert_eq!(VetConfig::ovis2_5_9b().words(), 65_532);
        assert_eq!(VetConfig::ovis2_5_9b().check(), Ok(()));
    }
}
