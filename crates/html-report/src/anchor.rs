//! Names that links can point to, one of a kind in a page.

use std::collections::BTreeSet;

/// Longest name, in characters.
const LONGEST: usize = 60;

/// The names given out so far.
#[derive(Debug, Default)]
pub(crate) struct Anchors(BTreeSet<String>);

impl Anchors {
    /// A name made of the letters and digits of `text`, in small letters with hyphens between; with
    /// a number behind it if the plain name is taken.
    pub fn name(&mut self, text: &str) -> String {
        let mut plain = String::new();
        for c in text.chars() {
            if c.is_ascii_alphanumeric() {
                plain.push(c.to_ascii_lowercase());
            } else if !plain.is_empty() && !plain.ends_with('-') {
                plain.push('-');
            }
            if plain.len() >= LONGEST {
                break;
            }
        }
        let plain = match plain.trim_end_matches('-') {
            "" => "part",
            name => name,
        };
        let numbered = (2..).map(|number: u32| format!("{plain}-{number}"));
        let mut names = std::iter::once(plain.to_owned()).chain(numbered);
        // The numbers never end, so a free name is always found.
        let free = names.find(|name| !self.0.contains(name));
        let free = free.unwrap_or_else(|| plain.to_owned());
        self.0.insert(free.clone());
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_never_given_out_twice() {
        let mut anchors = Anchors::default();
        let names = ["Error rate, by arm", "error-rate by arm!", "<script>", "語"];
        let names = names.map(|text| anchors.name(text));
        assert_eq!(
            names,
            ["error-rate-by-arm", "error-rate-by-arm-2", "script", "part"]
        );
        assert_eq!(anchors.name("?"), "part-2");
        assert!(anchors.name(&"x".repeat(5_000)).len() <= LONGEST);
    }
}
