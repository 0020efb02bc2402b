//! Paths into a row: `a.b[*].c`, `procnotices.*`, `..key`, `only_key()`, `[?role=buyer]`.
//!
//! Every row, whatever it was written in, is one tree of JSON values; XML elements and table rows look the same as
//! JSON objects. A step onto a list means each of its items, so one element and many read alike.

use serde_json::Value;

/// Values that one path may yield within a row; whoever gets as many reports that there may be more.
pub const MAX_FOUND: usize = 5000;
const MAX_DEPTH: usize = 200;

/// A compiled path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// From the row, or from the top of the row when inside a lot or award.
    pub from_row: bool,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Recursive(String),
    Any,
    Each,
    At(usize),
    Filter { key: String, test: Test, value: String },
    OnlyKey,
    Only,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Equals,
    Differs,
    Starts,
    Present,
}

/// A mistake in a path, and the character it stands at, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    /// From 1.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
}

/// A value and where it was found, in the source's own names.
#[derive(Clone, Debug)]
pub struct Found<'v> {
    /// The value.
    pub value: std::borrow::Cow<'v, Value>,
    /// Its path in the row.
    pub at: String,
}

impl Path {
    /// Reads a path; an empty one means the whole row.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let mut reader = Reader { chars: text.chars().collect(), at: 0 };
        let from_row = reader.eat('$');
        if from_row {
            if reader.peek() == Some('.') && reader.chars.get(reader.at + 1) != Some(&'.') {
                reader.at += 1;
            } else if reader.peek().is_some_and(|c| c != '[' && c != '.') {
                return Err(reader.error("after $ comes . or ["));
            }
        }
        let mut steps = Vec::new();
        let mut first = true;
        while reader.peek().is_some() {
            steps.push(reader.step(first)?);
            first = false;
        }
        Ok(Self { from_row, steps })
    }

    /// The whole value.
    pub fn whole() -> Self {
        Self { from_row: false, steps: Vec::new() }
    }

    /// Each item of a list.
    pub fn each() -> Self {
        Self { from_row: false, steps: vec![Step::Each] }
    }

    /// The last key that the path names, to look for in bytes before parsing anything.
    pub fn last_key(&self) -> Option<&str> {
        self.steps.iter().rev().find_map(|step| match step {
            Step::Key(key) | Step::Recursive(key) => Some(key.as_str()),
            _ => None,
        })
    }

    /// Whether the path ends with `*`, so that the last key says something too.
    pub fn ends_with_any(&self) -> bool {
        self.steps.last() == Some(&Step::Any)
    }

    /// Whether anything is there, if only null.
    pub fn exists(&self, value: &Value) -> bool {
        !self.walk(value, "", MAX_FOUND).is_empty()
    }

    /// The values at this path that are not null, `MAX_FOUND` of them at most.
    pub fn find<'v>(&self, value: &'v Value, at: &str) -> Vec<Found<'v>> {
        self.walk(value, at, MAX_FOUND).into_iter().filter(|found| !found.value.is_null()).collect()
    }

    /// Every value at this path that is not null, however many: the rows of a document, never more than it has nodes.
    pub fn every<'v>(&self, document: &'v Value) -> Vec<Found<'v>> {
        self.walk(document, "", usize::MAX).into_iter().filter(|found| !found.value.is_null()).collect()
    }

    fn walk<'v>(&self, value: &'v Value, at: &str, cap: usize) -> Vec<Found<'v>> {
        let mut found: Vec<(&'v Value, String)> = vec![(value, at.to_owned())];
        for (number, step) in self.steps.iter().enumerate() {
            let last = number + 1 == self.steps.len();
            if last && *step == Step::OnlyKey {
                return found.into_iter().filter_map(|(value, at)| only_key(value, &at)).collect();
            }
            let mut next = Vec::new();
            for (value, at) in found {
                apply(step, value, &at, &mut next, (0, cap));
            }
            found = next;
        }
        found.into_iter().map(|(value, at)| Found { value: std::borrow::Cow::Borrowed(value), at }).collect()
    }
}

fn only_key<'v>(value: &'v Value, at: &str) -> Option<Found<'v>> {
    let key = match value {
        Value::Object(map) if map.len() == 1 => map.keys().next()?,
        _ => return None,
    };
    Some(Found { value: std::borrow::Cow::Owned(Value::from(key.as_str())), at: join(at, key) })
}

fn join(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }
}

/// How deep we are, and how many values there may be.
type Bounds = (usize, usize);

fn apply<'v>(step: &Step, value: &'v Value, at: &str, out: &mut Vec<(&'v Value, String)>, (depth, cap): Bounds) {
    if out.len() >= cap || depth > MAX_DEPTH {
        return;
    }
    // Lists are walked through, except by the steps that speak about lists.
    if let Value::Array(items) = value
        && !matches!(step, Step::At(_) | Step::Recursive(_))
    {
        for (number, item) in items.iter().enumerate() {
            let at = format!("{at}[{number}]");
            match step {
                Step::Each | Step::Any => out.push((item, at)),
                _ => apply(step, item, &at, out, (depth + 1, cap)),
            }
            if out.len() >= cap {
                return;
            }
        }
        return;
    }
    match step {
        Step::Key(key) => {
            if let Some(inner) = value.get(key.as_str()) {
                out.push((inner, join(at, key)));
            }
        }
        Step::Any => {
            if let Value::Object(map) = value {
                out.extend(map.iter().take(cap).map(|(key, value)| (value, join(at, key))));
            }
        }
        Step::Each => out.push((value, at.to_owned())),
        Step::At(number) => match value {
            Value::Array(items) => {
                if let Some(item) = items.get(*number) {
                    out.push((item, format!("{at}[{number}]")));
                }
            }
            single if *number == 0 => out.push((single, at.to_owned())),
            _ => {}
        },
        Step::Recursive(key) => recursive(key, value, at, out, (depth, cap)),
        Step::Filter { key, test, value: wanted } => {
            let inner = value.get(key.as_str()).filter(|inner| !inner.is_null());
            let text = inner.map(as_text);
            let fits = match test {
                Test::Present => text.as_deref().is_some_and(|text| !text.is_empty()),
                Test::Equals => text.as_deref() == Some(wanted),
                Test::Differs => text.as_deref() != Some(wanted),
                Test::Starts => text.is_some_and(|text| text.starts_with(wanted.as_str())),
            };
            if fits {
                out.push((value, at.to_owned()));
            }
        }
        Step::Only => {
            if let Value::Object(map) = value
                && map.len() == 1
                && let Some((key, inner)) = map.iter().next()
            {
                out.push((inner, join(at, key)));
            }
        }
        Step::OnlyKey => {}
    }
}

fn recursive<'v>(key: &str, value: &'v Value, at: &str, out: &mut Vec<(&'v Value, String)>, (depth, cap): Bounds) {
    if out.len() >= cap || depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                let at = join(at, name);
                if name == key {
                    out.push((inner, at));
                } else {
                    recursive(key, inner, &at, out, (depth + 1, cap));
                }
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                recursive(key, item, &format!("{at}[{number}]"), out, (depth + 1, cap));
            }
        }
        _ => {}
    }
}

/// A plain value as text; an XML element with attributes has its text beside them.
pub fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Array(_) => String::new(),
        Value::Object(map) => map.get("#text").map(as_text).unwrap_or_default(),
        other => other.to_string(),
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    fn error(&self, reason: &str) -> PathError {
        PathError { column: self.at + 1, reason: reason.to_owned() }
    }

    fn step(&mut self, first: bool) -> Result<Step, PathError> {
        if self.eat('[') {
            return self.bracket();
        }
        if self.eat('.') {
            if self.eat('.') {
                return Ok(Step::Recursive(self.name()?));
            }
            if first {
                self.at -= 1;
                return Err(self.error("a path does not begin with a single point"));
            }
        } else if !first {
            return Err(self.error("expected . or ["));
        }
        if self.eat('*') {
            return Ok(Step::Any);
        }
        let quoted = matches!(self.peek(), Some('\'' | '"'));
        let name = self.name()?;
        Ok(match name.as_str() {
            "only_key()" if !quoted => Step::OnlyKey,
            "only()" if !quoted => Step::Only,
            other if !quoted && other.ends_with("()") => {
                return Err(self.error("the only functions are only_key() and only()"));
            }
            _ => Step::Key(name),
        })
    }

    /// A key, quoted when it holds a point or bracket.
    fn name(&mut self) -> Result<String, PathError> {
        if let Some(quote @ ('\'' | '"')) = self.peek() {
            self.at += 1;
            return self.until(quote);
        }
        let start = self.at;
        while self.peek().is_some_and(|c| !matches!(c, '.' | '[' | ']' | '\'' | '"')) {
            self.at += 1;
        }
        if start == self.at {
            return Err(self.error("expected a key"));
        }
        Ok(self.chars[start..self.at].iter().collect())
    }

    fn until(&mut self, end: char) -> Result<String, PathError> {
        let start = self.at;
        while let Some(c) = self.peek() {
            self.at += 1;
            if c == end {
                return Ok(self.chars[start..self.at - 1].iter().collect());
            }
        }
        self.at = start;
        Err(self.error(&format!("{end} is not there")))
    }

    fn bracket(&mut self) -> Result<Step, PathError> {
        let start = self.at;
        if self.eat('?') {
            let inside = self.filter_text()?;
            for (sign, test) in [("!=", Test::Differs), ("^=", Test::Starts), ("=", Test::Equals)] {
                if let Some((key, value)) = inside.split_once(sign) {
                    let value = value.trim().trim_matches(['\'', '"']).to_owned();
                    return Ok(Step::Filter { key: key.trim().to_owned(), test, value });
                }
            }
            if inside.trim().is_empty() {
                self.at = start + 1;
                return Err(self.error("an empty filter"));
            }
            return Ok(Step::Filter { key: inside.trim().to_owned(), test: Test::Present, value: String::new() });
        }
        let inside = self.until(']')?;
        match inside.trim() {
            "*" => Ok(Step::Each),
            number => number.parse().map(Step::At).map_err(|_| PathError {
                column: start + 1,
                reason: format!("expected [*], [0] or [?key=value], found [{inside}]"),
            }),
        }
    }

    /// Up to the closing bracket, which may stand inside quotes.
    fn filter_text(&mut self) -> Result<String, PathError> {
        let start = self.at;
        let mut quote = None;
        while let Some(c) = self.peek() {
            self.at += 1;
            match quote {
                Some(open) if c == open => quote = None,
                None if matches!(c, '\'' | '"') => quote = Some(c),
                None if c == ']' => return Ok(self.chars[start..self.at - 1].iter().collect()),
                Some(_) | None => {}
            }
        }
        self.at = start;
        Err(self.error("] is not there"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(path: &str, value: &Value) -> Vec<String> {
        let path = Path::parse(path).expect("a path");
        path.find(value, "").iter().map(|found| format!("{}={}", found.at, as_text(&found.value))).collect()
    }

    #[test]
    fn paths_reach_objects_lists_and_single_values_alike() {
        let tree = json!({"a": {"b": [{"c": 1, "role": "buyer"}, {"c": 2}]}, "one": {"b": {"c": 3}}, "x.y": "dot",
                          "n": null, "d": {"EFORMS": {"k": "v"}}, "project-info": "p"});
        assert_eq!(found("a.b[*].c", &tree), ["a.b[0].c=1", "a.b[1].c=2"]);
        assert_eq!(found("a.b.c", &tree), ["a.b[0].c=1", "a.b[1].c=2"]);
        assert_eq!(found("one.b[*].c", &tree), ["one.b.c=3"]);
        assert_eq!(found("one.b[0].c", &tree), ["one.b.c=3"]);
        assert_eq!(found("a.b[1].c", &tree), ["a.b[1].c=2"]);
        assert_eq!(found("a.b[?role=buyer].c", &tree), ["a.b[0].c=1"]);
        assert_eq!(found("a.b[?role!=buyer].c", &tree), ["a.b[1].c=2"]);
        assert_eq!(found("a.b[?role].c", &tree), ["a.b[0].c=1"]);
        assert_eq!(found("..c", &tree), ["a.b[0].c=1", "a.b[1].c=2", "one.b.c=3"]);
        assert_eq!(found("'x.y'", &tree), ["x.y=dot"]);
        assert_eq!(found("d.only_key()", &tree), ["d.EFORMS=EFORMS"]);
        assert_eq!(found("d.only().k", &tree), ["d.EFORMS.k=v"]);
        assert_eq!(found("one.*.c", &tree), ["one.b.c=3"]);
        assert_eq!(found("project-info", &tree), ["project-info=p"]);
        assert_eq!(found("n", &tree), Vec::<String>::new());
    }

    #[test]
    fn a_mistake_in_a_path_has_a_column() {
        for (path, column) in [("a..", 4), ("a[x]", 3), ("a[?", 4), ("a.'b", 4), (".a", 1), ("a.b()", 6), ("a[]", 3)] {
            let error = Path::parse(path).expect_err(path);
            assert_eq!(error.column, column, "{path}: {}", error.reason);
        }
    }
}
