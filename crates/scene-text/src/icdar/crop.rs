//! Cuts a word out of its page.

use image::{Rgb, RgbImage, imageops};

use image_processor::data_set::MAX_PIXELS;

/// The part of the page within four corners, clockwise from the one above the beginning of the
/// word. `Err` says what is wrong with them.
///
/// An upright box is cut out as it is. Any other quadrilateral is straightened: by the projective
/// map that takes a rectangle, as wide and high as the longer of its opposite sides, to it (Heckbert
/// 1989), bilinearly; beyond the page, the page's border goes on.
pub(super) fn crop(page: &RgbImage, corners: [[f64; 2]; 4]) -> Result<RgbImage, &'static str> {
    let (page_width, page_height) = (f64::from(page.width()), f64::from(page.height()));
    let side = |axis: usize, least: bool| {
        let values = corners.iter().map(|corner| corner[axis]);
        if least {
            values.fold(f64::INFINITY, f64::min)
        } else {
            values.fold(f64::NEG_INFINITY, f64::max)
        }
    };
    let (left, top, right, bottom) = (side(0, true), side(1, true), side(0, false), side(1, false));
    if right <= 0.0 || bottom <= 0.0 || left >= page_width || top >= page_height {
        return Err("lie outside of the page");
    }
    if corners == [[left, top], [right, top], [right, bottom], [left, bottom]] {
        let (left, top) = (left.max(0.0).floor(), top.max(0.0).floor());
        let (right, bottom) = (right.min(page_width).ceil(), bottom.min(page_height).ceil());
        let (width, height) = ((right - left) as u32, (bottom - top) as u32);
        if width == 0 || height == 0 {
            return Err("enclose nothing");
        }
        let cut = imageops::crop_imm(page, left as u32, top as u32, width, height);
        return Ok(cut.to_image());
    }
    straighten(page, corners)
}

fn straighten(page: &RgbImage, corners: [[f64; 2]; 4]) -> Result<RgbImage, &'static str> {
    let length = |from: usize, to: usize| {
        let [x, y] = [0, 1].map(|axis| corners[from][axis] - corners[to][axis]);
        x.hypot(y)
    };
    // No word needs more pixels than the page has along its two sides.
    let most = f64::from(page.width()) + f64::from(page.height());
    let size = |a: f64, b: f64| a.max(b).round().min(most) as u32;
    let width = size(length(0, 1), length(3, 2));
    let height = size(length(0, 3), length(1, 2));
    if width == 0 || height == 0 {
        return Err("enclose nothing");
    }
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err("enclose more pixels than are decoded of any image");
    }
    let map = SquareToQuad::new(corners).ok_or("are not those of a convex quadrilateral")?;
    let mut word = RgbImage::new(width, height);
    for (column, row, pixel) in word.enumerate_pixels_mut() {
        let u = (f64::from(column) + 0.5) / f64::from(width);
        let v = (f64::from(row) + 0.5) / f64::from(height);
        let [x, y] = map.at(u, v);
        *pixel = sample(page, x - 0.5, y - 0.5);
    }
    Ok(word)
}

/// Takes the unit square to a convex quadrilateral.
struct SquareToQuad {
    x: [f64; 3],
    y: [f64; 3],
    w: [f64; 2],
}

impl SquareToQuad {
    /// `None` if the corners do not run clockwise around a convex quadrilateral.
    fn new([p0, p1, p2, p3]: [[f64; 2]; 4]) -> Option<Self> {
        let corners = [p0, p1, p2, p3];
        for index in 0..4 {
            let [a, b, c] = [0, 1, 2].map(|step| corners[(index + step) % 4]);
            let turn = (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]);
            if turn <= 0.0 {
                return None;
            }
        }
        let [dx1, dy1] = [p1[0] - p2[0], p1[1] - p2[1]];
        let [dx2, dy2] = [p3[0] - p2[0], p3[1] - p2[1]];
        let [sx, sy] = [0, 1].map(|axis| p0[axis] - p1[axis] + p2[axis] - p3[axis]);
        let determinant = dx1 * dy2 - dy1 * dx2;
        let g = (sx * dy2 - sy * dx2) / determinant;
        let h = (dx1 * sy - dy1 * sx) / determinant;
        let row = |axis: usize| {
            [
                p1[axis] - p0[axis] + g * p1[axis],
                p3[axis] - p0[axis] + h * p3[axis],
                p0[axis],
            ]
        };
        Some(Self {
            x: row(0),
            y: row(1),
            w: [g, h],
        })
    }

    fn at(&self, u: f64, v: f64) -> [f64; 2] {
        let weight = self.w[0] * u + self.w[1] * v + 1.0;
        [self.x, self.y].map(|[a, b, c]| (a * u + b * v + c) / weight)
    }
}

fn sample(page: &RgbImage, x: f64, y: f64) -> Rgb<u8> {
    let place = |value: f64, side: u32| {
        let value = value.clamp(0.0, f64::from(side - 1));
        let low = value.floor();
        let high = (low as u32 + 1).min(side - 1);
        (low as u32, high, value - low)
    };
    let (left, right, across) = place(x, page.width());
    let (top, bottom, down) = place(y, page.height());
    let level = |x: u32, y: u32, channel: usize| f64::from(page.get_pixel(x, y).0[channel]);
    Rgb([0, 1, 2].map(|channel| {
        let mix = |a: f64, b: f64, t: f64| a + (b - a) * t;
        let above = mix(
            level(left, top, channel),
            level(right, top, channel),
            across,
        );
        let below = mix(
            level(left, bottom, channel),
            level(right, bottom, channel),
            across,
        );
        mix(above, below, down).round() as u8
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Red grows to the right, green downwards.
    fn page() -> RgbImage {
        RgbImage::from_fn(200, 100, |x, y| Rgb([x as u8, 2 * y as u8, 7]))
    }

    fn rectangle(left: f64, top: f64, right: f64, bottom: f64) -> [[f64; 2]; 4] {
        [[left, top], [right, top], [right, bottom], [left, bottom]]
    }

    #[test]
    fn boxes_are_cut_out_and_clipped_to_the_page() {
        let word = crop(&page(), rectangle(10.0, 20.0, 40.0, 30.0)).unwrap();
        assert_eq!(word.dimensions(), (30, 10));
        assert_eq!(word.get_pixel(0, 0).0, [10, 40, 7]);
        assert_eq!(word.get_pixel(29, 9).0, [39, 58, 7]);
        let word = crop(&page(), rectangle(-50.0, 90.0, 4.0, 500.0)).unwrap();
        assert_eq!(word.dimensions(), (4, 10));
    }

    #[test]
    fn a_quarter_turn_is_straightened() {
        // The word runs downwards: its beginning is above, its upper side at the right.
        let corners = [[60.0, 10.0], [60.0, 50.0], [40.0, 50.0], [40.0, 10.0]];
        let word = crop(&page(), corners).unwrap();
        assert_eq!(word.dimensions(), (40, 20));
        assert_eq!(word.get_pixel(0, 0).0, [59, 20, 7]);
        assert_eq!(word.get_pixel(39, 19).0, [40, 98, 7]);
    }

    #[test]
    fn corners_of_a_trapezium_come_to_the_corners() {
        let corners = [[20.0, 30.0], [100.0, 10.0], [100.0, 60.0], [20.0, 50.0]];
        let map = SquareToQuad::new(corners).unwrap();
        for ([u, v], expected) in [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
            .into_iter()
            .zip(corners)
        {
            let found = map.at(u, v);
            assert!((0..2).all(|axis| (found[axis] - expected[axis]).abs() < 1e-9));
        }
        assert_eq!(crop(&page(), corners).unwrap().dimensions(), (82, 50));
    }

    #[test]
    fn corners_that_enclose_nothing_are_refused() {
        for corners in [
            rectangle(300.0, 10.0, 310.0, 20.0),
            rectangle(-20.0, 10.0, 0.0, 20.0),
            rectangle(10.0, 10.0, 10.0, 20.0),
            rectangle(30.0, 10.0, 10.0, 20.0),
            [[0.0, 0.0], [10.0, 10.0], [10.0, 0.0], [0.0, 10.0]],
            [[0.0, 0.0], [10.0, 0.0], [20.0, 0.0], [30.0, 0.0]],
        ] {
            assert!(crop(&page(), corners).is_err(), "{corners:?}");
        }
    }

    proptest! {
        #[test]
        fn any_corners_give_a_bounded_word_or_a_reason(
            corners in prop::array::uniform4(prop::array::uniform2(-300.0..500.0_f64)),
        ) {
            if let Ok(word) = crop(&page(), corners) {
                prop_assert!(word.width() > 0 && word.width() <= 300);
                prop_assert!(word.height() > 0 && word.height() <= 300);
            }
        }
    }
}
