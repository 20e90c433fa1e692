//! Pictures as parts of a page.
//!
//! An SVG file loses its prolog, its fixed size and its namespaces, which HTML does not need, and
//! gets a name and a description for those who do not see it. Ids belong to the whole page once a
//! picture is part of it, so each gets the name of its figure in front. Only elements that draw are
//! let in: a style sheet would reach the page around the picture, a script would run.

use crate::error::PictureProblem;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer, XmlVersion};
use std::borrow::Cow;

const DRAWING_ELEMENTS: [&str; 24] = [
    "svg",
    "g",
    "defs",
    "symbol",
    "use",
    "title",
    "desc",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "text",
    "tspan",
    "textPath",
    "image",
    "clipPath",
    "mask",
    "marker",
    "linearGradient",
    "radialGradient",
    "stop",
];

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What is read aloud in place of a picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spoken<'a> {
    pub title: &'a str,
    pub description: &'a str,
}

/// An SVG file as an element of a page; `figure` is the anchor of its figure.
pub(crate) fn inline_svg(
    svg: &str,
    figure: &str,
    spoken: Spoken<'_>,
) -> Result<String, PictureProblem> {
    let mut reader = Reader::from_str(svg);
    let mut writer = Writer::new(Vec::with_capacity(svg.len()));
    let scope = Scope { figure };
    let mut depth = 0_usize;
    let mut seen_root = false;
    loop {
        match reader.read_event().map_err(malformed)? {
            Event::Start(tag) => {
                let is_root = depth == 0;
                if is_root && seen_root {
                    return Err(PictureProblem::NotSvg("it has two roots"));
                }
                put(&mut writer, Event::Start(scope.element(&tag, is_root)?))?;
                if is_root {
                    scope.speak(&mut writer, spoken)?;
                }
                seen_root = true;
                depth += 1;
            }
            Event::Empty(_) if depth == 0 => return Err(PictureProblem::NotSvg("it is empty")),
            Event::Empty(tag) => put(&mut writer, Event::Empty(scope.element(&tag, false)?))?,
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                put(&mut writer, Event::End(tag))?;
            }
            Event::Text(text) if text.trim().is_empty() => {
                // Between words of one line it matters, between elements it does not.
                if depth > 0 && !text.contains('\n') {
                    put(&mut writer, Event::Text(text))?;
                }
            }
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) if depth == 0 => {
                return Err(PictureProblem::NotSvg("it has text outside of its root"));
            }
            Event::Text(text) => put(&mut writer, Event::Text(text))?,
            Event::CData(data) => put(&mut writer, Event::Text(BytesText::new(&data)))?,
            Event::GeneralRef(reference) => {
                let is_known = matches!(&*reference, "amp" | "lt" | "gt" | "quot" | "apos");
                if !is_known && !matches!(reference.resolve_char_ref(), Ok(Some(_))) {
                    let name = format!("unknown entity `{}`", &*reference);
                    return Err(PictureProblem::Malformed(name));
                }
                put(&mut writer, Event::GeneralRef(reference))?;
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof if depth > 0 => {
                return Err(PictureProblem::Malformed("it breaks off".to_owned()));
            }
            Event::Eof if !seen_root => return Err(PictureProblem::NotSvg("it is empty")),
            Event::Eof => break,
        }
    }
    String::from_utf8(writer.into_inner()).map_err(malformed)
}

/// The names of one figure.
struct Scope<'a> {
    figure: &'a str,
}

impl Scope<'_> {
    /// An id of the picture as an id of the page. Anchors hold no dot, so the two never meet.
    fn id(&self, id: &str) -> String {
        format!("{}.{id}", self.figure)
    }

    fn element(
        &self,
        tag: &BytesStart<'_>,
        is_root: bool,
    ) -> Result<BytesStart<'static>, PictureProblem> {
        let name = tag.name().0.to_owned();
        if is_root && name != "svg" {
            return Err(PictureProblem::NotSvg("its root is not <svg>"));
        }
        if !DRAWING_ELEMENTS.contains(&name.as_str()) {
            return Err(PictureProblem::Element(name));
        }
        let mut element = BytesStart::new(name);
        let mut size = [None, None];
        let mut has_view_box = false;
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(malformed)?;
            let key = attribute.key.0;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(malformed)?;
            if key
                .get(..2)
                .is_some_and(|start| start.eq_ignore_ascii_case("on"))
            {
                return Err(PictureProblem::Handler(key.to_owned()));
            }
            if is_root {
                match key {
                    "width" => size[0] = pixels(&value),
                    "height" => size[1] = pixels(&value),
                    "viewBox" => has_view_box = true,
                    _ => {}
                }
                let replaced = ["width", "height", "role", "style", "class"];
                if replaced.contains(&key) || key.starts_with("aria-") {
                    continue;
                }
            }
            let is_namespace = key == "xmlns" || key.starts_with("xmlns:");
            let is_default = key == "opacity" && value == "1";
            if is_namespace || is_default || key == "version" {
                continue;
            }
            let value = self.value(key, value)?;
            element.push_attribute(Attribute::from((key, value)));
        }
        if is_root {
            if !has_view_box {
                let [Some(width), Some(height)] = size else {
                    let missing = "it has neither a viewBox nor a size in pixels";
                    return Err(PictureProblem::NotSvg(missing));
                };
                let view_box = format!("0 0 {width} {height}");
                element.push_attribute(("viewBox", view_box.as_str()));
            }
            let label = format!("{} {}", self.id("title"), self.id("description"));
            element.push_attribute(("role", "img"));
            element.push_attribute(("aria-labelledby", label.as_str()));
        }
        Ok(element)
    }

    /// An attribute's value with its references renamed.
    fn value<'v>(&self, key: &str, value: Cow<'v, str>) -> Result<Cow<'v, str>, PictureProblem> {
        match key {
            "id" => Ok(self.id(&value).into()),
            "href" | "xlink:href" | "src" => match value.strip_prefix('#') {
                Some(id) => Ok(format!("#{}", self.id(id)).into()),
                None if value.starts_with("data:image/png;") => Ok(value),
                None => Err(PictureProblem::External(value.into_owned())),
            },
            "aria-labelledby" | "aria-describedby" => {
                let ids: Vec<String> = value.split_whitespace().map(|id| self.id(id)).collect();
                Ok(ids.join(" ").into())
            }
            _ => self.links(value),
        }
    }

    /// `url(#id)` with the id renamed; any other `url(...)` is refused.
    fn links<'v>(&self, value: Cow<'v, str>) -> Result<Cow<'v, str>, PictureProblem> {
        const OPENING: &str = "url(";
        if !value.to_ascii_lowercase().contains(OPENING) {
            return Ok(value);
        }
        let mut text = String::new();
        let mut rest: &str = &value;
        while let Some(start) = rest.to_ascii_lowercase().find(OPENING) {
            let (before, from) = rest.split_at(start + OPENING.len());
            let (target, after) = from.split_once(')').unwrap_or((from, ""));
            let bare = target.trim().trim_matches(['"', '\'']);
            let Some(id) = bare.strip_prefix('#') else {
                return Err(PictureProblem::External(bare.to_owned()));
            };
            text.push_str(before);
            text.push_str(&format!("#{})", self.id(id)));
            rest = after;
        }
        text.push_str(rest);
        Ok(text.into())
    }

    /// Writes the name and the description that come first in the root.
    fn speak(
        &self,
        writer: &mut Writer<Vec<u8>>,
        spoken: Spoken<'_>,
    ) -> Result<(), PictureProblem> {
        for (element, id, text) in [
            ("title", "title", spoken.title),
            ("desc", "description", spoken.description),
        ] {
            let id = self.id(id);
            let start = BytesStart::new(element).with_attributes([("id", id.as_str())]);
            put(writer, Event::Start(start))?;
            put(writer, Event::Text(BytesText::new(text)))?;
            put(writer, Event::End(BytesEnd::new(element)))?;
        }
        Ok(())
    }
}

/// A number of pixels, with or without its unit.
fn pixels(value: &str) -> Option<f64> {
    let number: f64 = value.trim().trim_end_matches("px").parse().ok()?;
    (number.is_finite() && number > 0.0).then_some(number)
}

fn put(writer: &mut Writer<Vec<u8>>, event: Event<'_>) -> Result<(), PictureProblem> {
    writer.write_event(event).map_err(malformed)
}

fn malformed(error: impl std::fmt::Display) -> PictureProblem {
    PictureProblem::Malformed(error.to_string())
}

/// A PNG file as the address of an image, with its width and height in pixels.
pub(crate) fn png_address(bytes: &[u8]) -> Result<(String, u32, u32), PictureProblem> {
    // The header chunk is the first: length, `IHDR`, width, height.
    let number = |at: usize| {
        let bytes: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_be_bytes(bytes))
    };
    match (bytes.starts_with(PNG_SIGNATURE), number(16), number(20)) {
        (true, Some(width), Some(height)) => {
            let address = format!("data:image/png;base64,{}", STANDARD.encode(bytes));
            Ok((address, width, height))
        }
        _ => Err(PictureProblem::NotPng),
    }
}
