//! Features of the whole training set, for arms that start from them.

use super::config::ProbeConfig;
use super::model::CellModel;
use super::preparation::Prepared;
use super::prepared_group::PreparedGroup;
use anyhow::Result;
use burn::tensor::Device;
use probe_data::spread;
use projector::StartSample;
use rand_chacha::ChaCha8Rng;
use run_support::stop::Stop;

/// Most tokens of a sample: 15 for each of 65,536 words.
const MOST_TOKENS: usize = 1_000_000;
/// Most bytes that their blocks of features may take, where an arm looks at all of these at once: 2 GiB,
/// which is [`MOST_TOKENS`] of the small tower.
const MOST_BYTES: usize = 2 << 30;
/// Images read at a time.
const CHUNK: usize = 128;

/// Starts the projector of a fresh model from a sample of the training images: all of them, or as many
/// of each group as memory allows, spread evenly over it.
///
/// # Errors
/// If features are on disk and cannot be read, or `stop` is raised.
pub(super) fn start(
    model: &mut CellModel,
    config: &ProbeConfig,
    prepared: &Prepared,
    device: &Device,
    stop: &Stop,
    rng: &mut ChaCha8Rng,
) -> Result<()> {
    let sizes = prepared.arm_sizes(config);
    let d_block = sizes.merge * sizes.merge * sizes.d_in;
    let groups: Vec<&PreparedGroup> = prepared.train.iter().collect();
    with_start_sample(&groups, d_block, device, stop, |sample| {
        model.start_from(sample, rng)
    })
}

/// Gives a projector its sample of the images of `groups`, whose blocks of features are `d_block` wide.
///
/// # Errors
/// If features are on disk and cannot be read, or `stop` is raised; what was started is then of no use.
pub fn with_start_sample(
    groups: &[&PreparedGroup],
    d_block: usize,
    device: &Device,
    stop: &Stop,
    start: impl FnOnce(StartSample<'_>),
) -> Result<()> {
    let most = MOST_TOKENS.min(MOST_BYTES / (4 * d_block.max(1)));
    let chosen = choose(&group_sizes(groups), most);
    let tokens = chosen
        .iter()
        .zip(groups)
        .map(|(images, data)| images.len() * data.group.layout.tokens());
    let tokens = tokens.sum();
    let mut failed = None;
    let batches = chosen.iter().zip(groups);
    let batches =
        batches.flat_map(|(images, data)| images.chunks(CHUNK).map(move |some| (some, data)));
    let grids = batches.map_while(|(images, data)| {
        let read = stop.check().map_err(Into::into);
        match read.and_then(|()| data.batch(images, device)) {
            Ok(grid) => Some(grid),
            Err(error) => {
                failed = Some(error);
                None
            }
        }
    });
    start(StartSample::new(tokens, grids));
    failed.map_or(Ok(()), Err)
}

/// Images of each group, and tokens of one image.
fn group_sizes(groups: &[&PreparedGroup]) -> Vec<(usize, usize)> {
    let sizes = groups.iter().map(|data| &data.group);
    sizes
        .map(|group| (group.len(), group.layout.tokens()))
        .collect()
}

/// Images of each group that together have at most `most` tokens: all of a group that has no more than an
/// equal part of them, and otherwise as many as that part takes.
fn choose(groups: &[(usize, usize)], most: usize) -> Vec<Vec<usize>> {
    let mut counts = vec![0; groups.len()];
    let mut order: Vec<usize> = (0..groups.len()).collect();
    // Small groups first: what they leave goes to the others.
    order.sort_by_key(|&group| groups[group].0 * groups[group].1);
    let mut left = most;
    for (place, &group) in order.iter().enumerate() {
        let (images, tokens) = groups[group];
        let part = left / (order.len() - place);
        counts[group] = images.min(part / tokens.max(1));
        left -= counts[group] * tokens;
    }
    let chosen = counts.into_iter().zip(groups);
    chosen
        .map(|(count, &(images, _))| spread(images, count))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_spread_over_every_group_within_the_bound() {
        assert_eq!(
            choose(&[(3, 8), (4, 8)], 1000),
            [vec![0, 1, 2], vec![0, 1, 2, 3]]
        );
        // 80 tokens: the small group is taken whole, the other two share what is left.
        let chosen = choose(&[(100, 8), (2, 8), (50, 8)], 80);
        let counts: Vec<usize> = chosen.iter().map(Vec::len).collect();
        assert_eq!(counts, [4, 2, 4]);
        assert_eq!(chosen[0], [0, 25, 50, 75]);
        assert_eq!(chosen[2], [0, 12, 25, 37]);
        assert_eq!(choose(&[(10, 8)], 7), [Vec::<usize>::new()]);
    }
}
