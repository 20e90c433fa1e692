//! Groups that the renderer makes.

use super::answer::Answer;
use super::group::{Group, GroupKey, Label, classes_of};
use anyhow::{Context, Result, ensure};
use run_support::lanes::Lanes;
use text_images::{
    Charset, Content, Corpus, Degradation, Fonts, Grid, Item, Layout, Renderer, RendererConfig,
    Split, Strip,
};
use vision_backbone::PatchLayout;

/// Images rendered by one lane at a time.
const CHUNK: usize = 256;

/// What to render.
#[derive(Clone, Debug)]
pub struct RenderPlan {
    /// Alphabet.
    pub charset: Charset,
    /// Where the text comes from.
    pub content: Content,
    /// What [`Content::Text`] is taken from.
    pub corpus: Option<Corpus>,
    /// Characters per token for a grid; `None` for a strip of free length.
    pub density: Option<f64>,
    /// Width of the image in pixels.
    pub width_px: u32,
    /// Height of the image in pixels.
    pub height_px: u32,
    /// Side of a patch in pixels.
    pub patch: usize,
    /// Side of a merged block in patches.
    pub merge: usize,
    /// Which split.
    pub split: Split,
    /// Number of images.
    pub images: usize,
    /// First index within the split.
    pub first: u64,
    /// Root of all randomness.
    pub seed: u64,
    /// Contrast, noise and artefacts.
    pub degradation: Degradation,
}

impl RenderPlan {
    /// Size of the images in patches.
    ///
    /// # Errors
    /// If the image is not a whole number of merged blocks.
    pub fn patch_layout(&self) -> Result<PatchLayout> {
        let block = self.patch * self.merge;
        PatchLayout::of_image(
            self.width_px as usize,
            self.height_px as usize,
            self.patch,
            self.merge,
        )
        .with_context(|| {
            format!(
                "an image of {} x {} px is not a whole number of {block} x {block} px tokens; \
                 choose multiples of {block}",
                self.width_px, self.height_px
            )
        })
    }

    /// The renderer of this plan.
    ///
    /// # Errors
    /// If the density is impossible, the text does not fit, or a font is missing.
    pub fn renderer(&self, fonts: &Fonts) -> Result<(Renderer, Option<Grid>)> {
        let token_px = (self.patch * self.merge) as u32;
        let grid = self
            .density
            .map(|density| Grid::for_density(density, self.width_px, self.height_px, token_px))
            .transpose()?;
        let layout = match grid {
            Some(grid) => Layout::Grid(grid),
            None if self.degradation.photographed => Layout::Strip(Strip::of_print(self.width_px)),
            None => Layout::Strip(Strip::default()),
        };
        let config = RendererConfig {
            content: self.content,
            width_px: self.width_px,
            height_px: self.height_px,
            degradation: self.degradation.clone(),
            ..RendererConfig::new(self.charset, layout, self.split, self.seed)
        };
        let renderer = Renderer::with_corpus(config, fonts, self.corpus.as_ref())?;
        Ok((renderer, grid))
    }
}

/// Name of a kind of text in results: that of its source.
#[must_use]
pub fn condition_name(content: Content) -> String {
    content.to_string()
}

/// Renders a group.
///
/// # Errors
/// If the plan is impossible or asks for no image.
pub fn render_group(plan: &RenderPlan, fonts: &Fonts, lanes: &Lanes) -> Result<Group> {
    ensure!(
        plan.images > 0,
        "the {} split has 0 images; ask for at least 1",
        plan.split
    );
    let layout = plan.patch_layout()?;
    let (renderer, grid) = plan.renderer(fonts)?;
    let chunks = lanes.map(plan.images.div_ceil(CHUNK), |_, chunk| {
        let end = plan.images.min((chunk + 1) * CHUNK);
        let items = (chunk * CHUNK..end).map(|index| plan.first + index as u64);
        items
            .map(|index| renderer.render(index))
            .collect::<Vec<_>>()
    });
    collect(plan, layout, grid, chunks.into_iter().flatten())
}

/// Renders some items of a plan's split on the calling thread.
///
/// # Errors
/// If the image is not a whole number of tokens.
pub fn render_items(
    renderer: &Renderer,
    plan: &RenderPlan,
    indices: impl Iterator<Item = u64>,
) -> Result<Group> {
    let grid = match renderer.config().layout {
        Layout::Grid(grid) => Some(grid),
        Layout::Strip(_) => None,
    };
    let items = indices.map(|index| renderer.render(index));
    collect(plan, plan.patch_layout()?, grid, items)
}

fn collect(
    plan: &RenderPlan,
    layout: PatchLayout,
    grid: Option<Grid>,
    items: impl Iterator<Item = Item>,
) -> Result<Group> {
    let key = GroupKey {
        density: plan.density,
        ..GroupKey::of_condition(&condition_name(plan.content))
    };
    let mut group = Group::empty(key, layout, grid);
    let mut pixels = Vec::new();
    for item in items {
        pixels.extend_from_slice(item.image.as_raw());
        group.push(item, plan.charset)?;
    }
    group.pixels = pixels.into();
    Ok(group)
}

impl Group {
    fn push(&mut self, item: Item, charset: Charset) -> Result<()> {
        let classes = classes_of(charset, &item.text)
            .with_context(|| format!("rendered `{}` outside its charset", item.text))?;
        let cluster = self.cluster(item.font);
        self.labels.push(Label {
            answer: Answer::Text(item.text),
            classes,
            slots_px: item.slots,
            cluster,
            held_out: item.held_out,
        });
        Ok(())
    }
}
