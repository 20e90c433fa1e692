//! What the renderer promises, through its public interface.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::{BTreeSet, HashMap, HashSet};

use text_images::{
    Charset, Content, Corpus, Degradation, Error, Fonts, Grid, HELD_OUT_FAMILIES, Item, Layout,
    Renderer, RendererConfig, Split, Strip,
};

fn config(density: f64, split: Split) -> RendererConfig {
    let grid = Grid::for_density(density, 64, 32, 16).unwrap();
    RendererConfig::new(Charset::Alnum36, Layout::Grid(grid), split, 11)
}

fn renderer(config: RendererConfig) -> Renderer {
    Renderer::new(config, &Fonts::embedded()).unwrap()
}

fn error(config: RendererConfig) -> Error {
    Renderer::new(config, &Fonts::embedded()).unwrap_err()
}

#[test]
fn items_are_the_same_bytes_in_any_order_and_thread() {
    for layout in [
        config(4.0, Split::Test).layout,
        Layout::Strip(Strip::default()),
    ] {
        let config = RendererConfig::new(Charset::Alnum62, layout, Split::Test, 5);
        let first = renderer(config.clone());
        let forwards: Vec<Item> = (0..40).map(|index| first.render(index)).collect();
        let second = renderer(config);
        let mut backwards: Vec<Item> = std::thread::scope(|scope| {
            let halves = [20..40, 0..20].map(|half| {
                let second = &second;
                scope.spawn(move || half.rev().map(|i| second.render(i)).collect::<Vec<Item>>())
            });
            halves
                .into_iter()
                .flat_map(|half| half.join().unwrap())
                .collect()
        });
        backwards.sort_by_key(|item| item.index);
        assert_eq!(forwards, backwards);
    }
}

#[test]
fn the_seed_decides_and_its_texts_stay_the_same_in_every_release() {
    let texts = |seed| {
        let mut config = config(1.0, Split::Train);
        config.seed = seed;
        let renderer = renderer(config);
        [0, 1].map(|index| renderer.render(index).text)
    };
    assert_eq!(texts(11), ["DR2JVKOW", "YA2YQ4LV"]);
    assert_ne!(texts(11), texts(12));
}

#[test]
fn splits_share_no_item_and_no_held_out_family() {
    let mut texts = HashSet::new();
    for split in Split::ALL {
        let renderer = renderer(config(4.0, split));
        let items: Vec<Item> = (0..300).map(|index| renderer.render(index)).collect();
        for item in &items {
            assert!(texts.insert(item.text.clone()), "{} repeats", item.text);
            let kept_out = HELD_OUT_FAMILIES.contains(&item.family.as_str());
            assert_eq!(item.held_out, kept_out);
        }
        let held_out = items.iter().filter(|item| item.held_out).count();
        let families: BTreeSet<&str> = items.iter().map(|i| i.family.as_str()).collect();
        if split == Split::Test {
            assert!((110..190).contains(&held_out), "{held_out}");
            assert_eq!(families.len(), 8);
        } else {
            assert_eq!(held_out, 0);
            assert_eq!(families.len(), 6);
        }
    }
}

#[test]
fn every_item_matches_its_grid() {
    for density in [0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0] {
        let item = renderer(config(density, Split::Train)).render(3);
        assert_eq!(item.text.chars().count() as f64, density * 8.0);
        assert_eq!(item.slots.len(), item.text.len());
        assert_eq!(item.slots, item.grid.unwrap().slots(64, 32));
        assert_eq!(item.image.dimensions(), (64, 32));
    }
}

#[test]
fn lines_of_words_are_full_and_words_stay_in_their_split() {
    let lines = |split| -> HashSet<String> {
        let mut config = config(1.0, split);
        config.content = Content::Words;
        let renderer = renderer(config);
        (0..400)
            .flat_map(|index| {
                let text = renderer.render(index).text;
                [text[..4].to_owned(), text[4..].to_owned()]
            })
            .collect()
    };
    // Four characters can only be one word of four letters, so lines are words here.
    let [train, validation, test] = Split::ALL.map(lines);
    assert!(train.is_disjoint(&validation) && train.is_disjoint(&test));
    assert!(validation.is_disjoint(&test));
    assert!(test.len() > 40, "{}", test.len());
}

#[test]
fn strips_have_free_lengths_and_slots_inside_the_image() {
    let strip = Layout::Strip(Strip::default());
    let renderer = renderer(RendererConfig::new(
        Charset::Alnum62,
        strip,
        Split::Train,
        1,
    ));
    let mut lengths = BTreeSet::new();
    for index in 0..200 {
        let item = renderer.render(index);
        lengths.insert(item.text.len());
        assert_eq!((item.slots.len(), item.grid), (item.text.len(), None));
        for [x, y] in item.slots {
            assert!((0.0..128.0).contains(&x) && (0.0..32.0).contains(&y));
        }
    }
    assert_eq!(lengths, (5..=9).collect());
}

#[test]
fn ink_stands_where_the_slots_say() {
    let strip = Layout::Strip(Strip::default());
    for layout in [config(1.0, Split::Train).layout, strip] {
        let mut config = RendererConfig::new(Charset::Digits, layout, Split::Train, 1);
        config.degradation = Degradation::none();
        let renderer = renderer(config);
        for index in 0..20 {
            let item = renderer.render(index);
            for [x, y] in &item.slots {
                let near = item.image.enumerate_pixels().filter(|(px, py, _)| {
                    (*px as f32 - x).abs() < 5.0 && (*py as f32 - y).abs() < 7.0
                });
                assert!(near.into_iter().any(|(_, _, pixel)| pixel.0[0] < 128));
            }
        }
    }
}

#[test]
fn each_degradation_changes_the_image_but_not_the_text() {
    let none = Degradation::none();
    let variants = [
        Degradation {
            noise_sd: 0.05,
            ..none.clone()
        },
        Degradation {
            blur_share: 1.0,
            ..none.clone()
        },
        Degradation {
            jpeg_share: 1.0,
            ..none.clone()
        },
        Degradation {
            inverted_share: 1.0,
            ..none.clone()
        },
        Degradation {
            contrast: [0.3, 0.4],
            ..none.clone()
        },
        Degradation {
            jitter_px: 0.7,
            ..none.clone()
        },
    ];
    let render = |degradation: &Degradation| {
        let mut config = config(2.0, Split::Train);
        config.degradation = degradation.clone();
        renderer(config).render(0)
    };
    let clean = render(&none);
    assert!(clean.image.pixels().any(|pixel| pixel.0 == [255]));
    for degradation in &variants {
        let item = render(degradation);
        assert_ne!(item.image, clean.image, "{degradation:?}");
        assert_eq!((&item.text, &item.font), (&clean.text, &clean.font));
    }
}

#[test]
fn contrast_reaches_all_bands() {
    let renderer = renderer(config(1.0, Split::Train));
    let bands: BTreeSet<u32> = (0..100)
        .map(|index| ((renderer.render(index).contrast - 0.5) / 0.125) as u32)
        .collect();
    assert_eq!(bands, (0..4).collect());
}

#[test]
fn impossible_configurations_are_errors() {
    let with = |change: &dyn Fn(&mut RendererConfig)| {
        let mut config = config(1.0, Split::Train);
        change(&mut config);
        error(config)
    };
    let strip = |min_chars, max_chars| {
        Layout::Strip(Strip {
            min_chars,
            max_chars,
        })
    };
    let grid = |columns, lines| Layout::Grid(Grid { columns, lines });
    assert!(matches!(with(&|c| c.width_px = 0), Error::ImageSize { .. }));
    assert!(matches!(
        with(&|c| c.height_px = 9999),
        Error::ImageSize { .. }
    ));
    assert!(matches!(
        with(&|c| c.layout = grid(0, 2)),
        Error::UnfitGrid { .. }
    ));
    assert!(matches!(
        with(&|c| c.layout = grid(17, 2)),
        Error::UnfitGrid { .. }
    ));
    assert!(matches!(
        with(&|c| c.layout = strip(0, 2)),
        Error::StripLengths { .. }
    ));
    assert!(matches!(
        with(&|c| c.layout = strip(5, 4)),
        Error::StripLengths { .. }
    ));
    assert!(matches!(
        with(&|c| c.layout = strip(5, 9)),
        Error::StripTooSmall { .. }
    ));
    assert!(matches!(
        with(&|c| c.degradation.noise_sd = -1.0),
        Error::Degradation { .. }
    ));
    assert!(matches!(
        with(&|c| {
            c.content = Content::Words;
            c.charset = Charset::Digits;
        }),
        Error::WordsNeedLetters { .. }
    ));
    assert!(matches!(
        with(&|c| {
            c.content = Content::Words;
            c.layout = grid(2, 2);
        }),
        Error::WordsDoNotFill { length: 2, .. }
    ));
}

#[test]
fn texts_of_sources_run_on_over_the_lines_of_a_grid() {
    // Nothing is left to chance but the first character, or the place in the file.
    let mut config = config(2.0, Split::Test);
    config.content = "markov:0".parse().unwrap();
    let certain = renderer(config.clone());
    let mut texts: HashMap<char, String> = HashMap::new();
    for index in 0..400 {
        let text = certain.render(index).text;
        assert_eq!(text.len(), 16);
        let first = text.chars().next().unwrap();
        let known = texts.entry(first).or_insert_with(|| text.clone());
        assert_eq!(*known, text);
    }
    assert_eq!(texts.len(), 36);
    let (_folder, corpus) = corpus(Charset::Alnum36);
    config.content = Content::Text;
    let file = Renderer::with_corpus(config, &Fonts::embedded(), Some(&corpus)).unwrap();
    for index in 0..20 {
        let text = file.render(index).text;
        assert!(corpus.part(Split::Test).contains(&text), "{text}");
    }
}

/// Of numbers that are written out, and the folder of its file.
fn corpus(charset: Charset) -> (tempfile::TempDir, Corpus) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("numbers.txt");
    let numbers: String = (0..3000).map(|number| format!("{number} ")).collect();
    std::fs::write(&path, numbers).unwrap();
    let corpus = Corpus::read(&path, charset).unwrap();
    (folder, corpus)
}

#[test]
fn a_text_that_does_not_fit_is_an_error() {
    let (_folder, corpus) = corpus(Charset::Digits);
    let mut config = config(1.0, Split::Validation);
    config.content = Content::Text;
    let error = |config: &RendererConfig, corpus| {
        Renderer::with_corpus(config.clone(), &Fonts::embedded(), corpus).unwrap_err()
    };
    assert!(matches!(error(&config, None), Error::CorpusMissing));
    assert!(matches!(
        error(&config, Some(&corpus)),
        Error::CorpusCharset { .. }
    ));
    config.charset = Charset::Digits;
    (config.width_px, config.height_px) = (400, 400);
    config.layout = Layout::Grid(Grid {
        columns: 40,
        lines: 40,
    });
    assert!(matches!(
        error(&config, Some(&corpus)),
        Error::CorpusPartTooShort { needed: 1600, .. }
    ));
    config.split = Split::Train;
    Renderer::with_corpus(config, &Fonts::embedded(), Some(&corpus)).unwrap();
}

#[test]
fn a_configuration_survives_serialisation() {
    let config = config(2.0, Split::Validation);
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(
        serde_json::from_str::<RendererConfig>(&json).unwrap(),
        config
    );
}
