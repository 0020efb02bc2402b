//! Placeholders in addresses and bodies: `{from:%Y-%m-%d}`, `{page}`, `{page:int}`; a literal brace is `{{` or `}}`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Zoned;
use serde_json::Value;

/// What placeholders become.
#[derive(Clone, Debug, Default)]
pub struct Filling {
    moments: BTreeMap<String, Zoned>,
    texts: BTreeMap<String, String>,
}

impl Filling {
    /// `{name:FORMAT}` becomes this moment, in strftime's format.
    #[must_use]
    pub fn moment(mut self, name: &str, moment: Zoned) -> Self {
        self.moments.insert(name.to_owned(), moment);
        self
    }

    /// `{name}` becomes this text.
    #[must_use]
    pub fn text(mut self, name: &str, text: impl Into<String>) -> Self {
        self.texts.insert(name.to_owned(), text.into());
        self
    }

    /// Fills an address. Texts are escaped, except an address at its beginning (`{url}/xml`); dates are not, because
    /// their format is the definition's own (`{date:%Y/%m/%d}`).
    ///
    /// # Errors
    /// A placeholder that is not closed, unknown, or whose format does not work.
    pub fn address(&self, template: &str) -> Result<String, String> {
        self.fill(template, &|text, at| if at == 0 { text.to_owned() } else { escaped(text) })
    }

    /// Fills a plain text.
    ///
    /// # Errors
    /// As [`Filling::address`].
    pub fn plain(&self, template: &str) -> Result<String, String> {
        self.fill(template, &|text, _| text.to_owned())
    }

    /// Fills every string of a JSON value; a string that is one placeholder with `:int` becomes a number.
    ///
    /// # Errors
    /// As [`Filling::address`].
    pub fn json(&self, template: &Value) -> Result<Value, String> {
        Ok(match template {
            Value::String(text) => {
                let number = text.strip_prefix('{').and_then(|rest| rest.strip_suffix(":int}"));
                match number.filter(|name| !name.contains(['{', '}'])) {
                    Some(name) => {
                        let filled = self.plain(&format!("{{{name}}}"))?;
                        let number: i64 =
                            filled.parse().map_err(|_| format!("{{{name}:int}}: \"{filled}\" is no number"))?;
                        Value::from(number)
                    }
                    None => Value::String(self.plain(text)?),
                }
            }
            Value::Array(items) => Value::Array(items.iter().map(|item| self.json(item)).collect::<Result<_, _>>()?),
            Value::Object(map) => Value::Object(
                map.iter().map(|(key, value)| Ok((key.clone(), self.json(value)?))).collect::<Result<_, String>>()?,
            ),
            other => other.clone(),
        })
    }

    fn fill(&self, template: &str, write: &dyn Fn(&str, usize) -> String) -> Result<String, String> {
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}']) {
            filled.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            let after = &rest[at + 1..];
            if let Some(after) = after.strip_prefix(brace) {
                filled.push_str(brace);
                rest = after;
                continue;
            }
            if brace == "}" {
                return Err(format!("a }} closes nothing in \"{template}\"; a literal one is written }}}}"));
            }
            let (placeholder, tail) =
                after.split_once('}').ok_or_else(|| format!("a {{ is not closed in \"{template}\""))?;
            let value = self.value(placeholder, filled.len(), write)?;
            filled.push_str(&value);
            rest = tail;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn value(&self, placeholder: &str, at: usize, write: &dyn Fn(&str, usize) -> String) -> Result<String, String> {
        let (name, format) = match placeholder.split_once(':') {
            Some((name, format)) => (name, Some(format)),
            None => (placeholder, None),
        };
        match (self.moments.get(name), self.texts.get(name), format) {
            (Some(moment), _, Some(format)) => {
                jiff::fmt::strtime::format(format, moment).map_err(|error| format!("{{{placeholder}}}: {error}"))
            }
            (Some(_), _, None) => Err(format!("{{{name}}} needs a format, such as {{{name}:%Y-%m-%d}}")),
            (None, Some(text), None | Some("int")) => Ok(write(text, at)),
            (None, Some(_), Some(format)) => Err(format!("{{{name}}} is a text and has no format, found \"{format}\"")),
            (None, None, _) => Err(format!("there is no placeholder {{{name}}} here; there are {}", self.names())),
        }
    }

    fn names(&self) -> String {
        let moments = self.moments.keys().map(|name| format!("{{{name}:…}}"));
        let texts = self.texts.keys().map(|name| format!("{{{name}}}"));
        let names: Vec<String> = moments.chain(texts).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }
}

/// Everything but unreserved characters as `%XX`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a string takes everything");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filling() -> Filling {
        let moment = jiff::civil::date(2026, 1, 2).in_tz("Europe/Paris").expect("a zone");
        Filling::default().moment("from", moment).text("key", "a/b c").text("page", "3")
    }

    #[test]
    fn placeholders_become_what_they_stand_for() {
        let filling = filling();
        assert_eq!(
            filling.address("https://x/{from:%Y/%m/%d}?k={key}&p={page}").as_deref(),
            Ok("https://x/2026/01/02?k=a%2Fb%20c&p=3")
        );
        assert_eq!(
            Filling::default().text("url", "https://x/a?b=c").address("{url}").as_deref(),
            Ok("https://x/a?b=c")
        );
        assert_eq!(filling.plain("date'{from:%Y-%m-%d}' {{x}}").as_deref(), Ok("date'2026-01-02' {x}"));
        let body = json!({"page": "{page:int}", "list": ["{key}", 1], "x": null});
        assert_eq!(filling.json(&body), Ok(json!({"page": 3, "list": ["a/b c", 1], "x": null})));
    }

    #[test]
    fn mistakes_are_named() {
        let filling = filling();
        for (template, part) in [
            ("{from}", "needs a format"),
            ("{key:%Y}", "has no format"),
            ("{to:%Y}", "there is no placeholder {to}"),
            ("{from:%Y", "not closed"),
            ("a}b", "closes nothing"),
            ("{from:%!}", "{from:%!}"),
        ] {
            let error = filling.plain(template).expect_err(template);
            assert!(error.contains(part), "{template}: {error}");
        }
        assert!(filling.json(&json!("{key:int}")).is_err());
    }
}
