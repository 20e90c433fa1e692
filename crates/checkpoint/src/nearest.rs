//! Names to offer when a tensor is missing.

/// How many names are offered.
const OFFERED: usize = 3;

/// The existing names most like a missing one: those that share the parts at its end (the same
/// tensor under another prefix), or all of its parts but one.
pub(crate) fn nearest<'a>(missing: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wanted: Vec<&str> = missing.split('.').collect();
    let mut scored: Vec<(usize, &str)> = names
        .filter_map(|name| {
            let parts: Vec<&str> = name.split('.').collect();
            let shared = wanted.len().min(parts.len());
            let tail = equal(wanted.iter().rev().zip(parts.iter().rev()));
            let head = equal(wanted.iter().zip(&parts)).min(shared - tail.min(shared));
            let all_but_one = tail + head + 1 >= wanted.len().max(parts.len());
            // `norm.weight` ends like many others; two parts of a long name say little as well.
            let same_tail = tail >= 2 && tail + 2 >= wanted.len().min(parts.len());
            (all_but_one && tail + head > 0 || same_tail).then_some((tail + head, name))
        })
        .collect();
    scored.sort_by(|(a, a_name), (b, b_name)| b.cmp(a).then(a_name.cmp(b_name)));
    let best = scored.into_iter().take(OFFERED);
    best.map(|(_, name)| name.to_owned()).collect()
}

/// How many pairs are equal before the first that are not.
fn equal<'a>(pairs: impl Iterator<Item = (&'a &'a str, &'a &'a str)>) -> usize {
    pairs.take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const NAMES: [&str; 4] = [
        "lm_head.weight",
        "visual.blocks.0.attn.qkv.weight",
        "visual.blocks.1.attn.qkv.weight",
        "visual.blocks.1.attn.qkv.bias",
    ];

    #[test]
    fn the_same_name_under_another_prefix_comes_first() {
        let found = nearest("blocks.1.attn.qkv.weight", NAMES.into_iter());
        assert_eq!(found[0], "visual.blocks.1.attn.qkv.weight");
        let found = nearest("model.visual.blocks.0.attn.qkv.weight", NAMES.into_iter());
        assert_eq!(found[0], "visual.blocks.0.attn.qkv.weight");
    }

    #[test]
    fn a_misspelt_part_is_recognised() {
        let found = nearest("visual.blocks.0.attn.kqv.weight", NAMES.into_iter());
        assert_eq!(found[0], "visual.blocks.0.attn.qkv.weight");
    }

    #[test]
    fn an_ending_in_weight_alone_is_no_likeness() {
        let found = nearest("vision_model.post_layernorm.weight", NAMES.into_iter());
        assert!(found.is_empty(), "{found:?}");
    }
}
