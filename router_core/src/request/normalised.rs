//! One number for a prompt however it is spaced and capitalised, so that an experiment can keep the
//! same question on the same arm without keeping the question.

use crate::rendezvous::StableHasher;
use crate::tokens::prefix;

/// This many bytes of each text are read; past them its length alone counts.
const READ_BYTES: usize = 64 * 1024;
/// Ends a text; no normalised text holds a line end.
const END: &[u8] = b"\n";

/// A hash of texts in lower case, with runs of white space as one space and none at the ends. `None`
/// where there is nothing but white space.
pub(super) fn hash<'t>(texts: impl IntoIterator<Item = &'t str>) -> Option<u64> {
    let mut hasher = StableHasher::default();
    let mut blank = true;
    for text in texts {
        let read = prefix(text, READ_BYTES);
        for (index, word) in read.split_whitespace().enumerate() {
            if index > 0 {
                hasher.write(b" ");
            }
            write_lower(&mut hasher, word);
            blank = false;
        }
        if read.len() < text.len() {
            hasher.write(&(text.len() as u64).to_le_bytes());
        }
        hasher.write(END);
    }
    (!blank).then(|| hasher.finish())
}

fn write_lower(hasher: &mut StableHasher, word: &str) {
    if word.is_ascii() {
        return word.bytes().for_each(|byte| hasher.write(&[byte.to_ascii_lowercase()]));
    }
    let mut buffer = [0; 4];
    for lower in word.chars().flat_map(char::to_lowercase) {
        hasher.write(lower.encode_utf8(&mut buffer).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spacing_and_case_do_not_matter_and_all_else_does() {
        let same = ["What is  FCR?", " what\tIS\nfcr? ", "WHAT IS FCR?"].map(|text| hash([text]));
        assert!(same.iter().all(|hash| hash.is_some() && *hash == same[0]));
        assert_eq!(hash(["Épais"]), hash(["épais"]));
        let others = ["What is FCR", "Whatis FCR?", "What is FCR? ?"].map(|text| hash([text]));
        assert!(others.iter().all(|hash| hash.is_some() && *hash != same[0]));
        assert_ne!(hash(["a", "b"]), hash(["a b"]));
    }

    #[test]
    fn nothing_said_has_no_hash() {
        assert_eq!(hash([]), None);
        assert_eq!(hash(["", " \n"]), None);
    }

    #[test]
    fn of_long_texts_the_beginning_and_the_length_count() {
        let long = "word ".repeat(100_000);
        assert_ne!(hash([long.as_str()]), hash([long.trim_end()]));
        assert_eq!(hash([long.as_str()]), hash([long.to_uppercase().as_str()]));
    }
}
