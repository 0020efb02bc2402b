//! `config.toml` → `RawConfig` → [`Config`]: what the user said, then what it means.
//!
//! The shipped `config.toml` holds every default and is the base layer. It knows units and combinations;
//! it does not know what the values are used for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::definitions::{DEFAULT_CONFIG, DefinitionError, DefinitionFile, parse_toml};

/// `config.toml` as written; every key optional.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawConfig {
    contact: Option<String>,
    #[serde(default)]
    paths: RawPaths,
    #[serde(default)]
    politeness: RawPoliteness,
    #[serde(default)]
    limits: RawLimits,
    #[serde(default)]
    index: RawIndex,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPaths {
    data: Option<String>,
    definitions: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPoliteness {
    min_delay: Option<String>,
    timeout: Option<String>,
    connect_timeout: Option<String>,
    idle_timeout: Option<String>,
    retries: Option<u32>,
    backoff: Option<String>,
    backoff_max: Option<String>,
    retry_after_max: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    answer: Option<String>,
    document: Option<String>,
    package_ratio: Option<u64>,
    package_members: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawIndex {
    memory: Option<String>,
    commit_every: Option<u64>,
}

/// A valid configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Who runs this: goes into the user agent. `None` refuses live crawls.
    pub contact: Option<String>,
    /// Where things are.
    pub paths: Paths,
    /// The floor for every host.
    pub politeness: Politeness,
    /// Bounds on untrusted input.
    pub limits: Limits,
    /// The index writer.
    pub index: IndexSettings,
}

/// Where things are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The data directory.
    pub data: PathBuf,
    /// The operator's definitions, if any.
    pub definitions: Option<PathBuf>,
}

/// How gently hosts are asked; a source definition can only be gentler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Politeness {
    /// Between the starts of two requests to one host.
    pub min_delay: Duration,
    /// For one answer.
    pub timeout: Duration,
    /// To reach the host.
    pub connect_timeout: Duration,
    /// Without a byte.
    pub idle_timeout: Duration,
    /// After a failure that may pass.
    pub retries: u32,
    /// Before the first retry.
    pub backoff: Duration,
    /// Between two tries at most.
    pub backoff_max: Duration,
    /// The longest `Retry-After` that is waited for.
    pub retry_after_max: Duration,
}

/// Bounds on untrusted input, in bytes unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One HTTP answer, decompressed.
    pub answer: u64,
    /// One document.
    pub document: u64,
    /// Times its own size that a package may unpack to.
    pub package_ratio: u64,
    /// Members in one package.
    pub package_members: u64,
}

/// The index writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexSettings {
    /// Bytes.
    pub memory: u64,
    /// Notices between two commits.
    pub commit_every: u64,
}

/// What stands above the file: flags and environment, already read by the caller.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--data-dir` or `TENDERWATCH_DATA_DIR`.
    pub data: Option<PathBuf>,
    /// `TENDERWATCH_CONTACT`.
    pub contact: Option<String>,
}

impl Config {
    /// Reads `file` (or nothing) over the shipped defaults, then the overrides.
    ///
    /// # Errors
    /// The first mistake, with file, line and path.
    pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Self, DefinitionError> {
        let own = match file {
            Some(path) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path).map_err(|error| DefinitionError {
                    file: name.clone(),
                    line: None,
                    path: String::new(),
                    message: format!("cannot be read: {error}"),
                })?;
                Some((name, text))
            }
            None => None,
        };
        Self::from_layers(own.as_ref().map(|(name, text)| (name.as_str(), text.as_str())), overrides)
    }

    fn from_layers(own: Option<(&str, &str)>, overrides: &Overrides) -> Result<Self, DefinitionError> {
        let defaults = Layer::parse("built-in config.toml", DEFAULT_CONFIG)?;
        let own = own.map(|(name, text)| Layer::parse(name, text)).transpose()?;
        let layers = Layers { own: own.as_ref(), defaults: &defaults };
        let data = layers.text("paths.data", |raw| raw.paths.data.clone())?;
        let definitions = layers.text("paths.definitions", |raw| raw.paths.definitions.clone())?;
        let contact = match &overrides.contact {
            Some(contact) => contact.clone(),
            None => layers.text("contact", |raw| raw.contact.clone())?,
        };
        if contact.chars().any(|c| c.is_control() || matches!(c, '(' | ')' | ';')) {
            let message = "must be a mail address or URL without brackets, semicolons or line breaks";
            return Err(layers.error("contact", message));
        }
        let config = Self {
            contact: Some(contact.trim().to_owned()).filter(|contact| !contact.is_empty()),
            paths: Paths {
                data: overrides.data.clone().unwrap_or_else(|| PathBuf::from(&data)),
                definitions: Some(definitions).filter(|path| !path.is_empty()).map(PathBuf::from),
            },
            politeness: Politeness {
                min_delay: layers.duration("politeness.min_delay", |raw| raw.politeness.min_delay.clone())?,
                timeout: layers.duration("politeness.timeout", |raw| raw.politeness.timeout.clone())?,
                connect_timeout: layers
                    .duration("politeness.connect_timeout", |raw| raw.politeness.connect_timeout.clone())?,
                idle_timeout: layers.duration("politeness.idle_timeout", |raw| raw.politeness.idle_timeout.clone())?,
                retries: layers.get("politeness.retries", |raw| raw.politeness.retries)?,
                backoff: layers.duration("politeness.backoff", |raw| raw.politeness.backoff.clone())?,
                backoff_max: layers.duration("politeness.backoff_max", |raw| raw.politeness.backoff_max.clone())?,
                retry_after_max: layers
                    .duration("politeness.retry_after_max", |raw| raw.politeness.retry_after_max.clone())?,
            },
            limits: Limits {
                answer: layers.bytes("limits.answer", |raw| raw.limits.answer.clone())?,
                document: layers.bytes("limits.document", |raw| raw.limits.document.clone())?,
                package_ratio: layers.get("limits.package_ratio", |raw| raw.limits.package_ratio)?,
                package_members: layers.get("limits.package_members", |raw| raw.limits.package_members)?,
            },
            index: IndexSettings {
                memory: layers.bytes("index.memory", |raw| raw.index.memory.clone())?,
                commit_every: layers.get("index.commit_every", |raw| raw.index.commit_every)?,
            },
        };
        config.check(&layers)?;
        Ok(config)
    }

    /// Combinations, in whole sentences.
    fn check(&self, layers: &Layers<'_>) -> Result<(), DefinitionError> {
        if self.politeness.min_delay.is_zero() {
            return Err(layers.error("politeness.min_delay", "must be longer than zero: it is what protects the hosts"));
        }
        if self.politeness.retries > 20 {
            return Err(layers.error("politeness.retries", "must be at most 20: more tries than that are a nuisance"));
        }
        if self.politeness.backoff > self.politeness.backoff_max {
            return Err(layers.error("politeness.backoff", "must not be longer than politeness.backoff_max"));
        }
        if self.limits.document > 1 << 30 {
            return Err(layers.error("limits.document", "must be at most 1GiB: documents are read into memory"));
        }
        if self.limits.package_ratio < 2 {
            return Err(layers.error("limits.package_ratio", "must be at least 2"));
        }
        if self.index.memory < 15 << 20 || self.index.memory > 4 << 30 {
            return Err(layers.error("index.memory", "must be between 15MiB and 4GiB"));
        }
        if self.index.commit_every == 0 {
            return Err(layers.error("index.commit_every", "must be at least 1"));
        }
        Ok(())
    }
}

struct Layer {
    file: DefinitionFile,
    raw: RawConfig,
}

impl Layer {
    fn parse(name: &str, text: &str) -> Result<Self, DefinitionError> {
        let raw = parse_toml(name, text)?;
        let file = DefinitionFile {
            id: "config".into(),
            name: name.to_owned(),
            text: text.to_owned().into(),
            overrides: false,
        };
        Ok(Self { file, raw })
    }
}

struct Layers<'a> {
    own: Option<&'a Layer>,
    defaults: &'a Layer,
}

impl Layers<'_> {
    fn get<T>(&self, path: &str, pick: impl Fn(&RawConfig) -> Option<T>) -> Result<T, DefinitionError> {
        self.own
            .and_then(|layer| pick(&layer.raw))
            .or_else(|| pick(&self.defaults.raw))
            .ok_or_else(|| self.defaults.file.error(path, "has no default"))
    }

    fn text(&self, path: &str, pick: impl Fn(&RawConfig) -> Option<String>) -> Result<String, DefinitionError> {
        self.get(path, pick)
    }

    fn duration(&self, path: &str, pick: impl Fn(&RawConfig) -> Option<String>) -> Result<Duration, DefinitionError> {
        let text = self.get(path, pick)?;
        parse_duration(&text).ok_or_else(|| {
            self.error(path, format!("expected a duration such as \"500ms\", \"2s\" or \"10m\", found \"{text}\""))
        })
    }

    fn bytes(&self, path: &str, pick: impl Fn(&RawConfig) -> Option<String>) -> Result<u64, DefinitionError> {
        let text = self.get(path, pick)?;
        parse_bytes(&text).ok_or_else(|| {
            self.error(path, format!("expected a size such as \"64KiB\", \"32MiB\" or \"1GiB\", found \"{text}\""))
        })
    }

    fn error(&self, path: &str, message: impl Into<String>) -> DefinitionError {
        let file = match self.own {
            Some(own) if crate::definitions::line_of(&own.file.text, path).is_some() => &own.file,
            _ => &self.defaults.file,
        };
        file.error(path, message)
    }
}

/// A duration as written in configuration and definitions: a whole number and `ms`, `s`, `m`, `h` or `d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..at].parse().ok()?;
    let millis: u64 = match &text[at..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

/// A size as written in the configuration: a whole number and `B`, `KiB`, `MiB` or `GiB`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..at].parse().ok()?;
    let unit: u64 = match &text[at..] {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Config, String> {
        Config::from_layers(Some(("config.toml", text)), &Overrides::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_shipped_defaults_are_valid_and_complete() {
        let config = Config::load(None, &Overrides::default()).expect("the shipped file is valid");
        assert_eq!(config.contact, None);
        assert_eq!(config.paths.data, PathBuf::from("data"));
        assert_eq!(config.politeness.min_delay, Duration::from_millis(500));
        assert_eq!(config.limits.document, 32 << 20);
    }

    #[test]
    fn mistakes_name_file_line_and_path() {
        for (text, expected) in [
            ("[politeness]\nmin_dealy = \"1s\"\n", "config.toml:2: politeness"),
            (
                "[politeness]\nmin_delay = \"fast\"\n",
                "config.toml:2: politeness.min_delay: expected a duration such as",
            ),
            ("[politeness]\nmin_delay = \"0s\"\n", "config.toml:2: politeness.min_delay: must be longer than zero"),
            ("[limits]\ndocument = \"3GiB\"\n", "config.toml:2: limits.document: must be at most"),
            ("contact = \"a\\nb\"\n", "config.toml:1: contact: must be"),
            ("contact = 3\n", "config.toml:1: contact: invalid type"),
            ("[nope]\n", "config.toml:1: "),
        ] {
            let error = load(text).expect_err(text);
            assert!(error.starts_with(expected), "{text:?} gave {error:?}");
        }
    }

    #[test]
    fn a_file_and_then_overrides_win() {
        let overrides = Overrides { data: Some("elsewhere".into()), contact: Some("ops@example.org".into()) };
        let own = ("config.toml", "contact = \"x@example.org\"\n[limits]\ndocument = \"1MiB\"\n");
        let config = Config::from_layers(Some(own), &overrides).expect("valid");
        assert_eq!(config.contact.as_deref(), Some("ops@example.org"));
        assert_eq!(config.paths.data, PathBuf::from("elsewhere"));
        assert_eq!(config.limits.document, 1 << 20);
        assert_eq!(config.limits.answer, 4 << 30);
    }

    #[test]
    fn durations_and_sizes() {
        assert_eq!(parse_duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("-1s"), None);
        assert_eq!(parse_duration("1"), None);
        assert_eq!(parse_bytes("2KiB"), Some(2048));
        assert_eq!(parse_bytes("2KB"), None);
        assert_eq!(parse_bytes("99999999999999999999GiB"), None);
    }
}
