//! Placeholders in request bodies: `{date:FORMAT}` becomes a day.

use jiff::civil::Date;

/// Fills `{date:FORMAT}` in every string of a body.
///
/// # Errors
/// A placeholder that is not closed, of another name, or with a format that does not work.
pub fn fill_dates(json: &serde_json::Value, date: Date) -> Result<serde_json::Value, String> {
    use serde_json::Value;
    Ok(match json {
        Value::String(text) => Value::String(fill_date(text, date)?),
        Value::Array(items) => Value::Array(items.iter().map(|item| fill_dates(item, date)).collect::<Result<_, _>>()?),
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, value)| Ok((key.clone(), fill_dates(value, date)?)))
                .collect::<Result<_, String>>()?,
        ),
        other => other.clone(),
    })
}

fn fill_date(text: &str, date: Date) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (placeholder, tail) = after.split_once('}').ok_or_else(|| format!("a {{ is not closed in \"{text}\""))?;
        let format = placeholder
            .strip_prefix("date:")
            .ok_or_else(|| format!("knows only {{date:FORMAT}}, found {{{placeholder}}}"))?;
        filled.push_str(before);
        let printed =
            jiff::fmt::strtime::format(format, date).map_err(|error| format!("{{{placeholder}}}: {error}"))?;
        filled.push_str(&printed);
        rest = tail;
    }
    filled.push_str(rest);
    Ok(filled)
}
