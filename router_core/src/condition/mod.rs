//! The typed language of R9, compiled once: names, types and literals are checked here, so that
//! evaluation can neither fail nor allocate. Text becomes tokens (`lexer`), tokens a checked
//! expression (`parser`), and `names` knows every variable and its type.

mod lexer;
mod names;
mod parser;
#[cfg(test)]
mod tests;

use crate::complexity::Band;

pub use names::{Symbols, Variable};

/// Longest source, characters.
pub const MAX_LENGTH: usize = 4096;
/// Deepest nesting of parentheses and NOT.
pub const MAX_NESTING: usize = 64;

/// Why a condition does not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionError {
    /// Characters into the source.
    pub offset: usize,
    pub message: String,
    /// What to write instead.
    pub suggestion: Option<String>,
}

/// What the caller knows of a variable when a condition is evaluated.
///
/// Complexity is given as the text of its band, a model's size as its number of parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    Number(f64),
    Text(&'a str),
    Flag(bool),
    Missing,
}

/// A compiled condition.
#[derive(Debug, Clone)]
pub struct Condition {
    source: Box<str>,
    expression: Box<Expression>,
}

#[derive(Debug, Clone)]
enum Expression {
    Constant(bool),
    Flag(Variable),
    Compare { left: Operand, operator: Operator, right: Operand },
    Not(Box<Expression>),
    All(Vec<Expression>),
    Any(Vec<Expression>),
}

#[derive(Debug, Clone)]
enum Operand {
    Variable(Variable),
    Number(f64),
    Text(Box<str>),
    Flag(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Condition {
    /// Checks and compiles a condition; the first error found is returned.
    pub fn compile(source: &str, symbols: &Symbols<'_>) -> Result<Self, ConditionError> {
        let expression = parser::parse(source, symbols)?;
        Ok(Self { source: source.into(), expression: Box::new(expression) })
    }

    /// As written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the condition is true. A comparison with a missing value is false, `!=` with one is
    /// true; a missing flag is false. `Variable::Always` is never asked for.
    pub fn holds<'a>(&self, value_of: &impl Fn(&Variable) -> Value<'a>) -> bool {
        self.expression.holds(value_of)
    }

    /// Lower-cased names of the headers it reads, each once.
    #[must_use]
    pub fn headers(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.expression.visit(&mut |part| {
            for variable in part.variables() {
                if let Variable::Header(name) = variable {
                    if !names.contains(&name.as_ref()) {
                        names.push(name.as_ref());
                    }
                }
            }
        });
        names
    }

    /// Whether it reads a variable.
    #[must_use]
    pub fn reads(&self, variable: &Variable) -> bool {
        let mut found = false;
        self.expression.visit(&mut |part| found |= part.variables().any(|read| read == variable));
        found
    }

    /// The largest number a variable is compared with; `None` where it is compared with none.
    #[must_use]
    pub fn threshold(&self, variable: &Variable) -> Option<f64> {
        let mut largest: Option<f64> = None;
        self.expression.visit(&mut |part| {
            if let Some(number) = part.number_beside(variable) {
                largest = Some(largest.map_or(number, |known| known.max(number)));
            }
        });
        largest
    }
}

impl Expression {
    fn holds<'a>(&self, value_of: &impl Fn(&Variable) -> Value<'a>) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::Flag(variable) => matches!(value_of(variable), Value::Flag(true)),
            Self::Compare { left, operator, right } => {
                operator.compare(left.value(value_of), right.value(value_of))
            }
            Self::Not(inner) => !inner.holds(value_of),
            Self::All(parts) => parts.iter().all(|part| part.holds(value_of)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(value_of)),
        }
    }

    fn visit<'e>(&'e self, see: &mut impl FnMut(&'e Expression)) {
        see(self);
        match self {
            Self::Not(inner) => inner.visit(see),
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.visit(see);
                }
            }
            Self::Constant(_) | Self::Flag(_) | Self::Compare { .. } => {}
        }
    }

    /// The variables this part itself reads, not those of its parts.
    fn variables(&self) -> impl Iterator<Item = &Variable> {
        let (first, second) = match self {
            Self::Flag(variable) => (Some(variable), None),
            Self::Compare { left, right, .. } => (left.variable(), right.variable()),
            Self::Constant(_) | Self::Not(_) | Self::All(_) | Self::Any(_) => (None, None),
        };
        first.into_iter().chain(second)
    }

    fn number_beside(&self, variable: &Variable) -> Option<f64> {
        match self {
            Self::Compare {
                left: Operand::Variable(read), right: Operand::Number(number), ..
            }
            | Self::Compare {
                left: Operand::Number(number), right: Operand::Variable(read), ..
            } if read == variable => Some(*number),
            _ => None,
        }
    }
}

impl Operand {
    fn value<'s, 'a: 's>(&'s self, value_of: &impl Fn(&Variable) -> Value<'a>) -> Value<'s> {
        match self {
            Self::Variable(Variable::Always) => Value::Flag(true),
            Self::Variable(Variable::Complexity) => band_rank(value_of(&Variable::Complexity)),
            Self::Variable(variable) => value_of(variable),
            Self::Number(number) => Value::Number(*number),
            Self::Text(text) => Value::Text(text),
            Self::Flag(flag) => Value::Flag(*flag),
        }
    }

    fn variable(&self) -> Option<&Variable> {
        match self {
            Self::Variable(variable) => Some(variable),
            Self::Number(_) | Self::Text(_) | Self::Flag(_) => None,
        }
    }
}

/// Bands are ordered, so they are compared by rank.
fn band_rank(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Text(text) => {
            Band::parse(text).map_or(Value::Missing, |band| Value::Number(rank(band)))
        }
        other => other,
    }
}

fn rank(band: Band) -> f64 {
    f64::from(band as u8)
}

impl Operator {
    fn compare(self, left: Value<'_>, right: Value<'_>) -> bool {
        match (left, right) {
            (Value::Number(left), Value::Number(right)) => self.accepts(left.partial_cmp(&right)),
            (Value::Text(left), Value::Text(right)) => self.accepts(Some(left.cmp(right))),
            (Value::Flag(left), Value::Flag(right)) => self.accepts(Some(left.cmp(&right))),
            _ => self == Self::NotEqual,
        }
    }

    fn accepts(self, ordering: Option<std::cmp::Ordering>) -> bool {
        let Some(ordering) = ordering else { return self == Self::NotEqual };
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }

    fn orders(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}
