//! JSON Pointers (RFC 6901) built step by step while walking a config. Every diagnostic carries one;
//! the loader turns it into file, line and column.

/// A place in the config.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointer(String);

impl Pointer {
    /// The whole document.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The member `key` of the object here.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let escaped = key.replace('~', "~0").replace('/', "~1");
        Self(format!("{}/{escaped}", self.0))
    }

    /// The item `index` of the list here.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        Self(format!("{}/{index}", self.0))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `other` is this place or one inside it.
    #[must_use]
    pub fn holds(&self, other: &str) -> bool {
        other.strip_prefix(&self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_are_escaped() {
        let place = Pointer::root().key("models").key("meta/x~1").index(2);
        assert_eq!(place.as_str(), "/models/meta~1x~01/2");
    }

    #[test]
    fn a_place_holds_what_is_inside_it_only() {
        let place = Pointer::root().key("models").key("a");
        assert!(place.holds("/models/a"));
        assert!(place.holds("/models/a/tier"));
        assert!(!place.holds("/models/ab"));
    }
}
