//! What does not fit into memory is refused before it is allocated.

use super::config::ProbeConfig;
use anyhow::{Context, Result, ensure};
use arms::{ArmSizes, ArmSpec};
use probe_data::{Group, Source, held_bytes};

/// What to ask for less of, where images take the memory.
const FEWER_IMAGES: &str = "ask for fewer images (`data.images`, --train-images, --test-images, \
                            --dataset-images), fewer --usage-tokens or fewer --densities; without \
                            --no-cache, large groups stay on disk";

/// Refuses images of so many bytes that do not fit into memory, where the system says how much is free.
pub(super) fn check_images(bytes: u128) -> Result<()> {
    refuse_above("the rendered images take", bytes, FEWER_IMAGES)
}

/// Refuses features of so many levels that do not fit into memory.
pub(super) fn check_features(
    groups: &[Vec<Group>],
    source: &Source<'_>,
    levels: usize,
    cached: bool,
) -> Result<()> {
    let one: u64 = groups
        .iter()
        .flatten()
        .map(|group| held_bytes(group, source, cached))
        .sum();
    let needed = u128::from(one) * levels as u128;
    refuse_above("the features of all images take", needed, FEWER_IMAGES)
}

/// Refuses arms whose parameters do not fit into memory, among those whose size is chosen in their name. One
/// cell at a time is counted: no run does with less.
pub(super) fn check_arms(config: &ProbeConfig, sizes: ArmSizes) -> Result<()> {
    let arms = config.arms.iter();
    for arm in arms.filter(|arm| arm.kind.takes_vocabulary()) {
        let bytes = arm.training_bytes(sizes);
        let bytes = bytes.with_context(|| format!("arm `{arm}`"))?;
        let what = format!("arm `{arm}`: its parameters take");
        refuse_above(&what, bytes, smaller(arm))?;
    }
    Ok(())
}

/// What makes an arm smaller.
fn smaller(arm: &ArmSpec) -> &'static str {
    match arm.settings.codes {
        Some(_) => "write a smaller K behind its `@`, or fewer `+codes`",
        None => "write a smaller K behind its `@`",
    }
}

fn refuse_above(what: &str, needed: u128, remedy: &str) -> Result<()> {
    match free_memory_bytes() {
        Some(free) => refuse_above_free(what, needed, remedy, free.into()),
        None => Ok(()),
    }
}

fn refuse_above_free(what: &str, needed: u128, remedy: &str, free: u128) -> Result<()> {
    ensure!(
        needed <= free,
        "{what} {:.1} GiB and {:.1} GiB of memory are free; {remedy}",
        gib(needed),
        gib(free)
    );
    Ok(())
}

fn gib(bytes: u128) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

/// Memory that can be had without swapping; `None` where the system does not say.
fn free_memory_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kib)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;
    use ovis_vet::TableInit;

    #[test]
    fn features_that_do_not_fit_into_memory_are_refused_with_a_remedy() {
        const GIB: u128 = 1 << 30;
        assert!(refuse_above_free("features take", GIB, FEWER_IMAGES, GIB).is_ok());
        let error = refuse_above_free("features take", 7 * GIB, FEWER_IMAGES, 4 * GIB)
            .unwrap_err()
            .to_string();
        for part in ["7.0 GiB", "4.0 GiB", "data.images"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_system_says_how_much_memory_is_free() {
        assert!(free_memory_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }

    /// No machine has that much.
    #[test]
    #[cfg(target_os = "linux")]
    fn gigantic_arms_are_refused_by_name_and_those_of_the_releases_are_not() {
        let sizes = ArmSizes {
            d_in: 1152,
            merge: 2,
            d_token: 2048,
            table_init: TableInit::MatchedOutput,
        };
        let check = |arm: &str| {
            let mut config = Preset::Smoke.config();
            config.arms = vec![arm.parse().unwrap()];
            check_arms(&config, sizes)
        };
        for (arm, remedy) in [
            ("rvq-merger@16777216+codes64", "fewer `+codes`"),
            ("rvq@16777216+codes64", "fewer `+codes`"),
            ("vet-st-argmax@16777216+codes64", "fewer `+codes`"),
            ("vet-softmax@16777216", "smaller K"),
            ("vet-softmax@16777216+on-qwen3-merger", "smaller K"),
            ("gelu-mlp@16777216", "smaller K"),
            ("oracle-words@16777216", "smaller K"),
        ] {
            let error = check(arm).unwrap_err().to_string();
            for part in [&format!("arm `{arm}`"), "GiB of memory are free", remedy] {
                assert!(error.contains(part), "{error}");
            }
        }
        for arm in ["identity", "linear", "vq@1024", "vet-softmax@1028"] {
            check(arm).unwrap();
        }
    }
}
