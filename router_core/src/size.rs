//! Parameter counts as people write them (R6): in a model's name (`-7b`, `8x7b`) and in config
//! (`13B`, `4.6B`). Both are read by one grammar: digits, an optional fraction, a unit.

/// The parameter count a model's name holds, if it holds one.
///
/// A size stands alone between delimiters: the start or one of `-:_/. ` before it, the end or one
/// of `-:_.@/` after it. `8x7b` is 56 B. The first size in the name is taken.
#[must_use]
pub fn parameters_in_name(name: &str) -> Option<u64> {
    let mut rest = name;
    let mut delimited = true;
    while let Some(first) = rest.chars().next() {
        if delimited {
            if let Some(parameters) = leading_size(rest) {
                return Some(parameters);
            }
        }
        // `4.6b` is one number: its `6b` is not delimited by the dot.
        delimited =
            matches!(first, '-' | ':' | '_' | '/' | '.' | ' ') && !inside_number(name, rest);
        rest = rest.get(first.len_utf8()..)?;
    }
    None
}

/// Whether the dot `rest` begins with follows a digit.
fn inside_number(name: &str, rest: &str) -> bool {
    rest.starts_with('.')
        && name
            .strip_suffix(rest)
            .is_some_and(|before| before.ends_with(|c: char| c.is_ascii_digit()))
}

/// A size written out, as in config: `13B`, `671 B`, `1T`, `4.6B`, `500M`; case does not matter.
#[must_use]
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, rest) = leading_number(text.trim())?;
    let mut unit = rest.trim_start().chars();
    match (unit.next().and_then(parameters_per), unit.next()) {
        (Some(scale), None) => number.times(scale),
        _ => None,
    }
}

fn leading_size(text: &str) -> Option<u64> {
    let (first, rest) = leading_number(text)?;
    let (experts, number, rest) = match rest.strip_prefix(['x', 'X']) {
        Some(after) => {
            let (each, rest) = leading_number(after)?;
            (first.whole()?, each, rest)
        }
        None => (1, first, rest),
    };
    let mut unit = rest.chars();
    let scale = parameters_per(unit.next()?)?;
    let ends = matches!(unit.next(), None | Some('-' | ':' | '_' | '.' | '@' | '/'));
    if ends {
        number.times(scale)?.checked_mul(experts)
    } else {
        None
    }
}

fn parameters_per(unit: char) -> Option<u64> {
    match unit.to_ascii_lowercase() {
        'm' => Some(1_000_000),
        'b' => Some(1_000_000_000),
        't' => Some(1_000_000_000_000),
        _ => None,
    }
}

/// A decimal number kept exact: `digits` × 10^-`decimals`.
#[derive(Clone, Copy)]
struct Decimal {
    digits: u64,
    decimals: u32,
}

impl Decimal {
    fn times(self, scale: u64) -> Option<u64> {
        let product = u128::from(self.digits) * u128::from(scale);
        u64::try_from(product / 10_u128.checked_pow(self.decimals)?).ok().filter(|value| *value > 0)
    }

    fn whole(self) -> Option<u64> {
        (self.decimals == 0).then_some(self.digits)
    }
}

/// The number a text begins with, and what follows it.
fn leading_number(text: &str) -> Option<(Decimal, &str)> {
    let (whole, rest) = leading_digits(text)?;
    let fraction = rest.strip_prefix('.').and_then(leading_digits);
    let (fraction, rest) = fraction.unwrap_or(("", rest));
    let digits = format!("{whole}{fraction}").parse().ok()?;
    Some((Decimal { digits, decimals: u32::try_from(fraction.len()).ok()? }, rest))
}

fn leading_digits(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).filter(|(digits, _)| !digits.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{parameters_in_name, parse_size};
    use proptest::prelude::*;

    const B: u64 = 1_000_000_000;

    #[test]
    fn names_hold_sizes() {
        for (name, parameters) in [
            ("mistral-7b", 7 * B),
            ("llama2:13b", 13 * B),
            ("mixtral-8x7b-instruct", 56 * B),
            ("kimi-k2:1t-cloud", 1000 * B),
            ("qwen3-coder:480b-cloud", 480 * B),
            ("deepseek-v3.1:671b-cloud", 671 * B),
            ("qwen2.5-coder:1.5b", 3 * B / 2),
            ("Qwen2.5-0.5B-Instruct", B / 2),
            ("meta-llama/Llama-3.1-70B-Instruct", 70 * B),
            ("mythomax-l2-13b-q5_k_m", 13 * B),
            ("smollm-135M", 135_000_000),
            ("7b", 7 * B),
            ("phi_3b.gguf", 3 * B),
            ("model-4.6b", 46 * B / 10),
        ] {
            assert_eq!(parameters_in_name(name), Some(parameters), "{name}");
        }
    }

    #[test]
    fn quantisation_version_and_window_are_no_size() {
        for name in [
            "glm-4.6",
            "glm-4.6:cloud",
            "q5_k_m",
            "deepseek-v3.1",
            "model-4bit",
            "model-fp16",
            "model-128k",
            "llama3.1:latest",
            "gpt-4",
            "x7b",
            "8xb",
            "0b",
            "7 b",
            "",
            "-",
            "qwen-coder-vllm",
            "größe-７b",
            "99999999999999999999b",
            "model-7bx",
        ] {
            assert_eq!(parameters_in_name(name), None, "{name}");
        }
    }

    #[test]
    fn sizes_written_out() {
        for (text, parameters) in [
            ("13B", 13 * B),
            ("671 B", 671 * B),
            ("1T", 1000 * B),
            ("4.6B", 46 * B / 10),
            ("500m", B / 2),
        ] {
            assert_eq!(parse_size(text), Some(parameters), "{text}");
        }
        for text in ["", "B", "13", "13GB", "-7B", "1.2.3B", "8x7B", "0B", "1e3B", "B13"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_delimited_size_is_found_anywhere(size in 1_u64..2000, before in "[a-z]{1,8}[-:_/ ]", after in "([-:_@/][a-z]{1,8})?") {
            let name = format!("{before}{size}b{after}");
            prop_assert_eq!(parameters_in_name(&name), Some(size * B));
        }

        #[test]
        fn no_name_panics(name in any::<String>()) {
            let _ = parameters_in_name(&name);
            let _ = parse_size(&name);
        }
    }
}
