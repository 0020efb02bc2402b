//! The definition files: shipped inside the binary, overlaid by the operator's files, read strictly.
//!
//! It knows where definitions come from and how to say where a mistake in one is (file, line, path);
//! it does not know what any of them means.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use rust_embed::Embed;
use serde::de::DeserializeOwned;

#[derive(Embed)]
#[folder = "sources/"]
struct ShippedSources;

#[derive(Embed)]
#[folder = "index/"]
struct ShippedIndex;

/// The annotated defaults, which are also the base layer of every configuration.
pub const DEFAULT_CONFIG: &str = include_str!("../config.toml");

/// A mistake in a configuration or definition file, for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionError {
    /// The file as the user knows it.
    pub file: String,
    /// Line, from 1; absent when the whole file is meant.
    pub line: Option<usize>,
    /// Dotted path of the key; empty when the whole file is meant.
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        f.write_str(": ")?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for DefinitionError {}

/// One definition file, wherever it came from.
#[derive(Clone, Debug)]
pub struct DefinitionFile {
    /// The file's stem.
    pub id: String,
    /// The file as the user knows it: a path, or `built-in sources/eu-ted.toml`.
    pub name: String,
    /// Its text.
    pub text: Cow<'static, str>,
    /// Whether an operator's file stands in place of a shipped one.
    pub overrides: bool,
}

impl DefinitionFile {
    /// Reads the whole file into `T`; unknown keys are `T`'s business (`deny_unknown_fields`).
    ///
    /// # Errors
    /// The first mistake, with line and path.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, DefinitionError> {
        parse_toml(&self.name, &self.text)
    }

    /// Reads the whole file into `T`, and goes on after each unknown key to find the next mistake.
    ///
    /// # Errors
    /// Every unknown key, and the first mistake of another kind.
    pub fn parse_all<T: DeserializeOwned>(&self) -> Result<T, Vec<DefinitionError>> {
        let first = match self.parse() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let mut errors = vec![first];
        let Ok(table) = self.text.parse::<toml::Table>() else { return Err(errors) };
        let mut rest = toml::Value::Table(table);
        while errors.len() < MAX_MISTAKES && errors.last().is_some_and(|error| remove_unknown(&mut rest, error)) {
            let Err(error) = serde_path_to_error::deserialize::<_, T>(rest.clone()) else { break };
            let (path, message) = (error.path().to_string(), error.inner().message());
            let mistake = self.error(&path, with_suggestion(message));
            let line = unknown_key(message).and_then(|key| line_of(&self.text, &under(&path, key)));
            errors.push(DefinitionError { line: line.or(mistake.line), ..mistake });
        }
        Err(errors)
    }

    /// An error about one key of this file, with its line.
    pub fn error(&self, path: &str, message: impl Into<String>) -> DefinitionError {
        DefinitionError {
            file: self.name.clone(),
            line: line_of(&self.text, path),
            path: path.to_owned(),
            message: message.into(),
        }
    }
}

/// Of one kind, in one file.
const MAX_MISTAKES: usize = 50;

/// The key in serde's message about one that it does not know.
fn unknown_key(message: &str) -> Option<&str> {
    message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next())
}

/// The path of a key; the path of its table may already end with it.
fn under(path: &str, key: &str) -> String {
    match path {
        "" | "." => key.to_owned(),
        path if path == key || path.ends_with(&format!(".{key}")) => path.to_owned(),
        path => format!("{path}.{key}"),
    }
}

/// Takes the key of this mistake out, so that the next one comes to light.
fn remove_unknown(value: &mut toml::Value, error: &DefinitionError) -> bool {
    let Some(key) = unknown_key(&error.message) else { return false };
    let path = under(&error.path, key);
    let Some((tables, key)) = path.rsplit_once('.') else {
        return value.as_table_mut().is_some_and(|table| table.remove(&path).is_some());
    };
    let inner = tables.split(['.', '[']).map(|step| step.trim_end_matches(']')).try_fold(value, |value, step| {
        if value.is_array() { value.as_array_mut()?.get_mut(step.parse::<usize>().ok()?) } else { value.get_mut(step) }
    });
    inner.and_then(toml::Value::as_table_mut).is_some_and(|table| table.remove(key).is_some())
}

/// `unknown field` with the nearest of those that serde expected.
fn with_suggestion(message: &str) -> String {
    let plain = message.trim().replace('\n', "; ");
    let Some(key) = unknown_key(message) else { return plain };
    let known = message.split('`').skip(3).step_by(2);
    match known.map(|known| (strsim::damerau_levenshtein(key, known), known)).min() {
        Some((distance, known)) if distance <= 1 + key.len() / 4 => format!("{plain}: did you mean `{known}`?"),
        _ => plain,
    }
}

/// Where definitions are looked for.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    overlay: Option<PathBuf>,
}

impl Definitions {
    /// The shipped files, overlaid by `overlay/sources/*` and `overlay/index/**`, if given.
    pub fn new(overlay: Option<PathBuf>) -> Self {
        Self { overlay }
    }

    /// All TOML files of a folder (`sources`, `index/categories`), by id. An operator's file replaces the shipped file of the same name.
    ///
    /// # Errors
    /// When an overlay folder or file cannot be read.
    pub fn list(&self, folder: &str) -> Result<Vec<DefinitionFile>, DefinitionError> {
        let mut files = BTreeMap::new();
        for (name, text) in shipped(folder) {
            let Some(id) = name.strip_suffix(".toml").filter(|id| !id.contains('/')).map(str::to_owned) else {
                continue;
            };
            files.insert(
                id.clone(),
                DefinitionFile { id, name: format!("built-in {folder}/{name}"), text, overrides: false },
            );
        }
        if let Some(overlay) = &self.overlay {
            let path = overlay.join(folder);
            if path.is_dir() {
                for (id, name, text) in read_overlay(&path, "toml")? {
                    let overrides = files.contains_key(&id);
                    files.insert(id.clone(), DefinitionFile { id, name, text: Cow::Owned(text), overrides });
                }
            } else if !overlay.is_dir() {
                return Err(unreadable(overlay, "paths.definitions names a folder that is not there"));
            }
        }
        Ok(files.into_values().collect())
    }

    /// The recorded answers of a source, `sources/examples/<id>/*.http`, by name; the operator's, where there are any.
    ///
    /// # Errors
    /// When an overlay folder or file cannot be read.
    pub fn examples(&self, source: &str) -> Result<Vec<DefinitionFile>, DefinitionError> {
        let folder = format!("examples/{source}");
        let mut files = BTreeMap::new();
        if let Some(own) =
            self.overlay.as_ref().map(|overlay| overlay.join("sources").join(&folder)).filter(|own| own.is_dir())
        {
            for (id, name, text) in read_overlay(&own, "http")? {
                files.insert(id.clone(), DefinitionFile { id, name, text: Cow::Owned(text), overrides: true });
            }
        } else {
            for (name, text) in shipped("sources") {
                let Some(id) = name.strip_prefix(&folder).and_then(|rest| rest.strip_prefix('/')) else { continue };
                let id = id.to_owned();
                files.insert(
                    id.clone(),
                    DefinitionFile { id, name: format!("built-in sources/{name}"), text, overrides: false },
                );
            }
        }
        Ok(files.into_values().collect())
    }
}

/// A shipped code list or other single file of `index/`, such as `codes/cpv.tsv`.
///
/// # Panics
/// When the name is not shipped, which a test of every caller excludes.
pub fn shipped_file(name: &str) -> String {
    String::from_utf8(shipped_bytes(name)).expect("shipped files are UTF-8")
}

/// A shipped file of `index/` that is no text, such as `rates/euro-reference.csv.zst`.
///
/// # Panics
/// When the name is not shipped, which a test of every caller excludes.
pub fn shipped_bytes(name: &str) -> Vec<u8> {
    ShippedIndex::get(name).expect("the file is part of the build").data.into_owned()
}

fn shipped(folder: &str) -> Vec<(String, Cow<'static, str>)> {
    let text = |data: Cow<'static, [u8]>| Cow::Owned(String::from_utf8_lossy(&data).into_owned());
    if folder == "sources" {
        ShippedSources::iter()
            .filter_map(|name| Some((name.to_string(), text(ShippedSources::get(&name)?.data))))
            .collect()
    } else {
        let inside = folder.strip_prefix("index/").unwrap_or(folder);
        ShippedIndex::iter()
            .filter_map(|name| {
                let short = name.strip_prefix(inside)?.strip_prefix('/')?.to_owned();
                (!short.contains('/')).then_some(())?;
                Some((short, text(ShippedIndex::get(&name)?.data)))
            })
            .collect()
    }
}

fn read_overlay(folder: &Path, extension: &str) -> Result<Vec<(String, String, String)>, DefinitionError> {
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error.to_string()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error.to_string()))?.path();
        if path.extension().is_some_and(|own| own == extension) {
            let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error.to_string()))?;
            let id = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            files.push((id, path.display().to_string(), text));
        }
    }
    Ok(files)
}

fn unreadable(path: &Path, reason: &str) -> DefinitionError {
    DefinitionError {
        file: path.display().to_string(),
        line: None,
        path: String::new(),
        message: format!("cannot be read: {reason}"),
    }
}

/// Reads TOML strictly; a mistake is reported with file, line and path.
///
/// # Errors
/// The first mistake.
pub fn parse_toml<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, DefinitionError> {
    let located = |error: &toml::de::Error, path: String| DefinitionError {
        file: file.to_owned(),
        line: error.span().map(|span| line_at(text, span.start)),
        path,
        message: with_suggestion(error.message()),
    };
    let deserializer = toml::Deserializer::parse(text).map_err(|error| located(&error, String::new()))?;
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { path };
        let mut error = located(error.inner(), path);
        // Inside a tagged table the place of the key is lost, but its name is in the message.
        let key = error.message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
        if let Some(key) = key {
            let path = if error.path.is_empty() { key.to_owned() } else { format!("{}.{key}", error.path) };
            error.line = line_of(text, &path).or(error.line);
        }
        error
    })
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..offset.min(text.len())]).count()
}

/// The line on which a dotted path (`page.limit.size`, `terms[3].text`) is set; the nearest enclosing table when the key is not there.
pub fn line_of(text: &str, path: &str) -> Option<usize> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let mut line = None;
    let mut table = Some(document.get_ref());
    let mut array: Option<&toml::de::DeArray<'_>> = None;
    for step in path.split(['.', '[']).map(|step| step.trim_end_matches(']')) {
        let value = if let Some(items) = array.take() {
            items.get(step.parse::<usize>().ok()?)
        } else {
            let found = table.and_then(|table| table.get_key_value(step));
            if let Some((key, _)) = found {
                line = Some(line_at(text, key.span().start));
            }
            found.map(|(_, value)| value)
        };
        let Some(value) = value else { break };
        if line.is_none() || value.get_ref().is_str() || value.get_ref().is_integer() {
            line = Some(line_at(text, value.span().start));
        }
        table = value.get_ref().as_table();
        array = value.get_ref().as_array();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Page {
        #[expect(dead_code, reason = "only its reading is tested")]
        size: u32,
    }
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[expect(dead_code, reason = "only its reading is tested")]
        page: Page,
    }

    #[test]
    fn a_typo_is_reported_with_file_line_and_path() {
        let error = parse_toml::<File>("x.toml", "# head\n[page]\nsize = 1\nsise = 2\n").expect_err("a typo");
        let text = error.to_string();
        assert!(text.starts_with("x.toml:4: page"), "{text}");
        assert!(text.contains("unknown field `sise`"), "{text}");
        let error = parse_toml::<File>("x.toml", "[page]\nsize = \"two\"\n").expect_err("a wrong type");
        assert!(error.to_string().starts_with("x.toml:2: page.size: invalid type"), "{error}");
        let error = parse_toml::<File>("x.toml", "[page\n").expect_err("no TOML");
        assert!(error.to_string().starts_with("x.toml:1: "), "{error}");
    }

    #[test]
    fn a_path_has_a_line() {
        let text = "a = 1\n[b]\nc = 2\nd = [\n  \"x\",\n  \"y\",\n]\n";
        assert_eq!(line_of(text, "a"), Some(1));
        assert_eq!(line_of(text, "b.c"), Some(3));
        assert_eq!(line_of(text, "b.d[1]"), Some(6));
        assert_eq!(line_of(text, "b.zzz"), Some(2));
        assert_eq!(line_of(text, "zzz"), None);
    }

    #[test]
    fn an_operators_file_replaces_the_shipped_one() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("sources")).expect("created");
        std::fs::write(folder.path().join("sources/eu-ted.toml"), "name = \"mine\"").expect("written");
        let definitions = Definitions::new(Some(folder.path().to_owned()));
        let files = definitions.list("sources").expect("listed");
        let ted = files.iter().find(|file| file.id == "eu-ted").expect("there");
        assert!(ted.overrides);
        assert_eq!(ted.text, "name = \"mine\"");
        let gone = Definitions::new(Some(folder.path().join("gone")));
        assert!(gone.list("sources").expect_err("not there").to_string().contains("gone"));
    }
}
