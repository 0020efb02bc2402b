//! Which national register does a number belong to? By country, shape and check digits; a table of small functions.
//!
//! The check rules are those that the registers publish. Where a country's number has none, or old numbers break it (the
//! Danish CVR), only the shape counts.

/// A number and its register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub scheme: String,
    pub value: String,
    /// The register and number of the body above.
    pub group: Option<(&'static str, String)>,
}

/// How the number of a register is read from letters and digits without signs and country prefix, upper case.
struct Register {
    scheme: &'static str,
    read: fn(&str) -> Option<String>,
    /// The body above: its register, and how many first characters of the number are its number.
    group: Option<(&'static str, usize)>,
}

const fn register(scheme: &'static str, read: fn(&str) -> Option<String>) -> Register {
    Register { scheme, read, group: None }
}

const fn unit(scheme: &'static str, read: fn(&str) -> Option<String>, above: &'static str, length: usize) -> Register {
    Register { scheme, read, group: Some((above, length)) }
}

/// Tried in this order within a country.
const REGISTERS: &[Register] = &[
    register("at-vat", |text| shaped(text.strip_prefix("AT").unwrap_or(text), "U########")),
    register("at-fn", at_fn),
    unit("bg-eik13", |text| digits(text, 13).filter(|text| bg_check(&text[..9])), "bg-eik", 9),
    register("bg-eik", |text| digits(text, 9).filter(|text| bg_check(text))),
    register("be-kbo", be_kbo),
    register("ch-uid", ch_uid),
    register("cz-ico", ico),
    register("de-vat", de_vat),
    register("dk-cvr", |text| digits(text, 8)),
    register("ee-reg", |text| digits(text, 8)),
    register("es-nif", es_nif),
    register("es-dir3", es_dir3),
    register("fi-ytunnus", fi_ytunnus),
    unit("fr-siret", fr_siret, "fr-siren", 9),
    register("fr-siren", fr_siren),
    register("gb-coh", gb_coh),
    register("gr-afm", |text| digits(text, 9).filter(|text| gr_check(text))),
    register("hr-oib", |text| digits(text, 11).filter(|text| mod_11_10(text))),
    register("hu-tax", hu_tax),
    register("it-cf", |text| digits(text, 11).filter(|text| luhn(text))),
    register("lt-code", |text| digits(text, 9).or_else(|| digits(text, 7))),
    register("lv-reg", |text| digits(text, 11)),
    register("nl-rsin", nl_rsin),
    register("no-orgnr", no_orgnr),
    register("pl-nip", |text| digits(text, 10).filter(|text| pl_nip(text))),
    register("pl-krs", |text| digits(text, 10).filter(|text| text.starts_with("000"))),
    unit("pl-regon14", |text| digits(text, 14).filter(|text| pl_regon(&text[..9])), "pl-regon", 9),
    register("pl-regon", |text| digits(text, 9).filter(|text| pl_regon(text))),
    register("pt-nipc", |text| digits(text, 9).filter(|text| pt_check(text))),
    register("ro-cui", ro_cui),
    register("se-orgnr", se_orgnr),
    register("si-davcna", |text| digits(text, 8).filter(|text| si_check(text))),
    unit("si-maticna10", |text| digits(text, 10), "si-maticna", 7),
    register("si-maticna", |text| digits(text, 7)),
    register("sk-ico", ico),
    register("sk-dic", |text| digits(text, 10)),
    register("ua-edr", |text| padded(text, 5, 8)),
];

/// Names of registers as publishers and the list of org-id.guide write them, slugged.
const LABELS: &[(&str, &str)] = &[
    ("at-fb", "at-fn"),
    ("be-bce-kbo", "be-kbo"),
    ("be-bce", "be-kbo"),
    ("kbo", "be-kbo"),
    ("bce", "be-kbo"),
    ("bg-eik", "bg-eik"),
    ("che", "ch-uid"),
    ("ch-uid", "ch-uid"),
    ("ico", "cz-ico"),
    ("cz-ico", "cz-ico"),
    ("dk-cvr", "dk-cvr"),
    ("cvr", "dk-cvr"),
    ("ee-rik", "ee-reg"),
    ("ee-kmkr", "ee-reg"),
    ("nif", "es-nif"),
    ("cif", "es-nif"),
    ("es-nif", "es-nif"),
    ("dir3", "es-dir3"),
    ("fi-pro", "fi-ytunnus"),
    ("fr-rcs", "fr-siren"),
    ("fr-siren", "fr-siren"),
    ("fr-insee", "fr-siren"),
    ("siren", "fr-siren"),
    ("siret", "fr-siret"),
    ("fr-siret", "fr-siret"),
    ("gb-coh", "gb-coh"),
    ("gr-afm", "gr-afm"),
    ("hr-oib", "hr-oib"),
    ("oib", "hr-oib"),
    ("it-cf", "it-cf"),
    ("lt-rc", "lt-code"),
    ("lv-re", "lv-reg"),
    ("nl-rsin", "nl-rsin"),
    ("no-brc", "no-orgnr"),
    ("no-orgnr", "no-orgnr"),
    ("pl-nip", "pl-nip"),
    ("nip", "pl-nip"),
    ("pl-krs", "pl-krs"),
    ("krs", "pl-krs"),
    ("pl-regon", "pl-regon"),
    ("regon", "pl-regon"),
    ("pt-nippc", "pt-nipc"),
    ("pt-nipc", "pt-nipc"),
    ("nipc", "pt-nipc"),
    ("ro-cui", "ro-cui"),
    ("cui", "ro-cui"),
    ("cif-ro", "ro-cui"),
    ("se-blv", "se-orgnr"),
    ("sk-orsr", "sk-ico"),
    ("ua-edr", "ua-edr"),
    ("ua-edrpou", "ua-edr"),
];

/// The register that a label names.
pub(super) fn labelled(label: &str) -> Option<&'static str> {
    let slug = super::key::slug(label);
    LABELS.iter().find(|(known, _)| *known == slug).map(|(_, scheme)| *scheme)
}

/// Whether a label says nothing about the register: the kind of party, a number of the list of ISO 6523 that forms offer
/// first (`0002` is French), or a register of another country.
pub(super) fn says_nothing(label: &str, country: Option<&str>) -> bool {
    let slug = super::key::slug(label);
    let general =
        ["organization", "organisation", "national", "eu", "other", "none", "id", "unknown", "vat", "tax", "company"];
    let foreign = country.is_some_and(|country| {
        slug.split_once('-').is_some_and(|(other, _)| other.len() == 2 && other != country.to_lowercase())
    });
    slug.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') || general.contains(&slug.as_str()) || foreign
}

/// The text after a label of its own: `REGON: 630189018`, `IT-CF-00135420099`.
pub(super) fn without_label(raw: &str) -> String {
    if let Some((word, rest)) = raw.split_once([' ', ':'])
        && word.chars().all(char::is_alphabetic)
        && labelled(word).is_some()
    {
        return rest.trim_start_matches([' ', ':']).to_owned();
    }
    if let Some((word, rest)) = raw.rsplit_once('-')
        && labelled(word).is_some()
    {
        return rest.to_owned();
    }
    raw.to_owned()
}

/// Without the country before it, as in numbers for VAT: `DK12345678`, Greece also `EL`.
pub(super) fn without_country(country: &str, compact: &str) -> Option<String> {
    let rest = compact.strip_prefix(country).or_else(|| compact.strip_prefix("EL").filter(|_| country == "GR"))?;
    rest.starts_with(|c: char| c.is_ascii_digit()).then(|| rest.to_owned())
}

/// The number in a register of this country; the register that the label names is tried first.
pub(super) fn recognised(country: &str, body: &str, label: Option<&str>) -> Option<Found> {
    if let Some(found) = with_signs(country, body) {
        return Some(found);
    }
    let compact: String = body.chars().filter(char::is_ascii_alphanumeric).collect();
    let text = without_country(country, &compact).unwrap_or(compact);
    let own = country.to_lowercase();
    let of_country = || REGISTERS.iter().filter(|register| register.scheme.starts_with(&own));
    let first = of_country().filter(|register| Some(register.scheme) == label);
    // British companies have no check digit, so only a label tells their number from others.
    first.chain(of_country().filter(|register| register.scheme != "gb-coh")).find_map(|register| {
        let value = (register.read)(&text)?;
        let group = register.group.map(|(above, length)| (above, value[..length].to_owned()));
        Some(Found { scheme: register.scheme.to_owned(), value, group })
    })
}

/// Numbers whose signs matter: the unit of a Belgian body after `_`, the German Leitweg-ID, a Finnish number in a text.
fn with_signs(country: &str, body: &str) -> Option<Found> {
    match country {
        "BE" => {
            let (front, unit) = body.split_once('_')?;
            let compact: String = front.chars().filter(char::is_ascii_digit).collect();
            let above = be_kbo(&compact)?;
            let unit: String = unit.chars().filter(char::is_ascii_alphanumeric).collect();
            let value = format!("{above}-{unit}");
            Some(Found { scheme: "be-unit".to_owned(), value, group: Some(("be-kbo", above)) })
        }
        "DE" => {
            let id = body.trim_start_matches("0204:").trim();
            leitweg(id).then(|| Found { scheme: "de-leitweg".to_owned(), value: id.to_owned(), group: None })
        }
        "FI" => body.split_whitespace().find_map(|word| {
            let (front, check) = word.split_once('-')?;
            let value = (front.len() == 7 && check.len() == 1).then(|| fi_ytunnus(&format!("{front}{check}")))??;
            Some(Found { scheme: "fi-ytunnus".to_owned(), value, group: None })
        }),
        _ => None,
    }
}

/// The text when it is exactly so many digits.
fn digits(text: &str, length: usize) -> Option<String> {
    (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.to_owned())
}

/// From `least` to `length` digits, zeros before them up to `length`: spreadsheets drop leading zeros.
fn padded(text: &str, least: usize, length: usize) -> Option<String> {
    let fits = (least..=length).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| format!("{text:0>length$}"))
}

/// The text when it fits: `#` is a digit, everything else itself.
fn shaped(text: &str, shape: &str) -> Option<String> {
    let fits = text.len() == shape.len()
        && text
            .bytes()
            .zip(shape.bytes())
            .all(|(byte, part)| if part == b'#' { byte.is_ascii_digit() } else { byte == part });
    fits.then(|| text.to_owned())
}

/// The digits as numbers; what is no digit counts nothing.
fn numbers(text: &str) -> impl Iterator<Item = u32> {
    text.chars().map(|c| c.to_digit(10).unwrap_or(0))
}

fn weighted(text: &str, weights: &[u32]) -> u32 {
    numbers(text).zip(weights).map(|(digit, weight)| digit * weight).sum()
}

fn last_digit(text: &str) -> u32 {
    numbers(text).last().unwrap_or(0)
}

fn luhn(text: &str) -> bool {
    let sum: u32 = text
        .chars()
        .rev()
        .filter_map(|c| c.to_digit(10))
        .enumerate()
        .map(|(at, digit)| if at % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 })
        .sum();
    sum.is_multiple_of(10)
}

/// ISO 7064, MOD 11,10: German VAT numbers, the Croatian OIB.
fn mod_11_10(text: &str) -> bool {
    let (front, check) = text.split_at(text.len() - 1);
    let rest = numbers(front).fold(10, |product, digit| {
        let sum = (product + digit) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - rest) % 10 == last_digit(check)
}

fn at_fn(text: &str) -> Option<String> {
    let text = text.strip_prefix("FN").unwrap_or(text);
    let (number, letter) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let sound = (5..=6).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && letter.bytes().all(|byte| byte.is_ascii_uppercase());
    sound.then(|| text.to_owned())
}

fn bg_check(text: &str) -> bool {
    let first = weighted(text, &[1, 2, 3, 4, 5, 6, 7, 8]) % 11;
    let check = if first < 10 { first } else { weighted(text, &[3, 4, 5, 6, 7, 8, 9, 10]) % 11 % 10 };
    check == last_digit(text)
}

fn be_kbo(text: &str) -> Option<String> {
    let text = padded(text, 9, 10)?;
    let (front, check) = (text[..8].parse::<u32>().ok()?, text[8..].parse::<u32>().ok()?);
    (text.starts_with(['0', '1']) && 97 - front % 97 == check).then_some(text)
}

fn ch_uid(text: &str) -> Option<String> {
    let text = text.strip_prefix("CHE").or_else(|| text.strip_prefix('E')).unwrap_or(text);
    let text = ["MWST", "TVA", "IVA", "HR"].iter().fold(text, |text, end| text.strip_suffix(end).unwrap_or(text));
    let check = (11 - weighted(text, &[5, 4, 3, 2, 7, 6, 5, 4]) % 11) % 11;
    digits(text, 9).filter(|text| check == last_digit(text))
}

/// Czech and Slovak IČO; zeros at its front are often lost.
fn ico(text: &str) -> Option<String> {
    let text = padded(text, 4, 8)?;
    let check = (11 - weighted(&text, &[8, 7, 6, 5, 4, 3, 2]) % 11) % 10;
    (check == last_digit(&text)).then_some(text)
}

fn de_vat(text: &str) -> Option<String> {
    let number = text.strip_prefix("DE").unwrap_or(text);
    digits(number, 9).filter(|number| mod_11_10(number)).map(|number| format!("DE{number}"))
}

/// The Leitweg-ID: 2 to 12 digits of the body, a part of its own choice, two check digits of ISO 7064 MOD 97-10.
fn leitweg(id: &str) -> bool {
    let mut parts = id.split('-');
    let (Some(coarse), Some(middle), last) = (parts.next(), parts.next(), parts.next()) else { return false };
    let (fine, check) = last.map_or(("", middle), |check| (middle, check));
    let shape = parts.next().is_none()
        && (2..=12).contains(&coarse.len())
        && coarse.bytes().all(|byte| byte.is_ascii_digit())
        && fine.len() <= 30
        && fine.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && check.len() == 2
        && check.bytes().all(|byte| byte.is_ascii_digit());
    let rest = format!("{coarse}{fine}{check}")
        .chars()
        .filter_map(|c| c.to_digit(36))
        .fold(0u32, |rest, value| (if value < 10 { rest * 10 + value } else { rest * 100 + value }) % 97);
    shape && rest == 1
}

fn es_nif(text: &str) -> Option<String> {
    let text = text.strip_prefix("ES").unwrap_or(text);
    if text.len() != 9 || !text.is_ascii() {
        return None;
    }
    let (first, number, last) = (&text[..1], &text[1..8], &text[8..]);
    if !"ABCDEFGHJNPQRSUVW".contains(first) || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let sum: u32 = numbers(number)
        .enumerate()
        .map(|(at, digit)| if at % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { digit })
        .sum();
    let check = (10 - sum % 10) % 10;
    let letter = "JABCDEFGHI".chars().nth(check as usize);
    (last.parse() == Ok(check) || last.chars().next() == letter).then(|| text.to_owned())
}

/// DIR3 of Spanish offices: `L01270575`, `E04921701`, `LA0014425`.
fn es_dir3(text: &str) -> Option<String> {
    [
        "L########",
        "E########",
        "A########",
        "LA#######",
        "EA#######",
        "I########",
        "U########",
        "GE#######",
        "J########",
    ]
    .iter()
    .find_map(|shape| shaped(text, shape))
}

fn fi_ytunnus(text: &str) -> Option<String> {
    let text = text.strip_prefix("FI").unwrap_or(text);
    let rest = weighted(text, &[7, 9, 10, 5, 8, 4, 2]) % 11;
    let check = if rest == 0 { 0 } else { 11 - rest };
    digits(text, 8).filter(|text| check == last_digit(text))
}

fn fr_siret(text: &str) -> Option<String> {
    // The post office's units are known to break the rule.
    digits(text, 14).filter(|text| luhn(text) || text.starts_with("356000000"))
}

/// A SIREN, also inside a French VAT number, whose first two characters are a check.
fn fr_siren(text: &str) -> Option<String> {
    let text = text.strip_prefix("FR").unwrap_or(text);
    let text = if text.len() == 11 && text.is_ascii() { &text[2..] } else { text };
    digits(text, 9).filter(|text| luhn(text))
}

fn gb_coh(text: &str) -> Option<String> {
    let (letters, number) = text.split_at(text.bytes().take_while(u8::is_ascii_uppercase).count().min(2));
    let length = 8 - letters.len();
    padded(number, 5, length).map(|number| format!("{letters}{number}"))
}

fn gr_check(text: &str) -> bool {
    weighted(text, &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == last_digit(text)
}

/// The first eight digits of a Hungarian tax number name the body; the rest its kind of tax and its county.
fn hu_tax(text: &str) -> Option<String> {
    let text = match text.len() {
        11 => text.get(..8)?,
        _ => text,
    };
    let check = (10 - weighted(text, &[9, 7, 3, 1, 9, 7, 3]) % 10) % 10;
    digits(text, 8).filter(|text| check == last_digit(text))
}

fn nl_rsin(text: &str) -> Option<String> {
    let text = text.split_once('B').map_or(text, |(front, _)| front);
    let sum = weighted(text, &[9, 8, 7, 6, 5, 4, 3, 2]);
    digits(text, 9).filter(|text| sum % 11 == last_digit(text))
}

fn no_orgnr(text: &str) -> Option<String> {
    let text = text.strip_suffix("MVA").unwrap_or(text);
    let check = (11 - weighted(text, &[3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    digits(text, 9).filter(|text| text.starts_with(['8', '9']) && check == last_digit(text))
}

fn pl_nip(text: &str) -> bool {
    weighted(text, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == last_digit(text)
}

fn pl_regon(text: &str) -> bool {
    weighted(text, &[8, 9, 2, 3, 4, 5, 6, 7]) % 11 % 10 == last_digit(text)
}

fn pt_check(text: &str) -> bool {
    let rest = weighted(text, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    (if rest < 2 { 0 } else { 11 - rest }) == last_digit(text)
}

fn ro_cui(text: &str) -> Option<String> {
    let text = text.trim_start_matches('0');
    let full = padded(text, 4, 10)?;
    (weighted(&full, &[7, 5, 3, 2, 1, 7, 5, 3, 2]) * 10 % 11 % 10 == last_digit(&full)).then(|| text.to_owned())
}

/// A Swedish number; for VAT two more digits stand behind it, and older registers write the century before it.
fn se_orgnr(text: &str) -> Option<String> {
    let text = text.strip_prefix("SE").unwrap_or(text);
    let text = match text.len() {
        12 if text.starts_with("16") => text.get(2..)?,
        12 => text.get(..10)?,
        _ => text,
    };
    digits(text, 10).filter(|text| luhn(text))
}

fn si_check(text: &str) -> bool {
    let check = 11 - weighted(text, &[8, 7, 6, 5, 4, 3, 2]) % 11;
    check % 10 == last_digit(text) && check != 11 && !text.starts_with('0')
}
