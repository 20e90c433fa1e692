//! Self-attention over segments of packed tokens, on Flex tensors.

use burn_flex::FlexTensor;
use rayon::prelude::*;

use crate::buffer::{contiguous, filled, tensor, values};
use crate::kernel::attention::Angles;
use crate::kernel::segments::{Packed, Place, Scratch, forward};

/// Queries of a segment that are one task: long segments are shared among threads, and the keys are
/// gathered once per task.
const QUERIES_PER_TASK: usize = 1024;

/// Attended values, `[tokens, heads * d_head]`.
pub(crate) fn segment_attention(
    packed: FlexTensor,
    [cos, signed_sin]: [FlexTensor; 2],
    segments: &[usize],
    heads: usize,
) -> FlexTensor {
    let (packed, cos, signed_sin) = (contiguous(packed), contiguous(cos), contiguous(signed_sin));
    let shape = packed.layout().shape();
    let (tokens, d_head) = (shape[0], shape[1] / (3 * heads));
    let (cos, signed_sin) = (values(&cos), values(&signed_sin));
    let packed = Packed {
        rows: values(&packed),
        angles: (!cos.is_empty()).then_some(Angles { cos, signed_sin }),
        heads,
        d_head,
    };

    // Head by head, so that every task writes one piece.
    let mut planes = vec![0.0_f32; tokens * heads * d_head];
    let mut tasks = Vec::new();
    let mut rest = planes.as_mut_slice();
    for head in 0..heads {
        for place in places(segments, head) {
            let queries = place.queries[1] - place.queries[0];
            let (piece, after) = rest.split_at_mut(queries * d_head);
            rest = after;
            tasks.push((place, piece));
        }
    }
    tasks
        .into_par_iter()
        .for_each_init(Scratch::default, |scratch, (place, piece)| {
            forward(packed, place, scratch, piece);
        });

    let d_model = heads * d_head;
    if planes.is_empty() {
        return tensor(planes, [tokens, d_model]);
    }
    filled([tokens, d_model], |output| {
        output
            .par_chunks_exact_mut(d_model)
            .enumerate()
            .for_each(|(token, row)| {
                for (head, part) in row.chunks_exact_mut(d_head).enumerate() {
                    let start = (head * tokens + token) * d_head;
                    part.write_copy_of_slice(&planes[start..start + d_head]);
                }
            });
    })
}

/// The tasks of one head, in the order of the tokens.
fn places(segments: &[usize], head: usize) -> impl Iterator<Item = Place> {
    let starts = segments.iter().scan(0, |next, &length| {
        let start = *next;
        *next += length;
        Some((start, length))
    });
    starts.flat_map(move |(start, length)| {
        (0..length)
            .step_by(QUERIES_PER_TASK)
            .map(move |first| Place {
                start,
                length,
                queries: [first, length.min(first + QUERIES_PER_TASK)],
                head,
            })
    })
}
