//! Finds hints in the text of a prompt: words that ask for something whole or for reasoning, fenced
//! code, names of files. Vocabularies come from config and are compiled once.

use regex::Regex;

use super::ComplexityParameters;
use crate::facts::Cues;
use crate::tokens::prefix;

/// Hints are looked for in this many bytes of each text.
const SEARCHED_BYTES: usize = 64 * 1024;
const FENCE: &str = "```";

/// Compiled vocabularies. The default knows none and finds fenced code alone.
#[derive(Debug, Clone, Default)]
pub struct CueFinder {
    make_whole: Option<Regex>,
    reasoning: Option<Regex>,
    file: Option<Regex>,
    not_files: Vec<String>,
}

/// What the texts looked at so far have shown.
#[derive(Default)]
struct Search<'t> {
    found: Cues,
    fenced: bool,
    instruction: bool,
    file: Option<&'t str>,
}

impl CueFinder {
    /// Fails only where a vocabulary is too large to compile.
    pub fn new(parameters: &ComplexityParameters) -> Result<Self, regex::Error> {
        Ok(Self {
            make_whole: phrases(&parameters.make_whole)?,
            reasoning: phrases(&parameters.reasoning)?,
            file: file_names(&parameters.file_extensions)?,
            not_files: parameters.not_files.iter().map(|name| name.to_lowercase()).collect(),
        })
    }

    /// The hints in the texts of one request, taken together. Time is linear; only the first 64 KiB
    /// of each text are searched.
    #[must_use]
    pub fn cues<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> Cues {
        let mut search = Search::default();
        for text in texts {
            self.search(prefix(text, SEARCHED_BYTES), &mut search);
        }
        if search.fenced && search.instruction {
            search.add(Cues::FENCED_CODE);
        }
        search.found
    }

    fn search<'t>(&self, text: &'t str, search: &mut Search<'t>) {
        for (vocabulary, cue) in
            [(&self.make_whole, Cues::MAKE_WHOLE), (&self.reasoning, Cues::REASONING)]
        {
            if !search.found.contains(cue) && finds(vocabulary.as_ref(), text) {
                search.add(cue);
            }
        }
        for (index, segment) in text.split(FENCE).enumerate() {
            let says_something = segment.contains(char::is_alphanumeric);
            search.fenced |= index % 2 == 1 && says_something;
            search.instruction |= index % 2 == 0 && says_something;
        }
        if !search.found.contains(Cues::SEVERAL_FILES) {
            self.search_files(text, search);
        }
    }

    fn search_files<'t>(&self, text: &'t str, search: &mut Search<'t>) {
        let names =
            self.file.iter().flat_map(|file| file.find_iter(text)).map(|name| name.as_str());
        for name in names.filter(|name| !self.not_files.contains(&name.to_lowercase())) {
            if *search.file.get_or_insert(name) != name {
                search.add(Cues::SEVERAL_FILES);
                return;
            }
        }
    }
}

impl Search<'_> {
    fn add(&mut self, cue: Cues) {
        self.found = self.found.union(cue);
    }
}

fn finds(vocabulary: Option<&Regex>, text: &str) -> bool {
    vocabulary.is_some_and(|words| words.is_match(text))
}

/// Any of the phrases between word boundaries. The boundaries are ASCII ones, which keeps the regex
/// engine on its fast path for text in every script.
fn phrases(phrases: &[String]) -> Result<Option<Regex>, regex::Error> {
    alternatives(phrases, phrase)
        .map_or(Ok(None), |any| Regex::new(&format!("(?i){any}")).map(Some))
}

fn phrase(text: &str) -> String {
    let words: Vec<String> = text
        .split_whitespace()
        .map(|word| word.split('-').map(regex::escape).collect::<Vec<_>>().join(r"[-\s]?"))
        .collect();
    let edge = |end: Option<char>| {
        if end.is_some_and(|c| c.is_ascii_alphanumeric()) {
            r"(?-u:\b)"
        } else {
            ""
        }
    };
    let (before, after) = (edge(text.chars().next()), edge(text.chars().next_back()));
    format!("{before}{}{after}", words.join(r"[-\s]+"))
}

fn file_names(extensions: &[String]) -> Result<Option<Regex>, regex::Error> {
    alternatives(extensions, |extension| regex::escape(extension.trim_start_matches('.')))
        .map_or(Ok(None), |any| Regex::new(&format!(r"(?i)[\w./\\-]*\w\.{any}(?-u:\b)")).map(Some))
}

/// One group of all that is not blank; `None` where nothing is left, since an empty group matches
/// everything.
fn alternatives(words: &[String], pattern: impl Fn(&str) -> String) -> Option<String> {
    let words: Vec<String> =
        words.iter().map(|word| word.trim()).filter(|word| !word.is_empty()).map(pattern).collect();
    (!words.is_empty()).then(|| format!("(?:{})", words.join("|")))
}
