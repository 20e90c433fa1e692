//! The environment as `huggingface_hub` reads it.
//!
//! # Source
//! huggingface_hub 2.4.0: `constants.py`, `utils/_auth.py`; Python's `os.path.expanduser` and
//! `os.path.expandvars`. Differs: an empty variable is as none.

use std::path::{Path, PathBuf};

/// The variables that say where checkpoints are, and the file system they speak of.
pub(super) struct Environment<F>(pub(super) F);

impl<F: Fn(&str) -> Option<String>> Environment<F> {
    /// The value of the first of some variables that is set.
    pub(super) fn first(&self, names: &[&str]) -> Option<String> {
        let mut values = names.iter().filter_map(|name| (self.0)(name));
        values.find(|value| !value.is_empty())
    }

    /// Whether the first of some variables that is set says yes.
    pub(super) fn flag(&self, names: &[&str]) -> bool {
        self.first(names).is_some_and(|value| {
            let yes = ["1", "on", "yes", "true"];
            yes.contains(&value.to_ascii_lowercase().as_str())
        })
    }

    /// The cache folder.
    pub(super) fn cache(&self) -> PathBuf {
        match self.first(&["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"]) {
            Some(cache) => self.expand(&cache),
            None => self.home().join("hub"),
        }
    }

    /// The token, of a variable or of a file.
    pub(super) fn token(&self) -> Option<String> {
        if self.flag(&["HF_HUB_DISABLE_IMPLICIT_TOKEN"]) {
            return None;
        }
        let clean = |token: String| {
            let token = token
                .trim_start_matches('\u{feff}')
                .replace(['\r', '\n'], "");
            Some(token.trim().to_owned()).filter(|token| !token.is_empty())
        };
        let variable = self.first(&["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]);
        variable.and_then(clean).or_else(|| {
            let file = match self.first(&["HF_TOKEN_PATH"]) {
                Some(file) => self.expand(&file),
                None => self.home().join("token"),
            };
            clean(std::fs::read_to_string(file).ok()?)
        })
    }

    fn home(&self) -> PathBuf {
        let under = |cache: &str| self.expand(cache).join("huggingface");
        match (self.first(&["HF_HOME"]), self.first(&["XDG_CACHE_HOME"])) {
            (Some(home), _) => self.expand(&home),
            (None, Some(cache)) => under(&cache),
            (None, None) => under("~/.cache"),
        }
    }

    /// A path with `~` and then `$NAME` and `${NAME}` replaced; what is not known stays.
    fn expand(&self, path: &str) -> PathBuf {
        let home = match path.strip_prefix('~').map(|rest| rest.split('/').next()) {
            Some(Some("")) => self
                .first(&["HOME"])
                .map_or_else(std::env::home_dir, |home| Some(PathBuf::from(home))),
            Some(Some(user)) => home_of(user),
            Some(None) | None => None,
        };
        let rest = path.find('/').map_or("", |at| &path[at..]);
        let path = match home.as_deref().and_then(Path::to_str) {
            Some(home) => format!("{}{rest}", home.trim_end_matches('/')),
            None => path.to_owned(),
        };
        PathBuf::from(self.with_variables(&path))
    }

    fn with_variables(&self, mut text: &str) -> String {
        let mut expanded = String::with_capacity(text.len());
        while let Some((before, behind)) = text.split_once('$') {
            expanded.push_str(before);
            let (name, rest) = match behind.strip_prefix('{').and_then(|b| b.split_once('}')) {
                Some(braced) => braced,
                None => {
                    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    behind.split_at(behind.find(|c| !is_name(c)).unwrap_or(behind.len()))
                }
            };
            match (self.0)(name) {
                Some(value) => expanded.push_str(&value),
                None => {
                    let written = behind.len() - rest.len();
                    expanded.push('$');
                    expanded.push_str(&behind[..written]);
                }
            }
            text = rest;
        }
        expanded + text
    }
}

/// The home of another user, of the system's list.
fn home_of(user: &str) -> Option<PathBuf> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = users
        .lines()
        .find(|line| line.split(':').next() == Some(user))?;
    line.split(':').nth(5).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment<impl Fn(&str) -> Option<String>> {
        Environment(move |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn cache(variables: &[(&str, &str)]) -> PathBuf {
        environment(variables).cache()
    }

    #[test]
    fn the_nearest_variable_decides_where_the_cache_is() {
        let all = [
            ("HF_HUB_CACHE", "/a"),
            ("HUGGINGFACE_HUB_CACHE", "/o"),
            ("HF_HOME", "/b"),
            ("XDG_CACHE_HOME", "/c"),
        ];
        assert_eq!(cache(&all), PathBuf::from("/a"));
        assert_eq!(cache(&all[1..]), PathBuf::from("/o"));
        assert_eq!(cache(&all[2..]), PathBuf::from("/b/hub"));
        assert_eq!(cache(&all[3..]), PathBuf::from("/c/huggingface/hub"));
        assert!(cache(&[]).ends_with(".cache/huggingface/hub"));
    }

    /// Values of `huggingface_hub.constants` 2.4.0 under Python 3, with these variables.
    #[test]
    fn tildes_and_variables_are_expanded_in_every_path() {
        let place = [
            ("HOME", "/home/me"),
            ("SCRATCH", "/scratch/7"),
            ("EMPTY", ""),
        ];
        for (name, value, expected) in [
            ("HF_HOME", "~/hf", "/home/me/hf/hub"),
            ("HF_HOME", "$SCRATCH/hf", "/scratch/7/hf/hub"),
            ("HF_HOME", "${SCRATCH}_x", "/scratch/7_x/hub"),
            ("HF_HOME", "/a/$NONE/b", "/a/$NONE/b/hub"),
            ("HF_HOME", "/a/${NONE}b$", "/a/${NONE}b$/hub"),
            ("HF_HOME", "/a~/b", "/a~/b/hub"),
            ("HF_HOME", "~no-such-user/b", "~no-such-user/b/hub"),
            ("HF_HUB_CACHE", "$HOME/c", "/home/me/c"),
            ("HF_HUB_CACHE", "~", "/home/me"),
            ("HF_HUB_CACHE", "/a$EMPTY/b", "/a/b"),
            ("HUGGINGFACE_HUB_CACHE", "~/old", "/home/me/old"),
            ("XDG_CACHE_HOME", "~/x", "/home/me/x/huggingface/hub"),
        ] {
            let variables = [&place[..], &[(name, value)]].concat();
            assert_eq!(cache(&variables), PathBuf::from(expected), "{name}={value}");
        }
    }

    /// Source: `_clean_token` and `get_token` of huggingface_hub 2.4.0.
    #[test]
    fn tokens_are_stripped_and_come_from_a_variable_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("elsewhere");
        std::fs::write(&file, " from-file\r\n").unwrap();
        std::fs::write(folder.path().join("token"), "at-home\n").unwrap();
        let (home, file) = (folder.path().to_str().unwrap(), file.to_str().unwrap());
        for (variables, expected) in [
            (vec![("HF_TOKEN", " a\n")], Some("a")),
            (vec![("HUGGING_FACE_HUB_TOKEN", "b\r\n")], Some("b")),
            (
                vec![("HF_TOKEN", "a"), ("HUGGING_FACE_HUB_TOKEN", "b")],
                Some("a"),
            ),
            (vec![("HF_TOKEN_PATH", file)], Some("from-file")),
            (
                vec![("HF_TOKEN_PATH", "$PLACE/elsewhere"), ("PLACE", home)],
                Some("from-file"),
            ),
            (vec![("HF_TOKEN", "\n"), ("HF_HOME", home)], Some("at-home")),
            (
                vec![("HF_HOME", home), ("HF_HUB_CACHE", "/elsewhere")],
                Some("at-home"),
            ),
            (
                vec![("HF_TOKEN", "a"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")],
                None,
            ),
            (vec![("HF_HOME", "/nonexistent")], None),
        ] {
            let token = environment(&variables).token();
            assert_eq!(token.as_deref(), expected, "{variables:?}");
        }
    }

    #[test]
    fn offline_is_said_in_four_words_and_by_two_variables() {
        let names = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"];
        let offline = |variables: &[(&str, &str)]| environment(variables).flag(&names);
        for yes in ["1", "ON", "Yes", "true"] {
            assert!(offline(&[("HF_HUB_OFFLINE", yes)]), "{yes}");
        }
        for no in ["0", "", "off", "2", "y"] {
            assert!(!offline(&[("HF_HUB_OFFLINE", no)]), "{no}");
        }
        assert!(offline(&[("TRANSFORMERS_OFFLINE", "1")]));
        assert!(!offline(&[
            ("HF_HUB_OFFLINE", "0"),
            ("TRANSFORMERS_OFFLINE", "1")
        ]));
    }
}
