//! `OWNER/NAME@REVISION`.

/// The revision of an id that names none.
const MAIN: &str = "main";

/// A model on the hub. Its parts are safe as path components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ModelId {
    owner: String,
    name: String,
    revision: String,
}

impl ModelId {
    /// Parses an id; `None` if it is none.
    pub(super) fn parse(spec: &str) -> Option<Self> {
        let (repository, revision) = spec.split_once('@').unwrap_or((spec, MAIN));
        let (owner, name) = repository.split_once('/')?;
        // Branches such as refs/pr/1 are several components.
        let sound =
            is_component(owner) && is_component(name) && revision.split('/').all(is_component);
        sound.then(|| Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
            revision: revision.to_owned(),
        })
    }

    /// `OWNER/NAME`.
    pub(super) fn repository(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    pub(super) fn revision(&self) -> &str {
        &self.revision
    }

    /// The model's folder within the cache.
    pub(super) fn folder_name(&self) -> String {
        format!("models--{}--{}", self.owner, self.name)
    }
}

/// Whether a string is one path component that leads nowhere else, made of the characters that the
/// hub allows.
pub(super) fn is_component(part: &str) -> bool {
    !part.is_empty()
        && !part.starts_with('.')
        && part
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::ModelId;

    #[test]
    fn an_id_has_an_owner_a_name_and_perhaps_a_revision() {
        let id = ModelId::parse("AIDC-AI/Ovis2.5-2B").unwrap();
        assert_eq!(id.folder_name(), "models--AIDC-AI--Ovis2.5-2B");
        assert_eq!(id.revision(), "main");
        let id = ModelId::parse("Qwen/Qwen2.5-VL-3B-Instruct@refs/pr/1").unwrap();
        assert_eq!(id.repository(), "Qwen/Qwen2.5-VL-3B-Instruct");
        assert_eq!(id.revision(), "refs/pr/1");
    }

    #[test]
    fn paths_are_no_ids() {
        let paths = [
            "",
            "name",
            "/",
            "a/",
            "/a",
            "./a",
            "../a",
            "a/..",
            "a/b/c",
            "a/b@",
            "a/b@..",
            "a/b@../../x",
            "a/b@/x",
            "~/a",
            "a\\b/c",
            "a/b c",
            "a/b?x",
            "ä/b",
        ];
        for path in paths {
            assert_eq!(ModelId::parse(path), None, "{path}");
        }
    }
}
