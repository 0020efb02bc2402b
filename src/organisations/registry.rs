//! Which occurrences are the same organisation? A multiset of what was published → clusters, by a pure function.
//!
//! The [`Registry`] only counts; [`Registry::clusters`] decides, from the counts alone. So the order and batching of
//! arrival cannot matter, and taking an occurrence out leaves what would be there had it never come.
//!
//! The rules, for keys of [`super::keys`]:
//! 1. The same identifier is the same organisation.
//! 2. Identifiers of different registers that share a normalised name and country are one organisation, and so are
//!    occurrences that have only the name.
//! 3. Two numbers of one register are never one organisation. A name under which both occur is ambiguous: it joins
//!    nothing, whoever bears it says so as a doubt, and occurrences that have only the name are a cluster of their own.
//!    When unambiguous names would join two such numbers over a detour, none of the names on the way joins anything.
//! 4. A cluster's id is its smallest key (identifiers before names, then by register and number), as text.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::key::{Key, KeyKind, keys};
use crate::ids::OrganisationId;
use crate::notice::Organisation;

/// What was published, counted: keys of one occurrence → names as written → how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    seen: BTreeMap<Vec<Key>, BTreeMap<String, u64>>,
}

/// What one place says of an organisation: all that a [`Registry`] counts of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Occurrence {
    /// Its keys, strongest first; never empty.
    pub keys: Vec<Key>,
    /// Its name as written.
    pub name: String,
}

impl Occurrence {
    /// None when nothing in it identifies an organisation.
    pub fn of(organisation: &Organisation) -> Option<Self> {
        let keys = keys(organisation);
        (!keys.is_empty()).then(|| Self { keys, name: name_of(organisation) })
    }
}

/// One organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Its smallest key as text. It changes only when a smaller key joins; the old one still finds it through
    /// [`Clusters::by_key`].
    pub id: OrganisationId,
    /// Its identifiers and names, smallest first.
    pub keys: Vec<Key>,
    /// The bodies above it, such as the SIREN of its SIRET.
    pub groups: Vec<Key>,
    /// Names as written and how often, most frequent first, then by spelling.
    pub aliases: Vec<(String, u64)>,
    /// How often it occurred.
    pub occurrences: u64,
    /// What speaks against its being one, or its being apart.
    pub doubts: Vec<Doubt>,
}

impl Cluster {
    /// The name that was written most often.
    pub fn name(&self) -> &str {
        self.aliases.first().map_or("", |(name, _)| name)
    }
}

/// Why a cluster may be wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// What is wrong.
    pub reason: DoubtReason,
    /// The name in question.
    pub name: Key,
    /// The others that bear it.
    pub others: Vec<OrganisationId>,
}

/// Kinds of doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DoubtReason {
    /// Others of the same name have another number in the same register.
    SameNameOtherNumber,
    /// Joining all that share names would join two numbers of one register.
    NamesLeadTooFar,
}

impl Registry {
    /// Counts one occurrence; `false` when nothing in it identifies an organisation, so that it was not counted.
    pub fn add(&mut self, organisation: &Organisation) -> bool {
        let Some(occurrence) = Occurrence::of(organisation) else { return false };
        self.add_times(occurrence, 1);
        true
    }

    /// Counts an occurrence that was seen so often.
    pub fn add_times(&mut self, Occurrence { keys, name }: Occurrence, times: u64) {
        *self.seen.entry(keys).or_default().entry(name).or_default() += times;
    }

    /// Takes one occurrence out again; `false` when there was none like it.
    pub fn remove(&mut self, organisation: &Organisation) -> bool {
        let keys = keys(organisation);
        let Some(names) = self.seen.get_mut(&keys) else { return false };
        let name = name_of(organisation);
        let Some(count) = names.get_mut(&name) else { return false };
        *count -= 1;
        if *count == 0 {
            names.remove(&name);
            if names.is_empty() {
                self.seen.remove(&keys);
            }
        }
        true
    }

    /// Counts all that another one counted: batches may be counted apart.
    pub fn merge(&mut self, other: Self) {
        for (keys, names) in other.seen {
            let own = self.seen.entry(keys).or_default();
            for (name, count) in names {
                *own.entry(name).or_default() += count;
            }
        }
    }

    /// How many occurrences are counted.
    pub fn occurrences(&self) -> u64 {
        self.seen.values().flat_map(BTreeMap::values).sum()
    }

    /// Who is who, as far as is known now. Its cost is that of sorting the distinct keys.
    pub fn clusters(&self) -> Clusters {
        let mut bearers: BTreeMap<&Key, BTreeSet<&Key>> = BTreeMap::new();
        for keys in self.seen.keys() {
            if let (Some(identifier), Some(name)) = (of_kind(keys, KeyKind::Identifier), of_kind(keys, KeyKind::Name)) {
                bearers.entry(name).or_default().insert(identifier);
            }
        }
        let mut doubtful: BTreeMap<&Key, DoubtReason> = BTreeMap::new();
        for (name, identifiers) in &bearers {
            if conflict(identifiers.iter().copied()) {
                doubtful.insert(name, DoubtReason::SameNameOtherNumber);
            }
        }
        let joined = Components::of(&bearers, &doubtful);
        for names in joined.too_far() {
            doubtful.extend(names.into_iter().map(|name| (name, DoubtReason::NamesLeadTooFar)));
        }
        let joined = Components::of(&bearers, &doubtful);
        self.collect(&bearers, &doubtful, &joined)
    }

    fn collect(
        &self,
        bearers: &BTreeMap<&Key, BTreeSet<&Key>>,
        doubtful: &BTreeMap<&Key, DoubtReason>,
        joined: &Components<'_>,
    ) -> Clusters {
        #[derive(Default)]
        struct Parts<'k> {
            keys: BTreeSet<&'k Key>,
            groups: BTreeSet<&'k Key>,
            aliases: BTreeMap<&'k str, u64>,
        }
        let mut parts: BTreeMap<&Key, Parts<'_>> = BTreeMap::new();
        for (keys, names) in &self.seen {
            let (identifier, name) = (of_kind(keys, KeyKind::Identifier), of_kind(keys, KeyKind::Name));
            let joining = name.filter(|name| !doubtful.contains_key(name));
            let Some(first) = identifier.or(name) else { continue };
            let part = parts.entry(joined.smallest(first)).or_default();
            // A name in doubt belongs to the cluster of those that have nothing else.
            part.keys.extend(identifier.into_iter().chain(if identifier.is_some() { joining } else { name }));
            part.groups.extend(of_kind(keys, KeyKind::Group));
            for (written, count) in names {
                *part.aliases.entry(written).or_default() += count;
            }
        }
        let mut homes: HashMap<Key, usize> = HashMap::new();
        let mut list: Vec<Cluster> = Vec::with_capacity(parts.len());
        for part in parts.values() {
            let Some(smallest) = part.keys.first() else { continue };
            homes.extend(part.keys.iter().map(|key| ((*key).clone(), list.len())));
            let mut aliases: Vec<(String, u64)> = part
                .aliases
                .iter()
                .filter(|(name, _)| !name.is_empty())
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect();
            aliases.sort_by(|(one, often), (other, seldom)| seldom.cmp(often).then_with(|| one.cmp(other)));
            list.push(Cluster {
                id: OrganisationId::new(smallest.to_string()),
                keys: part.keys.iter().map(|key| (*key).clone()).collect(),
                groups: part.groups.iter().map(|key| (*key).clone()).collect(),
                aliases,
                occurrences: part.aliases.values().sum(),
                doubts: Vec::new(),
            });
        }
        for (name, reason) in doubtful {
            let mut involved: BTreeSet<usize> =
                bearers.get(name).into_iter().flatten().filter_map(|key| homes.get(*key).copied()).collect();
            involved.extend(homes.get(*name).copied());
            for at in &involved {
                let others =
                    involved.iter().filter(|other| *other != at).map(|other| list[*other].id.clone()).collect();
                list[*at].doubts.push(Doubt { reason: *reason, name: (*name).clone(), others });
            }
        }
        Clusters { list, homes }
    }
}

fn name_of(organisation: &Organisation) -> String {
    let name = organisation.name.as_deref().or_else(|| organisation.names.first().map(|(_, text)| text));
    name.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn of_kind(keys: &[Key], kind: KeyKind) -> Option<&Key> {
    keys.iter().find(|key| key.kind == kind)
}

/// Whether two of these identifiers are numbers of one register. They come sorted, so that such two are neighbours.
fn conflict<'k>(identifiers: impl Iterator<Item = &'k Key> + Clone) -> bool {
    identifiers.clone().zip(identifiers.skip(1)).any(|(one, other)| one.scheme == other.scheme)
}

/// Identifiers and unambiguous names, joined: each with the smallest key that it is joined with.
struct Components<'k> {
    /// Key → its smallest; keys that nothing joins are not in it.
    smallest: BTreeMap<&'k Key, &'k Key>,
}

impl<'k> Components<'k> {
    fn of(bearers: &BTreeMap<&'k Key, BTreeSet<&'k Key>>, doubtful: &BTreeMap<&'k Key, DoubtReason>) -> Self {
        let mut parent: BTreeMap<&'k Key, &'k Key> = BTreeMap::new();
        for (name, identifiers) in bearers.iter().filter(|(name, _)| !doubtful.contains_key(*name)) {
            for identifier in identifiers {
                let (one, other) = (root(&mut parent, name), root(&mut parent, identifier));
                let (small, large) = if one < other { (one, other) } else { (other, one) };
                parent.insert(small, small);
                parent.insert(large, small);
            }
        }
        let keys: Vec<&Key> = parent.keys().copied().collect();
        let smallest = keys.into_iter().map(|key| (key, root(&mut parent, key))).collect();
        Self { smallest }
    }

    fn smallest<'s>(&self, key: &'s Key) -> &'s Key
    where
        'k: 's,
    {
        self.smallest.get(key).copied().unwrap_or(key)
    }

    /// The names of each component in which two numbers of one register met.
    fn too_far(&self) -> Vec<Vec<&'k Key>> {
        let mut members: BTreeMap<&Key, Vec<&'k Key>> = BTreeMap::new();
        for (key, smallest) in &self.smallest {
            members.entry(smallest).or_default().push(key);
        }
        let identifiers = |keys: &[&'k Key]| -> Vec<&'k Key> {
            keys.iter().copied().filter(|key| key.kind == KeyKind::Identifier).collect()
        };
        members
            .into_values()
            .filter(|keys| conflict(identifiers(keys).into_iter()))
            .map(|keys| keys.into_iter().filter(|key| key.kind == KeyKind::Name).collect())
            .collect()
    }
}

/// The smallest key that a key is joined with so far.
fn root<'k>(parent: &mut BTreeMap<&'k Key, &'k Key>, key: &'k Key) -> &'k Key {
    let mut top = key;
    while let Some(above) = parent.get(top).copied().filter(|above| *above != top) {
        top = above;
    }
    // Shorten the way, so that long chains stay cheap.
    let mut at = key;
    while at != top {
        at = parent.insert(at, top).unwrap_or(top);
    }
    top
}

/// Who is who: the result of [`Registry::clusters`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clusters {
    list: Vec<Cluster>,
    homes: HashMap<Key, usize>,
}

impl Clusters {
    /// Every organisation, by its smallest key.
    pub fn iter(&self) -> impl Iterator<Item = &Cluster> {
        self.list.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The cluster that an occurrence belongs to; none for one that was never counted.
    pub fn of(&self, organisation: &Organisation) -> Option<&Cluster> {
        keys(organisation).iter().filter(|key| key.kind != KeyKind::Group).find_map(|key| self.by_key(key))
    }

    /// The cluster that has this key; a name in doubt belongs to those that have no number.
    pub fn by_key(&self, key: &Key) -> Option<&Cluster> {
        self.homes.get(key).map(|at| &self.list[*at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn organisation(name: &str, country: &str, id: &str) -> Organisation {
        Organisation {
            name: (!name.is_empty()).then(|| name.into()),
            country: Some(country.into()),
            id: (!id.is_empty()).then(|| id.into()),
            ..Organisation::default()
        }
    }

    fn counted(all: &[Organisation]) -> Registry {
        let mut registry = Registry::default();
        for one in all {
            registry.add(one);
        }
        registry
    }

    fn ids(registry: &Registry) -> Vec<String> {
        registry.clusters().iter().map(|cluster| cluster.id.to_string()).collect()
    }

    #[test]
    fn one_number_is_one_organisation_under_all_its_names() {
        let registry = counted(&[
            organisation("Uniwersytet Warszawski", "PL", "000001258"),
            organisation("UNIWERSYTET WARSZAWSKI, Wydział Fizyki", "PL", "REGON 000001258"),
            organisation("Uniwersytet Warszawski", "PL", ""),
        ]);
        let clusters = registry.clusters();
        assert_eq!(clusters.len(), 1);
        let only = clusters.iter().next().expect("one");
        assert_eq!(only.id.as_str(), "pl-regon/000001258");
        assert_eq!((only.name(), only.occurrences), ("Uniwersytet Warszawski", 3));
        assert_eq!(only.aliases[0].1, 2);
        assert!(only.doubts.is_empty());
    }

    #[test]
    fn registers_meet_over_a_name() {
        let registry = counted(&[
            organisation("Straż Graniczna", "PL", "REGON 130377882"),
            organisation("STRAŻ GRANICZNA", "PL", "KRS 0000040284"),
        ]);
        assert_eq!(ids(&registry), ["pl-krs/0000040284"]);
    }

    #[test]
    fn an_equal_name_never_joins_two_numbers_of_one_register() {
        let (one, other) = ("00007064", "36631124");
        let registry = counted(&[
            organisation("Základní škola Lípa", "CZ", one),
            organisation("Základní škola Lípa", "CZ", other),
            organisation("Základní škola Lípa", "CZ", ""),
            organisation("Základní škola Lípa", "SK", ""),
        ]);
        let clusters = registry.clusters();
        assert_eq!(
            ids(&registry),
            ["cz-ico/00007064", "cz-ico/36631124", "name-cz/zakladni-skola-lipa", "name-sk/zakladni-skola-lipa"]
        );
        let doubts: Vec<usize> = clusters.iter().map(|cluster| cluster.doubts.len()).collect();
        assert_eq!(doubts, [1, 1, 1, 0]);
        let doubt = &clusters.iter().next().expect("there").doubts[0];
        assert_eq!((doubt.reason, doubt.others.len()), (DoubtReason::SameNameOtherNumber, 2));
        let nameless = clusters.of(&organisation("ZÁKLADNÍ ŠKOLA LÍPA", "CZ", "")).expect("known");
        assert_eq!(nameless.id.as_str(), "name-cz/zakladni-skola-lipa");
    }

    #[test]
    fn a_detour_over_names_joins_nothing_either() {
        let registry = counted(&[
            organisation("Alfa Praha", "PL", "REGON 130377882"),
            organisation("Alfa Praha", "PL", "KRS 0000040284"),
            organisation("Beta Praha", "PL", "KRS 0000040284"),
            organisation("Beta Praha", "PL", "REGON 000001258"),
        ]);
        assert_eq!(ids(&registry), ["pl-krs/0000040284", "pl-regon/000001258", "pl-regon/130377882"]);
        let clusters = registry.clusters();
        assert!(clusters.iter().all(|cluster| cluster.doubts[0].reason == DoubtReason::NamesLeadTooFar));
    }

    #[test]
    fn nobody_is_not_counted() {
        let mut registry = Registry::default();
        assert!(!registry.add(&organisation("", "DE", "t:0301234")));
        assert!(!registry.remove(&organisation("x", "DE", "")));
        assert!(registry.clusters().is_empty());
    }

    /// A small world, so that names and numbers meet often.
    fn some_organisation() -> impl Strategy<Value = Organisation> {
        let names = ["Alfa", "ALFA", "Alfa a.s.", "Beta", "Gama", ""];
        let numbers =
            ["", "0", "00007064", "36631124", "REGON 130377882", "KRS 0000040284", "REGON 000001258", "NIP 5213017228"];
        (
            prop::sample::select(names.to_vec()),
            prop::sample::select(vec!["CZ", "PL"]),
            prop::sample::select(numbers.to_vec()),
        )
            .prop_map(|(name, country, id)| organisation(name, country, id))
    }

    proptest! {
        #[test]
        fn order_and_batches_do_not_matter(all in prop::collection::vec(some_organisation(), 0..14), cut in 0usize..14, seed in any::<u64>()) {
            let straight = counted(&all);
            let mut shuffled = all.clone();
            fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
            let cut = cut.min(all.len());
            let mut batches = counted(&shuffled[cut..]);
            batches.merge(counted(&shuffled[..cut]));
            prop_assert_eq!(&batches, &straight);
            prop_assert_eq!(batches.clusters(), straight.clusters());
        }

        #[test]
        fn who_leaves_was_never_there(all in prop::collection::vec(some_organisation(), 0..12), gone in prop::collection::vec(some_organisation(), 0..6)) {
            let without = counted(&all);
            let mut registry = without.clone();
            let counted: Vec<bool> = gone.iter().map(|one| registry.add(one)).collect();
            for (one, counted) in gone.iter().zip(counted) {
                prop_assert_eq!(registry.remove(one), counted);
            }
            prop_assert_eq!(registry.clusters(), without.clusters());
            prop_assert_eq!(registry, without);
        }

        #[test]
        fn two_numbers_of_one_register_are_two(all in prop::collection::vec(some_organisation(), 0..16)) {
            let registry = counted(&all);
            let clusters = registry.clusters();
            for cluster in clusters.iter() {
                prop_assert!(!conflict(cluster.keys.iter().filter(|key| key.kind == KeyKind::Identifier)));
                prop_assert_eq!(cluster.id.as_str(), cluster.keys[0].to_string());
            }
            let counted: u64 = clusters.iter().map(|cluster| cluster.occurrences).sum();
            prop_assert_eq!(counted, registry.occurrences());
            for one in &all {
                prop_assert_eq!(clusters.of(one).is_some(), !keys(one).is_empty());
            }
        }
    }
}
