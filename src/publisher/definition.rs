//! A shipped source definition, pointed at a publisher on loopback.

use toml::{Table, Value};

/// The definition with every address moved to `base_url`, its host allowed although it is not public, and short waits.
///
/// # Errors
/// When the text is no TOML.
pub fn definition_at(definition: &str, base_url: &str) -> Result<String, toml::de::Error> {
    let mut table: Table = definition.parse()?;
    let host = base_url.split("//").nth(1).unwrap_or(base_url).split([':', '/']).next().unwrap_or_default();
    for key in ["plan", "check"] {
        if let Some(value) = table.get_mut(key) {
            move_addresses(value, base_url);
        }
    }
    if let Some(Value::Table(access)) = table.get_mut("access") {
        let hosts = Value::Array(vec![Value::String(host.to_owned())]);
        access.insert("hosts".into(), hosts.clone());
        access.insert("private_hosts".into(), hosts);
        access.insert("delay".into(), Value::String("20ms".into()));
        access.insert("backoff".into(), Value::String("100ms".into()));
    }
    Ok(table.to_string())
}

fn move_addresses(value: &mut Value, base_url: &str) {
    match value {
        Value::String(text) if text.starts_with("https://") => {
            let path = text.splitn(4, '/').nth(3).unwrap_or_default();
            *text = format!("{base_url}/{path}");
        }
        Value::Array(items) => items.iter_mut().for_each(|item| move_addresses(item, base_url)),
        Value::Table(table) => table.iter_mut().for_each(|(_, item)| move_addresses(item, base_url)),
        _ => {}
    }
}
