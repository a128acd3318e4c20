//! Splits a condition into tokens with their places. A literal is read as its type here; what a
//! name means is left to the parser.

use super::{ConditionError, Operator, MAX_LENGTH};
use crate::size::parse_size;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Lexeme<'s> {
    Name(&'s str),
    Number(f64),
    /// An unquoted size literal: number of parameters.
    Size(u64),
    Text(&'s str),
    Operator(Operator),
    And,
    Or,
    Not,
    Open,
    Close,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token<'s> {
    pub lexeme: Lexeme<'s>,
    /// Bytes into the source.
    pub at: usize,
    /// The token as written.
    pub text: &'s str,
}

/// An error at a byte of the source; the public offset counts characters.
pub(super) fn error(
    source: &str,
    at: usize,
    message: impl Into<String>,
    suggestion: Option<String>,
) -> ConditionError {
    let offset = source.char_indices().take_while(|(index, _)| *index < at).count();
    ConditionError { offset, message: message.into(), suggestion }
}

pub(super) fn tokens(source: &str) -> Result<Vec<Token<'_>>, ConditionError> {
    if source.chars().nth(MAX_LENGTH).is_some() {
        let message = format!("a condition has at most {MAX_LENGTH} characters");
        return Err(error(source, 0, message, None));
    }
    let mut found = Vec::new();
    let mut rest = source.trim_start();
    while let Some(first) = rest.chars().next() {
        let at = source.len() - rest.len();
        let (lexeme, length) = next(rest, first)
            .map_err(|(message, suggestion)| error(source, at, message, suggestion))?;
        let (text, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        found.push(Token { lexeme, at, text });
        rest = after.trim_start();
    }
    Ok(found)
}

/// What is wrong and what to write instead; the place is added by whoever knows it.
pub(super) type Problem = (String, Option<String>);

/// The first token of `rest` and its length in bytes.
fn next(rest: &str, first: char) -> Result<(Lexeme<'_>, usize), Problem> {
    if first == '"' || first == '\'' {
        return quoted(rest, first);
    }
    if first.is_ascii_digit()
        || (first == '-' && rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit()))
    {
        return number(rest);
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let name = word(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        return Ok((keyword_or_name(name), name.len()));
    }
    symbol(rest, first)
}

fn word(rest: &str, belongs: impl Fn(char) -> bool) -> &str {
    let end = rest.find(|c: char| !belongs(c)).unwrap_or(rest.len());
    rest.get(..end).unwrap_or(rest)
}

fn keyword_or_name(name: &str) -> Lexeme<'_> {
    match name.to_ascii_lowercase().as_str() {
        "and" => Lexeme::And,
        "or" => Lexeme::Or,
        "not" => Lexeme::Not,
        _ => Lexeme::Name(name),
    }
}

fn quoted(rest: &str, quote: char) -> Result<(Lexeme<'_>, usize), Problem> {
    let inner = rest.get(1..).unwrap_or("");
    match inner.find(quote) {
        Some(end) => Ok((Lexeme::Text(inner.get(..end).unwrap_or("")), end + 2)),
        None => Err((
            format!("this text has no closing {quote}"),
            Some(format!("add {quote} at its end")),
        )),
    }
}

fn number(rest: &str) -> Result<(Lexeme<'_>, usize), Problem> {
    let text = match rest.strip_prefix('-') {
        Some(digits) => {
            let length = word(digits, |c| c.is_ascii_alphanumeric() || c == '.').len() + 1;
            rest.get(..length).unwrap_or(rest)
        }
        None => word(rest, |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_')),
    };
    let plain = text.strip_prefix('-').unwrap_or(text);
    let decimal = plain.chars().all(|c| c.is_ascii_digit() || c == '.');
    match text.parse::<f64>() {
        Ok(number) if decimal => Ok((Lexeme::Number(number), text.len())),
        _ => match parse_size(text) {
            Some(parameters) => Ok((Lexeme::Size(parameters), text.len())),
            None => Err((
                format!("`{text}` is neither a number nor a size"),
                Some("write a number such as 100 or 0.5, or a size such as 13B".to_owned()),
            )),
        },
    }
}

fn symbol(rest: &str, first: char) -> Result<(Lexeme<'_>, usize), Problem> {
    /// What is written, and what it is or what was meant; a longer symbol stands before its beginning.
    const SYMBOLS: [(&str, Result<Lexeme<'static>, &str>); 15] = [
        ("&&", Ok(Lexeme::And)),
        ("||", Ok(Lexeme::Or)),
        ("==", Ok(Lexeme::Operator(Operator::Equal))),
        ("!=", Ok(Lexeme::Operator(Operator::NotEqual))),
        ("<=", Ok(Lexeme::Operator(Operator::LessOrEqual))),
        (">=", Ok(Lexeme::Operator(Operator::GreaterOrEqual))),
        ("<>", Err("!=")),
        ("<", Ok(Lexeme::Operator(Operator::Less))),
        (">", Ok(Lexeme::Operator(Operator::Greater))),
        ("!", Ok(Lexeme::Not)),
        ("(", Ok(Lexeme::Open)),
        (")", Ok(Lexeme::Close)),
        ("=", Err("==")),
        ("&", Err("&&")),
        ("|", Err("||")),
    ];
    match SYMBOLS.into_iter().find(|(written, _)| rest.starts_with(written)) {
        Some((written, Ok(lexeme))) => Ok((lexeme, written.len())),
        Some((written, Err(meant))) => {
            Err((format!("`{written}` is no operator"), Some(format!("write `{meant}`"))))
        }
        None => Err((format!("`{}` does not belong in a condition", first.escape_debug()), None)),
    }
}
