//! What a linear layer needs besides its products: the gradient of the bias.

kernel! {
    /// Adds all rows of `sums.len()` numbers to `sums`.
    pub(crate) fn add_rows<'a>(_simd; values: &'a [f32], sums: &'a mut [f32]) {
        let columns = sums.len();
        // Four rows at a time: the sums are read and written once for all of them.
        let mut groups = values.chunks_exact(4 * columns);
        for group in &mut groups {
            let (first, second) = group.split_at(2 * columns);
            let ((a, b), (c, d)) = (first.split_at(columns), second.split_at(columns));
            for ((((sum, a), b), c), d) in sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                *sum += (a + b) + (c + d);
            }
        }
        for row in groups.remainder().chunks_exact(columns) {
            for (sum, x) in sums.iter_mut().zip(row) {
                *sum += x;
            }
        }
    }
}
