//! The rotation pairs the halves of a head, in both towers that rotate.

use burn::tensor::Device;
use vision_backbone::{ParameterSource, VisionTower};

use crate::fixture::{self, Fixture, MARGIN, max_abs};
use crate::{navit_config, qwen_config};

/// Reads queries and keys with the rows of every head in another order, in which the pairs
/// `(j, j + d/2)` that are rotated are what `(2j, 2j + 1)` were: the tower then computes what an
/// interleaved rotation would.
struct Interleaved<'a> {
    fixture: &'a mut Fixture,
    d_model: usize,
    d_head: usize,
}

impl ParameterSource for Interleaved<'_> {
    type Error = fixture::Missing;

    fn has(&self, name: &str) -> bool {
        self.fixture.has(name)
    }

    fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, fixture::Missing> {
        let mut values = self.fixture.read(name, shape)?;
        let is_rotated = ["attn.qkv.", "self_attn.q_proj.", "self_attn.k_proj."]
            .iter()
            .any(|part| name.contains(part));
        if is_rotated {
            let width = values.len() / shape[0];
            // Of a fused projection the first two thirds.
            let rows = if shape[0] == 3 * self.d_model {
                2 * self.d_model
            } else {
                self.d_model
            };
            let before = values.clone();
            for row in 0..rows {
                let (head, place) = (row / self.d_head, row % self.d_head);
                let half = self.d_head / 2;
                let source = head * self.d_head + place % half * 2 + place / half;
                values[row * width..(row + 1) * width]
                    .copy_from_slice(&before[source * width..(source + 1) * width]);
            }
        }
        Ok(values)
    }

    fn read_transposed(
        &mut self,
        name: &str,
        [rows, columns]: [usize; 2],
    ) -> Result<Vec<f32>, fixture::Missing> {
        let values = self.read(name, &[rows, columns])?;
        Ok((0..rows * columns)
            .map(|index| values[index % rows * columns + index / rows])
            .collect())
    }
}

#[test]
fn parity_fails_with_interleaved_rotation() {
    let mut fixture = Fixture::open("ovis2_5");
    let pixels = fixture.packed(2);
    let expected = fixture.tensor("out.pre_ln_hidden");
    let config = navit_config();
    let mut source = Interleaved {
        d_model: config.d_model,
        d_head: config.d_model / config.heads,
        fixture: &mut fixture,
    };
    let tower = config.load(&mut source, &Device::flex()).unwrap();
    let found = tower.forward(&pixels).unwrap().pre_norm;
    let error = max_abs(found.features().clone(), expected);
    assert!(error > MARGIN, "Ovis2.5: max abs error is only {error:e}");

    let mut fixture = Fixture::open("qwen2_5_vl");
    let pixels = fixture.packed(2);
    let expected = fixture.tensor("out.hidden_window_order");
    let config = qwen_config();
    let mut source = Interleaved {
        d_model: config.d_model,
        d_head: config.d_model / config.heads,
        fixture: &mut fixture,
    };
    let tower = config.load(&mut source, &Device::flex()).unwrap();
    let found = tower
        .hidden_in_window_order(&pixels, &tower.order(&pixels))
        .unwrap();
    let error = max_abs(found, expected);
    assert!(
        error > MARGIN,
        "Qwen2.5-VL: max abs error is only {error:e}"
    );
}
