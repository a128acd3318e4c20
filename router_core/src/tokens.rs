//! Counts tokens as cl100k does, only as far as a limit, in time that text cannot blow up. The
//! vocabulary ships with the binary; its 32 MB are unpacked on first use, in about 25 ms.

use bpe_openai::{cl100k_base, Tokenizer};

/// Bytes of the longest token of cl100k.
const LONGEST_TOKEN: usize = 128;
/// The pre-tokeniser never sees more than this at once.
const WINDOW: usize = 64 * 1024;

/// How many tokens a text has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenCount {
    /// Never more than the limit.
    pub tokens: u32,
    /// False where the true number is larger than the limit.
    pub exact: bool,
}

/// Unpacks the vocabulary now, so that the first request does not pay for it.
pub fn warm() {
    let _ = count("warm", 1);
}

/// Tokens of one text, counted as far as `limit`.
///
/// A text without a space in 64 KiB is cut there, so its count may be off by one for each such cut.
#[must_use]
pub fn count(text: &str, limit: u32) -> TokenCount {
    count_all([text], limit)
}

/// Tokens of several texts together, counted as far as `limit`.
#[must_use]
pub fn count_all<'t>(texts: impl IntoIterator<Item = &'t str>, limit: u32) -> TokenCount {
    let mut counter = Counter::new(limit);
    for text in texts {
        counter.add(text);
    }
    counter.total()
}

/// Adds up texts and numbers of tokens until a limit is passed.
#[derive(Debug, Clone)]
pub(crate) struct Counter {
    limit: u32,
    tokens: u32,
    exact: bool,
}

impl Counter {
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, tokens: 0, exact: true }
    }

    pub(crate) fn add(&mut self, text: &str) {
        let room = (self.limit - self.tokens) as usize;
        if text.is_empty() || !self.exact {
            return;
        }
        let hopeless = text.len() > room.saturating_mul(LONGEST_TOKEN);
        let found = if hopeless { None } else { count_till(cl100k_base(), text, room) };
        self.add_found(found);
    }

    /// Tokens counted by someone else.
    pub(crate) fn add_tokens(&mut self, tokens: usize) {
        self.add_found(Some(tokens));
    }

    pub(crate) fn total(&self) -> TokenCount {
        TokenCount { tokens: self.tokens, exact: self.exact }
    }

    /// `None` is more than there is room for.
    fn add_found(&mut self, found: Option<usize>) {
        let sum = found
            .and_then(|tokens| u32::try_from(tokens).ok())
            .and_then(|tokens| self.tokens.checked_add(tokens))
            .filter(|sum| *sum <= self.limit);
        self.exact &= sum.is_some();
        self.tokens = sum.unwrap_or(self.limit);
    }
}

/// Tokens of a text, or `None` where there are more than `room`.
fn count_till(tokenizer: &Tokenizer, text: &str, room: usize) -> Option<usize> {
    let mut tokens = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let (window, after) = rest.split_at_checked(window_end(rest))?;
        for piece in tokenizer.split(window) {
            tokens += tokenizer.bpe.count_till_limit(piece.as_bytes(), room - tokens)?;
        }
        rest = after;
    }
    Some(tokens)
}

/// Where to cut the next window: before a space that follows a visible ASCII character, which is
/// where the pre-tokeniser cuts as well; without one, at the last whole character.
fn window_end(text: &str) -> usize {
    let window = prefix(text, WINDOW);
    if window.len() == text.len() {
        return text.len();
    }
    let mut bytes = window.as_bytes().windows(2);
    let cut = bytes.rposition(|pair| matches!(pair, [before, b' '] if before.is_ascii_graphic()));
    cut.map_or(window.len(), |index| index + 1)
}

/// The longest beginning of a text that has at most `bytes` bytes and ends at a whole character.
pub(crate) fn prefix(text: &str, bytes: usize) -> &str {
    (bytes.saturating_sub(3)..=bytes).rev().find_map(|end| text.get(..end)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::{count, count_all, prefix, warm, TokenCount, LONGEST_TOKEN, WINDOW};
    use bpe_openai::cl100k_base;
    use proptest::prelude::*;

    fn exact(tokens: u32) -> TokenCount {
        TokenCount { tokens, exact: true }
    }

    fn more_than(limit: u32) -> TokenCount {
        TokenCount { tokens: limit, exact: false }
    }

    #[test]
    fn counts_are_those_of_cl100k() {
        for (text, tokens) in [
            ("hello world", 2),
            ("print hello", 2),
            ("tiktoken is great!", 6),
            ("antidisestablishmentarianism", 6),
            ("2 + 2 = 4", 7),
            ("お誕生日おめでとう", 9),
            ("naïve café — 漢字 🙂🙂", 12),
            ("def f(x):\n    return x + 1\n", 11),
            ("  leading and   inner   spaces  ", 8),
            ("It's 1234567 o'clock; I'LL go.", 14),
            ("{\"key\": [1, 2.5e-3, null]}\r\n\r\n\tend", 18),
            ("\n\n\n", 1),
            ("<|endoftext|>", 7),
            ("", 0),
        ] {
            assert_eq!(count(text, 1000), exact(tokens), "{text:?}");
        }
        assert_eq!(count(&"a".repeat(1000), 1000), exact(125));
    }

    #[test]
    fn counting_stops_at_the_limit() {
        assert_eq!(count("a b c d", 4), exact(4));
        assert_eq!(count("a b c d", 3), more_than(3));
        assert_eq!(count("a", 0), more_than(0));
        assert_eq!(count("", 0), exact(0));
        assert_eq!(count_all(["a b", "c d"], 4), exact(4));
        assert_eq!(count_all(["a b", "c d", "e"], 4), more_than(4));
    }

    #[test]
    fn no_token_is_longer_than_assumed() {
        let vocabulary = &cl100k_base().bpe;
        let lengths = (0..vocabulary.num_tokens())
            .filter_map(|id| u32::try_from(id).ok())
            .map(|id| vocabulary.token_len(id));
        assert_eq!(lengths.max(), Some(LONGEST_TOKEN));
    }

    #[test]
    fn a_word_of_twenty_megabytes_is_cut() {
        let word = "ab".repeat(10_000_000);
        assert_eq!(count(&word, 5000), more_than(5000));
        assert_eq!(count(&word, 200_000), more_than(200_000));
        assert_eq!(count(&" ".repeat(20_000_000), 5000), more_than(5000));
    }

    #[test]
    fn long_text_is_cut_where_nothing_changes() {
        warm();
        let text = "Words, of all  sorts;\n\n  and 12345 numbers: größer 漢字 … (and\tso on)! "
            .repeat(3000);
        assert!(text.len() > 3 * WINDOW);
        let whole = u32::try_from(cl100k_base().count(text.as_str())).unwrap();
        assert_eq!(count(&text, u32::MAX), exact(whole));
    }

    #[test]
    fn a_prefix_ends_at_a_whole_character() {
        assert_eq!(prefix("漢字", 5), "漢");
        assert_eq!(prefix("漢字", 6), "漢字");
        assert_eq!(prefix("漢字", 2), "");
        assert_eq!(prefix("ab", 9), "ab");
    }

    proptest! {
        #[test]
        fn equals_the_unlimited_count(text in any::<String>(), limit in 0_u32..200) {
            let whole = u32::try_from(cl100k_base().count(text.as_str())).unwrap();
            let expected = if whole <= limit { exact(whole) } else { more_than(limit) };
            prop_assert_eq!(count(&text, limit), expected);
        }
    }
}
