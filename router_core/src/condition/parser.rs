//! Builds a checked expression: NOT binds tighter than AND, AND tighter than OR, and every
//! comparison has sides of one type. A literal takes the type of what it is compared with.

use super::lexer::{error, tokens, Lexeme, Problem, Token};
use super::names::{resolve, Kind, Symbols, Variable};
use super::{rank, ConditionError, Expression, Operand, Operator, MAX_NESTING};
use crate::complexity::Band;
use crate::size::parse_size;

/// Below this a plain number cannot be meant as a count of parameters.
const SMALLEST_SIZE: f64 = 1e6;
const UNFINISHED: &str = "compare a name with a value, as in `prompt_tokens > 1000`";

pub(super) fn parse(source: &str, symbols: &Symbols<'_>) -> Result<Expression, ConditionError> {
    let tokens = tokens(source)?;
    if tokens.is_empty() {
        let suggestion = Some("write `always`, or leave the condition out".to_owned());
        return Err(error(source, 0, "the condition is empty", suggestion));
    }
    let mut parser = Parser { source, symbols, tokens: &tokens, depth: 0 };
    let expression = parser.any()?;
    match parser.peek() {
        None => Ok(expression),
        Some(extra) => {
            let message = format!("expected AND, OR or the end, found `{}`", extra.text);
            Err(parser.fail(extra, (message, None)))
        }
    }
}

struct Parser<'p, 's> {
    source: &'s str,
    symbols: &'p Symbols<'p>,
    tokens: &'p [Token<'s>],
    depth: usize,
}

/// One side of a comparison before its type is settled.
struct Side<'p, 's> {
    operand: Operand,
    kind: Kind,
    token: &'p Token<'s>,
}

impl<'p, 's> Parser<'p, 's> {
    fn any(&mut self) -> Result<Expression, ConditionError> {
        let mut parts = vec![self.all()?];
        while self.accept(&Lexeme::Or) {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, ConditionError> {
        let mut parts = vec![self.not()?];
        while self.accept(&Lexeme::And) {
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Expression::All))
    }

    fn not(&mut self) -> Result<Expression, ConditionError> {
        if !self.accept(&Lexeme::Not) {
            return self.primary();
        }
        let inner = self.nested(Self::not)?;
        Ok(Expression::Not(Box::new(inner)))
    }

    fn primary(&mut self) -> Result<Expression, ConditionError> {
        if self.accept(&Lexeme::Open) {
            let inner = self.nested(Self::any)?;
            if self.accept(&Lexeme::Close) {
                return Ok(inner);
            }
            return Err(self.fail_here("expected `)`", Some("close every bracket".to_owned())));
        }
        let left = self.side()?;
        let Some(operator) = self.operator() else { return self.bare(&left) };
        let right = self.side()?;
        let expression = self.comparison(left, operator, right)?;
        if self.operator().is_some() {
            let suggestion = Some("join two comparisons with AND".to_owned());
            return Err(self.fail_here("a comparison has two sides", suggestion));
        }
        Ok(expression)
    }

    fn nested(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<Expression, ConditionError>,
    ) -> Result<Expression, ConditionError> {
        if self.depth == MAX_NESTING {
            let message = format!("a condition nests at most {MAX_NESTING} deep");
            return Err(self.fail_here(&message, None));
        }
        self.depth += 1;
        let expression = inner(self)?;
        self.depth -= 1;
        Ok(expression)
    }

    fn side(&mut self) -> Result<Side<'p, 's>, ConditionError> {
        let Some((token, rest)) = self.tokens.split_first() else {
            return Err(self.fail_here("expected a name or a value", Some(UNFINISHED.to_owned())));
        };
        let (operand, kind) = match &token.lexeme {
            Lexeme::Name(name) if name.eq_ignore_ascii_case("true") => {
                (Operand::Flag(true), Kind::Flag)
            }
            Lexeme::Name(name) if name.eq_ignore_ascii_case("false") => {
                (Operand::Flag(false), Kind::Flag)
            }
            Lexeme::Name(name) => {
                let variable =
                    resolve(name, self.symbols).map_err(|problem| self.fail(token, problem))?;
                let kind = variable.kind();
                (Operand::Variable(variable), kind)
            }
            Lexeme::Number(number) => (Operand::Number(*number), Kind::Number),
            Lexeme::Size(parameters) => (Operand::Number(*parameters as f64), Kind::Size),
            Lexeme::Text(text) => (Operand::Text((*text).into()), Kind::Text),
            _ => {
                let message = format!("expected a name or a value, found `{}`", token.text);
                return Err(self.fail(token, (message, Some(UNFINISHED.to_owned()))));
            }
        };
        self.tokens = rest;
        Ok(Side { operand, kind, token })
    }

    /// An operand that stands alone must be true or false by itself.
    fn bare(&self, side: &Side<'p, 's>) -> Result<Expression, ConditionError> {
        match &side.operand {
            Operand::Flag(value) => Ok(Expression::Constant(*value)),
            Operand::Variable(Variable::Always) => Ok(Expression::Constant(true)),
            Operand::Variable(variable) if side.kind == Kind::Flag => {
                Ok(Expression::Flag(variable.clone()))
            }
            _ => {
                let text = side.token.text;
                let message = format!("`{text}` is {}, not a condition", side.kind.describe());
                let suggestion = format!("compare it, for example `{text} == …`");
                Err(self.fail(side.token, (message, Some(suggestion))))
            }
        }
    }

    fn comparison(
        &self,
        mut left: Side<'p, 's>,
        operator: Operator,
        mut right: Side<'p, 's>,
    ) -> Result<Expression, ConditionError> {
        let (left_kind, right_kind) = (left.kind, right.kind);
        left.take_kind(right_kind).map_err(|problem| self.fail(left.token, problem))?;
        right.take_kind(left_kind).map_err(|problem| self.fail(right.token, problem))?;
        if left.kind != right.kind {
            return Err(self.fail(right.token, mismatch(&left, &right)));
        }
        if operator.orders() && matches!(left.kind, Kind::Text | Kind::Flag) {
            let message =
                format!("`{}` is {}, which has no order", left.token.text, left.kind.describe());
            return Err(self.fail(left.token, (message, Some("compare with == or !=".to_owned()))));
        }
        Ok(Expression::Compare { left: left.operand, operator, right: right.operand })
    }

    fn operator(&mut self) -> Option<Operator> {
        let Lexeme::Operator(operator) = self.peek()?.lexeme else { return None };
        self.advance();
        Some(operator)
    }

    fn accept(&mut self, lexeme: &Lexeme<'_>) -> bool {
        let found = self.peek().is_some_and(|token| token.lexeme == *lexeme);
        if found {
            self.advance();
        }
        found
    }

    fn peek(&self) -> Option<&'p Token<'s>> {
        self.tokens.first()
    }

    fn advance(&mut self) {
        self.tokens = self.tokens.split_first().map_or(&[], |(_, rest)| rest);
    }

    fn fail(&self, token: &Token<'_>, (message, suggestion): Problem) -> ConditionError {
        error(self.source, token.at, message, suggestion)
    }

    /// An error at the next token, or at the end.
    fn fail_here(&self, message: &str, suggestion: Option<String>) -> ConditionError {
        let (at, found) = self.peek().map_or((self.source.len(), "the end".to_owned()), |token| {
            (token.at, format!("`{}`", token.text))
        });
        error(self.source, at, format!("{message}, found {found}"), suggestion)
    }
}

impl Side<'_, '_> {
    /// Reads a literal as the kind it is compared with, where it can be meant so.
    fn take_kind(&mut self, other: Kind) -> Result<(), Problem> {
        let read = match (&self.operand, other) {
            (Operand::Text(text), Kind::Size) => parse_size(text).map(|size| size as f64),
            (Operand::Text(text), Kind::Band) => Some(rank(band_named(text)?)),
            (Operand::Number(number), Kind::Size) if self.kind == Kind::Number => {
                Some(parameters(*number, self.token.text)?)
            }
            _ => return Ok(()),
        };
        if let Some(number) = read {
            self.operand = Operand::Number(number);
            self.kind = other;
        }
        Ok(())
    }
}

fn band_named(text: &str) -> Result<Band, Problem> {
    Band::parse(text).ok_or_else(|| {
        let message = format!("'{text}' is no complexity");
        (message, Some("write 'low', 'medium' or 'high'".to_owned()))
    })
}

fn parameters(number: f64, written: &str) -> Result<f64, Problem> {
    if number >= SMALLEST_SIZE {
        return Ok(number);
    }
    let message = format!("a model does not have {written} parameters");
    Err((message, Some(format!("write the size with its unit, such as {written}B"))))
}

fn mismatch(left: &Side<'_, '_>, right: &Side<'_, '_>) -> Problem {
    let message = format!(
        "`{}` is {} and `{}` is {}; they cannot be compared",
        left.token.text,
        left.kind.describe(),
        right.token.text,
        right.kind.describe(),
    );
    let suggestion = match (left.kind, right.kind) {
        (Kind::Number | Kind::Flag, Kind::Text) => "write the value without quotes",
        (Kind::Text, Kind::Number | Kind::Size) => "write the value in quotes",
        (Kind::Size, _) => "write a size such as \"13B\"",
        (Kind::Band, _) => "write 'low', 'medium' or 'high'",
        (Kind::Number, _) => "write a number",
        (Kind::Flag, _) => "write true or false",
        (Kind::Text, _) => "write text in quotes",
    };
    (message, Some(suggestion.to_owned()))
}

fn one_or(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            parts.push(last);
            join(parts)
        }
        (None, _) => Expression::Constant(false),
    }
}
