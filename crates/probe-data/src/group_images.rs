//! The images of a group, to be looked at when the group itself is gone.

use super::group::Group;
use super::pixels::Pixels;
use anyhow::{Context, Result, ensure};
use image::{DynamicImage, GrayImage, RgbImage};

/// Images as the tower sees them, fitted to its size. They are not copied: what is in memory is shared
/// with the group, what is on disk is read again.
#[derive(Clone, Debug)]
pub struct GroupImages {
    width_px: usize,
    height_px: usize,
    pixels: Pixels,
    images: usize,
}

impl Group {
    /// Its images, without labels.
    #[must_use]
    pub fn kept_images(&self) -> GroupImages {
        let layout = self.layout;
        GroupImages {
            width_px: layout.cols * layout.patch,
            height_px: layout.rows * layout.patch,
            pixels: self.pixels.clone(),
            images: self.len(),
        }
    }
}

impl GroupImages {
    /// So many images of one size, grey, one after the other.
    #[must_use]
    pub fn new(width_px: usize, height_px: usize, images: usize, pixels: Pixels) -> Self {
        Self {
            width_px,
            height_px,
            pixels,
            images,
        }
    }

    /// One of them.
    ///
    /// # Errors
    /// If there is no such image, or a data set that it is read from has been changed.
    pub fn picture(&self, item: usize) -> Result<RgbImage> {
        ensure!(
            item < self.images,
            "image {item} does not exist; there are {}",
            self.images
        );
        let (width, height) = (self.width_px, self.height_px);
        let pixels = self.pixels.of(&[item], width * height)?;
        let grey = GrayImage::from_raw(width as u32, height as u32, pixels);
        let grey =
            grey.with_context(|| format!("image {item} has another size than the others"))?;
        Ok(DynamicImage::ImageLuma8(grey).into_rgb8())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_found_by_its_number() {
        let pixels: Vec<u8> = (0..16).collect();
        let images = GroupImages::new(4, 2, 2, pixels.into());
        let picture = images.picture(1).unwrap();
        assert_eq!(picture.dimensions(), (4, 2));
        assert_eq!(picture.get_pixel(3, 1).0, [15; 3]);
        let error = images.picture(2).unwrap_err().to_string();
        assert!(error.contains("image 2 does not exist"), "{error}");
    }
}
