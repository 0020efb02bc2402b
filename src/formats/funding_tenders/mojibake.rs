//! UTF-8 that was read as Windows-1252 and written again (`â€™` for `’`) → the text that was meant.

use encoding_rs::WINDOWS_1252;

/// The repaired text, or `None` when nothing was to repair. Each run of non-ASCII characters is taken on its own, and
/// only when it is exact: its bytes in Windows-1252 are whole UTF-8 characters.
pub(super) fn repaired(text: &str) -> Option<String> {
    // Beginnings of what two, three and four bytes become.
    if !text.contains(['Ã', 'Â', 'â', 'Ä', 'Å', 'Î', 'Ï', 'ï', 'ð']) {
        return None;
    }
    let mut found = String::with_capacity(text.len());
    let mut changed = false;
    let mut rest = text;
    while !rest.is_empty() {
        let ascii = rest.find(|c: char| !c.is_ascii()).unwrap_or(rest.len());
        found.push_str(&rest[..ascii]);
        rest = &rest[ascii..];
        let end = rest.find(|c: char| c.is_ascii()).unwrap_or(rest.len());
        let run = &rest[..end];
        rest = &rest[end..];
        let (bytes, _, unmappable) = WINDOWS_1252.encode(run);
        match std::str::from_utf8(&bytes) {
            Ok(meant) if !unmappable && !run.is_empty() => {
                // A byte order mark in the middle of a text means nothing.
                found.push_str(&meant.replace('\u{FEFF}', ""));
                changed = true;
            }
            _ => found.push_str(run),
        }
    }
    changed.then_some(found)
}

#[cfg(test)]
mod tests {
    use super::repaired;

    #[test]
    fn only_exact_runs_are_repaired() {
        assert_eq!(repaired("the clientâ€™s â€“ form").as_deref(), Some("the client’s – form"));
        assert_eq!(repaired("sÃ©curitÃ© â€œyesâ€\u{9d}").as_deref(), Some("sécurité “yes”"));
        assert_eq!(repaired("layoutï»¿described").as_deref(), Some("layoutdescribed"));
        assert_eq!(repaired("château, être"), None);
        assert_eq!(repaired("plain"), None);
        assert_eq!(repaired("cut â€"), None);
    }
}
