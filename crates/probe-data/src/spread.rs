//! Some of many things, spread evenly over all of them.

/// Places of at most `most` of `len` things, rising, from all over them: neighbours in a set are alike, crops of one
/// photograph or words of one page.
#[must_use]
pub fn spread(len: usize, most: usize) -> Vec<usize> {
    let taken = len.min(most);
    let place = |index: usize| (index as u128 * len as u128 / taken as u128) as usize;
    (0..taken).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_photograph_gives_as_many_of_its_crops_as_any_other() {
        // 28 photographs of 1,400 crops each.
        let places = spread(28 * 1400, 512);
        let crops_of = |photograph| {
            places
                .iter()
                .filter(|&&crop| crop / 1400 == photograph)
                .count()
        };
        assert!((0..28).all(|photograph| [18, 19].contains(&crops_of(photograph))));
    }

    #[test]
    fn few_things_are_all_taken_and_none_are_none() {
        assert_eq!(spread(3, 512), [0, 1, 2]);
        assert_eq!(spread(0, 512), [0; 0]);
        assert_eq!(spread(5, 0), [0; 0]);
    }
}
