//! Pictures as parts of a page.
//!
//! An SVG file loses its prolog, its fixed size and its namespaces, which HTML does not need, and
//! gets a name and a description for those who do not see it. Ids belong to the whole page once a
//! picture is part of it, so each gets the name of its figure in front. Only elements that draw are
//! let in: a style sheet would reach the page around the picture, a script would run.

use crate::error::PictureProblem;
use askama::filters::{Escaper, Html};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use xml::attribute::OwnedAttribute;
use xml::name::OwnedName;
use xml::reader::{EventReader, XmlEvent};

const SVG_NAMESPACE: &str = "http://www.w3.org/2000/svg";

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
// The other events are the parser's: comments, processing instructions and the like.
#[allow(clippy::wildcard_enum_match_arm)]
pub(crate) fn inline_svg(
    svg: &str,
    figure: &str,
    spoken: Spoken<'_>,
) -> Result<String, PictureProblem> {
    let scope = Scope { figure };
    let mut out = String::with_capacity(svg.len());
    let mut depth = 0_usize;
    // Whether the last start tag still lacks its closing bracket: `/>` is shorter than an end tag.
    let mut tag_is_open = false;
    for event in EventReader::from_str(svg) {
        let event = event.map_err(|error| PictureProblem::Malformed(error.to_string()))?;
        let ends_at_once = tag_is_open && matches!(event, XmlEvent::EndElement { .. });
        if std::mem::take(&mut tag_is_open) {
            out.push_str(if ends_at_once { "/>" } else { ">" });
        }
        match event {
            XmlEvent::StartElement {
                name, attributes, ..
            } => {
                scope.start(&mut out, &name, attributes, depth == 0)?;
                if depth == 0 {
                    out.push('>');
                    scope.speak(&mut out, spoken);
                } else {
                    tag_is_open = true;
                }
                depth += 1;
            }
            XmlEvent::EndElement { name } => {
                depth = depth.saturating_sub(1);
                if !ends_at_once {
                    out.push_str(&format!("</{}>", name.local_name));
                }
            }
            XmlEvent::Characters(text) | XmlEvent::CData(text) => escape(&mut out, &text),
            // Between words of one line it matters, between elements it does not.
            XmlEvent::Whitespace(space) if !space.contains('\n') => out.push_str(&space),
            _ => {}
        }
    }
    Ok(out)
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

    /// Writes a start tag without its closing bracket.
    fn start(
        &self,
        out: &mut String,
        name: &OwnedName,
        attributes: Vec<OwnedAttribute>,
        is_root: bool,
    ) -> Result<(), PictureProblem> {
        let is_svg = name.namespace.as_deref().is_none_or(|n| n == SVG_NAMESPACE);
        let element = name.local_name.as_str();
        if is_root && !(is_svg && element == "svg") {
            return Err(PictureProblem::NotSvg("its root is not <svg>"));
        }
        if !is_svg || name.prefix.is_some() || !DRAWING_ELEMENTS.contains(&element) {
            return Err(PictureProblem::Element(name.to_string()));
        }
        out.push_str(&format!("<{element}"));
        let mut size = [None, None];
        let mut has_view_box = false;
        for OwnedAttribute { name, value } in attributes {
            let key = match &name.prefix {
                Some(prefix) => format!("{prefix}:{}", name.local_name),
                None => name.local_name,
            };
            if key
                .get(..2)
                .is_some_and(|start| start.eq_ignore_ascii_case("on"))
            {
                return Err(PictureProblem::Handler(key));
            }
            if is_root {
                match key.as_str() {
                    "width" => size[0] = pixels(&value),
                    "height" => size[1] = pixels(&value),
                    "viewBox" => has_view_box = true,
                    _ => {}
                }
                let replaced = ["id", "width", "height", "role", "style", "class"];
                if replaced.contains(&key.as_str()) || key.starts_with("aria-") {
                    continue;
                }
            }
            let is_default = key == "opacity" && value == "1";
            if !is_default && key != "version" {
                attribute(out, &key, &self.value(&key, value.into())?);
            }
        }
        if is_root {
            if !has_view_box {
                let [Some(width), Some(height)] = size else {
                    let missing = "it has neither a viewBox nor a size in pixels";
                    return Err(PictureProblem::NotSvg(missing));
                };
                attribute(out, "viewBox", &format!("0 0 {width} {height}"));
            }
            let label = format!("{} {}", self.id("title"), self.id("description"));
            attribute(out, "role", "img");
            attribute(out, "aria-labelledby", &label);
        }
        Ok(())
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
    fn speak(&self, out: &mut String, spoken: Spoken<'_>) {
        for (element, id, text) in [
            ("title", "title", spoken.title),
            ("desc", "description", spoken.description),
        ] {
            out.push_str(&format!("<{element}"));
            attribute(out, "id", &self.id(id));
            out.push('>');
            escape(out, text);
            out.push_str(&format!("</{element}>"));
        }
    }
}

fn attribute(out: &mut String, key: &str, value: &str) {
    out.push_str(&format!(" {key}=\""));
    escape(out, value);
    out.push('"');
}

fn escape(out: &mut String, text: &str) {
    // Appending to a string cannot fail.
    let _ = Html.write_escaped_str(out, text);
}

/// A number of pixels, with or without its unit.
fn pixels(value: &str) -> Option<f64> {
    let number: f64 = value.trim().trim_end_matches("px").parse().ok()?;
    (number.is_finite() && number > 0.0).then_some(number)
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

#[cfg(test)]
mod tests {
    use super::*;

    const SPOKEN: Spoken<'static> = Spoken {
        title: "a < b",
        description: "read it",
    };

    fn inlined(body: &str) -> Result<String, PictureProblem> {
        let svg = format!(
            "<?xml version=\"1.0\"?><!-- made --><svg xmlns=\"{SVG_NAMESPACE}\" \
             xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"40px\" height=\"30\">{body}</svg>"
        );
        inline_svg(&svg, "figure-1", SPOKEN)
    }

    fn body(text: &str) -> String {
        let svg = inlined(text).unwrap();
        let (_, body) = svg.split_once("</desc>").unwrap();
        body.strip_suffix("</svg>").unwrap().to_owned()
    }

    fn refusal(text: &str) -> String {
        inlined(text).unwrap_err().to_string()
    }

    #[test]
    fn prolog_and_size_make_way_for_a_view_box_and_a_name() {
        assert_eq!(
            inlined("").unwrap(),
            "<svg viewBox=\"0 0 40 30\" role=\"img\" \
             aria-labelledby=\"figure-1.title figure-1.description\">\
             <title id=\"figure-1.title\">a &#60; b</title>\
             <desc id=\"figure-1.description\">read it</desc></svg>"
        );
    }

    #[test]
    fn ids_and_what_refers_to_them_are_renamed_together() {
        assert_eq!(
            body(
                "<g id=\"a\"/><use xlink:href=\"#a\" fill=\"url(#b)\" style=\"mask: url( '#c' )\"/>"
            ),
            "<g id=\"figure-1.a\"/><use xlink:href=\"#figure-1.a\" fill=\"url(#figure-1.b)\" \
             style=\"mask: url(#figure-1.c)\"/>"
        );
    }

    #[test]
    fn text_stays_escaped_and_drawing_is_kept() {
        assert_eq!(
            body(
                "<text x=\"1\" opacity=\"1\">\na &lt;b&gt; <![CDATA[<i>]]> &#38;\n</text>\n<g> </g>"
            ),
            "<text x=\"1\">\na &#60;b&#62; &#60;i&#62; &#38;\n</text><g> </g>"
        );
    }

    #[test]
    fn what_runs_or_styles_the_page_is_refused() {
        for element in ["script", "style", "foreignObject", "a", "animate"] {
            assert!(refusal(&format!("<{element}/>")).contains(&format!("{element}>")));
        }
        assert!(refusal("<g onload=\"x\"/>").contains("`onload`"));
        assert!(refusal("<h:g xmlns:h=\"http://www.w3.org/1999/xhtml\"/>").contains("h:g"));
    }

    #[test]
    fn what_is_loaded_from_elsewhere_is_refused() {
        for outside in [
            "<image href=\"http://example.org/a.png\"/>",
            "<image xlink:href=\"//example.org/a.png\"/>",
            "<use href=\"other.svg#a\"/>",
            "<g fill=\"URL(http://example.org/a)\"/>",
            "<g style=\"fill: url(#a); mask: url(b.svg#c)\"/>",
        ] {
            assert!(refusal(outside).contains("outside of itself"), "{outside}");
        }
    }

    #[test]
    fn broken_files_are_named_as_such() {
        for broken in [
            "<g>",
            "</g>",
            "<g a=1/>",
            "&unknown;",
            "<g a=\"1\" a=\"2\"/>",
        ] {
            assert!(refusal(broken).contains("not well-formed"), "{broken}");
        }
        for (other, problem) in [
            ("<html/>", "not <svg>"),
            ("<svg/>", "neither"),
            ("", "well"),
        ] {
            let error = inline_svg(other, "figure-1", SPOKEN).unwrap_err();
            assert!(error.to_string().contains(problem), "{error}");
        }
    }
}
