//! Self-attention on Flex tensors, image by image.

use std::mem::MaybeUninit;
use std::sync::Arc;

use burn_flex::FlexTensor;
use rayon::prelude::*;

use crate::Mask;
use crate::buffer::{contiguous, filled, parallel, values};
use crate::kernel::attention::{Angles, Scratch, Sizes, Softmax, backward, forward};

/// What both directions need to know, read from the tensors.
struct Images<'a> {
    count: usize,
    sizes: Sizes,
    angles: Option<Angles<'a>>,
    mask: Mask,
}

impl<'a> Images<'a> {
    fn of(
        packed: &FlexTensor,
        [cos, signed_sin]: [&'a FlexTensor; 2],
        (mask, heads): (Mask, usize),
    ) -> Self {
        let shape = packed.layout().shape();
        let sizes = Sizes {
            patches: shape[1],
            heads,
            d_head: shape[2] / (3 * heads),
        };
        let (cos, signed_sin) = (values(cos), values(signed_sin));
        Self {
            count: shape[0],
            sizes,
            angles: (!cos.is_empty()).then_some(Angles { cos, signed_sin }),
            mask,
        }
    }

    fn per_image(&self) -> usize {
        self.sizes.patches * self.sizes.d_model()
    }

    fn softmaxes(&self) -> usize {
        self.sizes.patches * self.sizes.heads
    }

    fn scratch(&self) -> Scratch {
        Scratch::new(self.sizes, self.mask)
    }
}

/// Attended values `[images, patches, d_model]`, and the softmax of every query.
pub(crate) fn attention(
    packed: FlexTensor,
    angles: [FlexTensor; 2],
    (mask, heads): (Mask, usize),
) -> (FlexTensor, Arc<[Softmax]>) {
    let packed = contiguous(packed);
    let angles = angles.map(contiguous);
    let images = Images::of(&packed, angles.each_ref(), (mask, heads));
    let (per_image, softmaxes) = (images.per_image(), images.softmaxes());
    let mut softmax = vec![Softmax::default(); images.count * softmaxes];
    let packed = values(&packed);
    let shape = [images.count, images.sizes.patches, images.sizes.d_model()];
    let output = filled(shape, |output| {
        let image = |scratch: &mut Scratch,
                     output: &mut [MaybeUninit<f32>],
                     packed: &[f32],
                     softmax: &mut [Softmax]| {
            forward(packed, images.angles, scratch, softmax, output);
        };
        if parallel(packed.len()) {
            output
                .par_chunks_exact_mut(per_image)
                .zip(packed.par_chunks_exact(3 * per_image))
                .zip(softmax.par_chunks_exact_mut(softmaxes))
                .for_each_init(
                    || images.scratch(),
                    |scratch, ((output, packed), softmax)| {
                        image(scratch, output, packed, softmax);
                    },
                );
        } else {
            let mut scratch = images.scratch();
            for ((output, packed), softmax) in output
                .chunks_exact_mut(per_image)
                .zip(packed.chunks_exact(3 * per_image))
                .zip(softmax.chunks_exact_mut(softmaxes))
            {
                image(&mut scratch, output, packed, softmax);
            }
        }
    });
    (output, softmax.into())
}

/// Gradient of the packed input.
pub(crate) fn attention_backward(
    gradient: FlexTensor,
    packed: FlexTensor,
    angles: [FlexTensor; 2],
    (mask, heads): (Mask, usize),
    softmax: &[Softmax],
) -> FlexTensor {
    let (gradient, packed) = (contiguous(gradient), contiguous(packed));
    let angles = angles.map(contiguous);
    let images = Images::of(&packed, angles.each_ref(), (mask, heads));
    let (per_image, softmaxes) = (images.per_image(), images.softmaxes());
    let shape = packed.layout().shape().clone();
    let (gradient, packed) = (values(&gradient), values(&packed));
    filled(shape, |output| {
        let image = |scratch: &mut Scratch,
                     output: &mut [MaybeUninit<f32>],
                     packed: &[f32],
                     gradient: &[f32],
                     softmax: &[Softmax]| {
            backward(packed, images.angles, scratch, softmax, gradient, output);
        };
        if parallel(packed.len()) {
            output
                .par_chunks_exact_mut(3 * per_image)
                .zip(packed.par_chunks_exact(3 * per_image))
                .zip(gradient.par_chunks_exact(per_image))
                .zip(softmax.par_chunks_exact(softmaxes))
                .for_each_init(
                    || images.scratch(),
                    |scratch, (((output, packed), gradient), softmax)| {
                        image(scratch, output, packed, gradient, softmax);
                    },
                );
        } else {
            let mut scratch = images.scratch();
            for (((output, packed), gradient), softmax) in output
                .chunks_exact_mut(3 * per_image)
                .zip(packed.chunks_exact(3 * per_image))
                .zip(gradient.chunks_exact(per_image))
                .zip(softmax.chunks_exact(softmaxes))
            {
                image(&mut scratch, output, packed, gradient, softmax);
            }
        }
    })
}
