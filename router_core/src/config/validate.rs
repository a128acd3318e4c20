//! Checks a config against the derived schema and reports everything that does not fit, each at its
//! place. What fits can be built by serde; what does not is one error and no more.

use serde_json::{Map, Number, Value};

use super::diagnostics::{closest, Diagnostic, Report};
use super::pointer::Pointer;

/// Walks `config` beside `schema` and reports unknown keys, wrong types, missing keys, values outside
/// their vocabulary or range, and keys that nothing uses.
///
/// Returns the places, reached by declared keys alone, whose value does not fit or is null: taken out
/// of the config, they leave the rest of their section usable.
pub fn validate(config: &Value, schema: &Value, report: &mut Report) -> Vec<Pointer> {
    let mut walker = Walker { schema, report, unfit: Vec::new() };
    walker.visit(config, schema, &Pointer::root(), true);
    walker.unfit
}

struct Walker<'a> {
    schema: &'a Value,
    report: &'a mut Report,
    unfit: Vec<Pointer>,
}

impl<'a> Walker<'a> {
    /// `declared` says that only declared keys lead here.
    fn visit(&mut self, value: &Value, schema: &'a Value, at: &Pointer, declared: bool) {
        let schema = self.resolve(schema);
        let branches = self.branches(schema);
        if !branches.is_empty() {
            return self.visit_branches(value, &branches, at, declared);
        }
        if !accepts(schema, value) {
            let found = wrong_type(value, &[schema], at);
            return self.unfit(found, at, declared);
        }
        match value {
            Value::Object(members) => self.visit_object(members, schema, at, declared),
            Value::Array(items) => {
                if let Some(schema) = schema.get("items") {
                    for (index, item) in items.iter().enumerate() {
                        self.visit(item, schema, &at.index(index), false);
                    }
                }
            }
            Value::String(text) => self.visit_text(text, &[schema], at, declared),
            Value::Number(number) => {
                if let Some(found) = out_of_range(number, schema, at) {
                    self.unfit(found, at, declared);
                }
            }
            Value::Bool(_) | Value::Null => {}
        }
    }

    fn unfit(&mut self, found: Diagnostic, at: &Pointer, declared: bool) {
        self.report.add(found);
        if declared {
            self.unfit.push(at.clone());
        }
    }

    /// Follows references; what stands beside one only describes it.
    fn resolve(&self, mut schema: &'a Value) -> &'a Value {
        while let Some(path) = schema.get("$ref").and_then(Value::as_str) {
            match self.schema.pointer(path.trim_start_matches('#')) {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    /// The alternatives of a schema, nested ones included; empty for one without any.
    fn branches(&self, schema: &'a Value) -> Vec<&'a Value> {
        let alternatives = schema.get("anyOf").or_else(|| schema.get("oneOf"));
        let alternatives = alternatives.and_then(Value::as_array).into_iter().flatten();
        alternatives
            .flat_map(|branch| {
                let branch = self.resolve(branch);
                let nested = self.branches(branch);
                if nested.is_empty() {
                    vec![branch]
                } else {
                    nested
                }
            })
            .collect()
    }

    fn visit_branches(
        &mut self,
        value: &Value,
        branches: &[&'a Value],
        at: &Pointer,
        declared: bool,
    ) {
        let fitting: Vec<&Value> =
            branches.iter().copied().filter(|branch| accepts(branch, value)).collect();
        if let Value::String(text) = value {
            if !fitting.is_empty() {
                return self.visit_text(text, &fitting, at, declared);
            }
        }
        match fitting.iter().find(|branch| has_required(branch, value)).or(fitting.last()) {
            Some(branch) => self.visit(value, branch, at, declared),
            None => self.unfit(wrong_type(value, branches, at), at, declared),
        }
    }

    fn visit_text(&mut self, text: &str, schemas: &[&Value], at: &Pointer, declared: bool) {
        let vocabularies: Option<Vec<Vec<&str>>> =
            schemas.iter().map(|schema| vocabulary(schema)).collect();
        let Some(allowed) = vocabularies.map(|names| names.concat()) else {
            return;
        };
        if !allowed.contains(&text) {
            let found = Diagnostic::error("unknown-value", at, format!("unknown value `{text}`"))
                .suggest_name(text, allowed.into_iter());
            self.unfit(found, at, declared);
        }
    }

    fn visit_object(
        &mut self,
        members: &Map<String, Value>,
        schema: &'a Value,
        at: &Pointer,
        declared: bool,
    ) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let required = required(schema);
        for (key, value) in members {
            let place = at.key(key);
            let Some(property) = properties.and_then(|properties| properties.get(key)) else {
                self.visit_undeclared(key, value, schema, &place);
                continue;
            };
            if value.is_null() && !required.contains(&key.as_str()) {
                if declared {
                    self.unfit.push(place);
                }
                continue;
            }
            if let Some(reason) = property.get("x-unused").and_then(Value::as_str) {
                let message = format!("`{key}` has no effect: {reason}");
                let found = Diagnostic::warning("unused-key", &place, message);
                self.report.add(found.at_key().about(key).suggest("take it out"));
            }
            self.visit(value, property, &place, declared);
        }
        for key in required.into_iter().filter(|key| !members.contains_key(*key)) {
            let message = format!("`{key}` is missing");
            let found =
                Diagnostic::error("missing-key", at, message).suggest(format!("add `{key}:` here"));
            self.unfit(found, at, declared);
        }
    }

    /// A key that `schema` does not declare: an entry of a map, or an unknown key.
    fn visit_undeclared(&mut self, key: &str, value: &Value, schema: &'a Value, at: &Pointer) {
        match schema.get("additionalProperties") {
            Some(Value::Bool(false)) => {
                let message = format!("unknown key `{key}`");
                let found = Diagnostic::error("unknown-key", at, message).at_key().about(key);
                self.report.add(found.suggest_name(key, declared_keys(schema)));
            }
            Some(entry @ Value::Object(_)) => self.visit(value, entry, at, false),
            _ if schema.get("properties").is_none() => {}
            _ => {
                let message = format!("nothing uses the key `{key}`");
                let found = Diagnostic::warning("unused-key", at, message).at_key().about(key);
                let fix = match closest(key, declared_keys(schema)) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => "take it out".to_owned(),
                };
                self.report.add(found.suggest(fix));
            }
        }
    }
}

/// Keys to offer as a correction: those that have an effect.
fn declared_keys(schema: &Value) -> impl Iterator<Item = &str> {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    properties
        .filter(|(_, property)| property.get("x-unused").is_none())
        .map(|(name, _)| name.as_str())
}

fn required(schema: &Value) -> Vec<&str> {
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).collect()
}

fn has_required(schema: &Value, value: &Value) -> bool {
    required(schema).iter().all(|key| value.get(key).is_some())
}

/// The words a string schema allows; `None` where any will do.
fn vocabulary(schema: &Value) -> Option<Vec<&str>> {
    if let Some(word) = schema.get("const").and_then(Value::as_str) {
        return Some(vec![word]);
    }
    let words = schema.get("enum")?.as_array()?;
    Some(words.iter().filter_map(Value::as_str).collect())
}

/// The JSON types a schema allows; empty for any.
fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn accepts(schema: &Value, value: &Value) -> bool {
    let types = types(schema);
    let has = |name: &str| types.contains(&name);
    types.is_empty()
        || match value {
            Value::Null => has("null"),
            Value::Bool(_) => has("boolean"),
            Value::Number(number) => has("number") || (has("integer") && !number.is_f64()),
            Value::String(_) => has("string"),
            Value::Array(_) => has("array"),
            Value::Object(_) => has("object"),
        }
}

fn wrong_type(value: &Value, schemas: &[&Value], at: &Pointer) -> Diagnostic {
    let mut wanted: Vec<&str> = schemas.iter().flat_map(|schema| types(schema)).collect();
    wanted.retain(|name| *name != "null");
    wanted.dedup();
    let names: Vec<&str> = wanted.iter().copied().map(in_words).collect();
    let message = format!("expected {}, found {}", names.join(" or "), found_in_words(value));
    let found = Diagnostic::error("wrong-type", at, message);
    let unit = schemas.iter().find_map(|schema| schema.get("x-unit").and_then(Value::as_str));
    match (value, wanted.as_slice()) {
        (Value::String(text), ["number" | "integer"]) => {
            let number = leading_number(text);
            let unit = unit.map(|unit| format!(", in {unit}")).unwrap_or_default();
            match number {
                Some(number) if number == text => {
                    found.suggest(format!("write the number without quotes{unit}: {number}"))
                }
                _ => found.suggest(format!("write a bare number{unit}")),
            }
        }
        (Value::Number(_) | Value::Bool(_), ["string"]) => {
            found.suggest(format!("put it in quotes: \"{value}\""))
        }
        (Value::String(text), ["array"]) => found.suggest(format!("write a list: [{text}]")),
        (_, [only]) => found.suggest(how_to_write(only)),
        _ => found,
    }
}

fn how_to_write(kind: &str) -> &'static str {
    match kind {
        "boolean" => "write true or false",
        "number" => "write a bare number",
        "integer" => "write a bare number without a fraction",
        "string" => "write plain text",
        "array" => "write a list, one `- …` a line",
        _ => "write `key: value`, one a line, indented below it",
    }
}

fn leading_number(text: &str) -> Option<&str> {
    text.trim().parse::<f64>().ok().map(|_| text)
}

fn in_words(kind: &str) -> &'static str {
    match kind {
        "boolean" => "true or false",
        "number" => "a number",
        "integer" => "a whole number",
        "string" => "a string",
        "array" => "a list",
        _ => "a mapping",
    }
}

fn found_in_words(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => format!("the string \"{text}\""),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

fn out_of_range(number: &Number, schema: &Value, at: &Pointer) -> Option<Diagnostic> {
    let value = number.as_f64()?;
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    let least = bound("minimum");
    let most = bound("maximum").or_else(|| match schema.get("format").and_then(Value::as_str) {
        Some("uint8") => Some(f64::from(u8::MAX)),
        Some("uint16") => Some(f64::from(u16::MAX)),
        Some("uint32") => Some(f64::from(u32::MAX)),
        _ => None,
    });
    let allowed = match (least, most) {
        (Some(least), _) if value < least => format!("at least {least}"),
        (_, Some(most)) if value > most => format!("at most {most}"),
        _ => return None,
    };
    let message = format!("{number} is out of range: it must be {allowed}");
    let fix = match (least, most) {
        (Some(least), Some(most)) => format!("write a number from {least} to {most}"),
        _ => format!("write a number that is {allowed}"),
    };
    Some(Diagnostic::error("out-of-range", at, message).suggest(fix))
}
