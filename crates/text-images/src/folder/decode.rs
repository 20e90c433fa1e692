//! Decodes image files of any colour type into 8-bit grey, with the decoder of all readers.

use std::path::Path;

use image::{DynamicImage, GrayImage};
use image_processor::{Error as DecodeError, data_set, decode_upright, text_ground};

use crate::{Error, Result};

/// An upright image of its own colour type.
pub(super) fn decode(path: &Path, line: u64) -> Result<DynamicImage> {
    let failed = |source| Error::Decode {
        path: path.to_owned(),
        line,
        source: Box::new(source),
    };
    let bytes = std::fs::read(path).map_err(|source| {
        failed(DecodeError::Read {
            path: path.to_owned(),
            source,
        })
    })?;
    if let Some([width_px, height_px]) = data_set::too_large(&bytes) {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            line,
            width_px,
            height_px,
            max_side_px: data_set::MAX_SIDE_PX,
            max_pixels: data_set::MAX_PIXELS,
        });
    }
    decode_upright(&bytes).map_err(failed)
}

/// 8-bit grey; transparency as in [`over_background`].
pub(super) fn grey(image: DynamicImage) -> GrayImage {
    if image.color().has_alpha() {
        over_background(&image)
    } else {
        image.into_luma8()
    }
}

/// Puts a transparent image on white, or on black if its opaque pixels are light.
fn over_background(image: &DynamicImage) -> GrayImage {
    let layered = image.to_luma_alpha8();
    let background = u32::from(text_ground(&layered));
    GrayImage::from_fn(layered.width(), layered.height(), |x, y| {
        let [level, alpha] = layered.get_pixel(x, y).0.map(u32::from);
        let mixed = level * alpha + background * (255 - alpha);
        image::Luma([((mixed + 127) / 255) as u8])
    })
}

#[cfg(test)]
mod tests {
    use image::{ImageBuffer, LumaA};

    use super::*;

    #[test]
    fn ink_on_a_transparent_ground_stays_visible() {
        for (ink, expected_ground) in [(0_u8, 255_u8), (255, 0)] {
            let mut layered = ImageBuffer::from_pixel(4, 4, LumaA([0_u8, 0]));
            layered.put_pixel(1, 1, LumaA([ink, 255]));
            let grey = over_background(&DynamicImage::ImageLumaA8(layered));
            assert_eq!(grey.get_pixel(1, 1).0, [ink]);
            assert_eq!(grey.get_pixel(3, 3).0, [expected_ground]);
        }
    }

    #[test]
    fn an_opaque_alpha_channel_changes_nothing() {
        let layered = ImageBuffer::from_fn(4, 1, |x, _| LumaA([200 + x as u8, 255]));
        let grey = over_background(&DynamicImage::ImageLumaA8(layered));
        assert_eq!(grey.into_raw(), [200, 201, 202, 203]);
    }
}
