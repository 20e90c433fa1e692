//! Whole pages, read back with the parser that browsers use.

#![allow(clippy::unwrap_used)]

use html_report::{
    Claim, Column, Figure, Gate, GateState, KeyNumber, Picture, Report, ReportError, Section,
    Table, Verdict, render,
};
use scraper::{ElementRef, Html, Selector};
use std::collections::BTreeSet;

/// One of everything that could break out of its place.
const HOSTILE: &str = "</code></title></style><script>alert('x')</script>\" onload=\"x' & `<b>` \
                       **<i>** =cmd() <img src=http://example.org/a.png>";

fn report(text: &str) -> Report {
    let text = || text.to_owned();
    let mut section = Section::new(text());
    section.heading(text());
    section.paragraph(text());
    section.bullets(vec![text(), text()]);
    section.table(Table {
        title: text(),
        columns: vec![Column::text(text()), Column::number(text())],
        rows: vec![vec![text(), text()], vec![text(), "−1.5".to_owned()]],
    });
    section.figure(figure(text(), Picture::Svg(svg())));
    section.figure(figure(text(), Picture::Svg(svg())));
    section.figure(figure(text(), Picture::Png(png())));
    Report {
        title: text(),
        question: text(),
        answer: vec![text(), text()],
        key_numbers: vec![KeyNumber {
            label: text(),
            value: text(),
            note: text(),
        }],
        warnings: vec![text()],
        claims: Verdict::ALL
            .map(|verdict| Claim {
                id: text(),
                text: text(),
                verdict,
                effect: Some(text()),
                interval: Some(text()),
                p: Some(0.0004),
                adjusted_p: Some(0.0312),
                n: Some(text()),
                sentence: text(),
            })
            .to_vec(),
        gates: [GateState::Passed, GateState::Failed, GateState::NotMeasured]
            .map(|state| Gate {
                name: text(),
                state,
                reason: text(),
            })
            .to_vec(),
        sections: vec![section, Section::new(text())],
        configuration: text(),
        provenance: vec![(text(), text())],
    }
}

fn figure(title: String, picture: Picture) -> Figure {
    Figure {
        how_to_read: title.clone(),
        data_file: title.clone(),
        title,
        picture,
    }
}

fn svg() -> String {
    "<svg width=\"8\" height=\"6\" viewBox=\"0 0 80 60\" xmlns=\"http://www.w3.org/2000/svg\">\
     <defs><clipPath id=\"clip\"><rect width=\"5\" height=\"5\"/></clipPath></defs>\
     <g clip-path=\"url(#clip)\"><text>drawn</text></g></svg>"
        .to_owned()
}

/// Signature and header chunk of an image of 3 × 2 pixels.
fn png() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend([0, 0, 0, 3, 0, 0, 0, 2, 8, 2, 0, 0, 0]);
    bytes
}

fn parsed(report: &Report) -> Html {
    Html::parse_document(&render(report).unwrap())
}

fn all<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

fn texts(page: &Html, selector: &str) -> Vec<String> {
    let found = all(page, selector).into_iter();
    found
        .map(|element| element.text().collect::<String>().trim().to_owned())
        .collect()
}

#[test]
fn everything_stands_on_the_page_once_and_in_order() {
    let page = parsed(&report("TEXT"));
    assert_eq!(page.errors, Vec::<String>::new());
    assert_eq!(texts(&page, "h1"), ["TEXT"]);
    assert_eq!(
        texts(&page, "h2"),
        [
            "Answer",
            "Before use",
            "Contents",
            "Claims",
            "Integrity checks",
            "TEXT",
            "TEXT",
            "Configuration",
            "Provenance"
        ]
    );
    assert_eq!(
        texts(&page, ".claim .badge"),
        ["supported", "refuted", "undecided", "no verdict"]
    );
    assert_eq!(
        texts(&page, ".gates .badge"),
        ["passed", "failed", "not measured"]
    );
    for (selector, count) in [
        (".answer > p", 2),
        (".tiles div", 1),
        (".warnings li", 1),
        (".claim", 4),
        (".claim .facts div", 4 * 5),
        ("figure", 3),
        ("figure svg", 2),
        ("figure img[width='3'][height='2'][alt='TEXT']", 1),
        ("figcaption", 3),
        ("figcaption em", 3),
        ("table", 1),
        ("tbody tr", 2),
        ("td.number", 2),
        ("th[scope=col]", 2),
        (
            "section > p, section > ul:not([class]) li",
            2 + 1 + 1 + 1 + 2,
        ),
        ("pre code", 1),
        (".provenance dd", 1),
    ] {
        assert_eq!(all(&page, selector).len(), count, "{selector}");
    }
    let facts = texts(&page, ".claim:first-of-type .facts dd");
    assert_eq!(facts[2..4], ["< 0.001", "0.031"]);
}

#[test]
fn links_lead_to_parts_of_the_page_and_ids_are_unique() {
    for text in ["TEXT", HOSTILE, "語", "Answer"] {
        let page = parsed(&report(text));
        let ids: Vec<&str> = all(&page, "[id]")
            .iter()
            .filter_map(|element| element.attr("id"))
            .collect();
        let unique: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(unique.len(), ids.len(), "{ids:?}");
        let entries = all(&page, "nav a");
        assert_eq!(entries.len(), 8);
        for entry in entries {
            let target = entry.attr("href").unwrap().strip_prefix('#').unwrap();
            assert!(unique.contains(target), "{target}");
        }
        for (number, svg) in all(&page, "svg").into_iter().enumerate() {
            let own = format!("figure-{}.", number + 1);
            let label = svg.attr("aria-labelledby").unwrap();
            for id in label.split(' ') {
                assert!(id.starts_with(&own) && unique.contains(id), "{id}");
            }
        }
        let clipped = all(&page, "g[clip-path]");
        let links: Vec<_> = clipped
            .iter()
            .map(|g| g.attr("clip-path").unwrap())
            .collect();
        assert_eq!(links, ["url(#figure-1.clip)", "url(#figure-2.clip)"]);
    }
}

#[test]
fn hostile_text_adds_no_element_and_no_attribute() {
    let shape = |page: &Html| {
        let elements = all(page, "*").into_iter();
        let shape = elements.map(|element| {
            let keys: Vec<String> = element
                .value()
                .attrs()
                .map(|(key, _)| key.to_owned())
                .collect();
            (element.value().name().to_owned(), keys)
        });
        // The marks in the text are meant to become elements.
        let shape = shape.filter(|(name, _)| name != "code" && name != "strong");
        shape.collect::<Vec<_>>()
    };
    let (calm, hostile) = (parsed(&report("TEXT")), parsed(&report(HOSTILE)));
    assert_eq!(hostile.errors, Vec::<String>::new());
    assert_eq!(shape(&hostile), shape(&calm));
    assert_eq!(texts(&hostile, "title")[0], HOSTILE);
    assert_eq!(texts(&hostile, "pre code"), [HOSTILE]);
    assert!(texts(&hostile, "td.text")[0].contains("<script>alert('x')</script>"));
}

#[test]
fn nothing_is_run_and_nothing_is_loaded() {
    for text in ["TEXT", HOSTILE] {
        let html = render(&report(text)).unwrap();
        assert!(!html.contains("<script"));
        let page = Html::parse_document(&html);
        for element in all(&page, "*") {
            for (key, value) in element.value().attrs() {
                assert!(!key.starts_with("on"), "{key}");
                if ["src", "href", "srcset", "data", "action", "xlink:href"].contains(&key) {
                    assert!(value.starts_with(['#', 'd']), "{key}={value}");
                    assert!(
                        value.starts_with('#') || value.starts_with("data:"),
                        "{value}"
                    );
                }
            }
        }
        let style = &texts(&page, "style")[0];
        assert!(!style.contains("url(") && !style.contains("@import"));
        let policy = all(&page, "meta[http-equiv=Content-Security-Policy]");
        let policy = policy[0].attr("content").unwrap();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("script"));
    }
}

#[test]
fn a_page_without_the_optional_parts_has_no_empty_ones() {
    let page = parsed(&Report {
        title: "T".to_owned(),
        answer: vec!["yes".to_owned()],
        ..Report::default()
    });
    assert_eq!(texts(&page, "h2"), ["Answer", "Contents"]);
    assert_eq!(texts(&page, "nav a"), ["Answer"]);
    assert_eq!(all(&page, "section").len(), 1);
}

#[test]
fn the_same_report_gives_the_same_bytes() {
    let first = render(&report(HOSTILE)).unwrap();
    assert_eq!(first, render(&report(HOSTILE)).unwrap());
}

#[test]
fn what_cannot_be_shown_is_named() {
    let refusal = |change: fn(&mut Report)| -> ReportError {
        let mut report = report("TEXT");
        change(&mut report);
        render(&report).unwrap_err()
    };
    let message = |change| refusal(change).to_string();
    let silent = message(|report| report.answer = vec![" ".to_owned()]);
    assert!(silent.contains("`TEXT` has no answer"), "{silent}");
    let ragged = message(|report| {
        let mut section = Section::new("S");
        section.table(Table {
            title: "numbers".to_owned(),
            columns: vec![Column::text("a")],
            rows: vec![vec!["1".to_owned()], Vec::new()],
        });
        report.sections.push(section);
    });
    assert!(
        ragged.contains("`numbers`: row 2 has 0 cells for 1"),
        "{ragged}"
    );
    for p in [1.5, f64::NAN] {
        let mut report = report("TEXT");
        report.claims[0].adjusted_p = Some(p);
        let error = render(&report).unwrap_err().to_string();
        assert!(
            error.contains("adjusted p is") && error.contains("`TEXT`"),
            "{error}"
        );
    }
    let broken = message(|report| {
        let picture = Picture::Png(b"GIF89a".to_vec());
        report.sections[0].figure(figure("curve".to_owned(), picture));
    });
    assert!(broken.contains("`curve`: it is no PNG"), "{broken}");
}
