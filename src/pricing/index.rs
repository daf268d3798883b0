//! The catalog's names, ready to be looked up.

use foldhash::quality::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::catalog::{ModelId, ProviderId};
use super::names::{strip_revision, with_compact_date};
use super::pattern::Pattern;

/// Names come from strangers, so the hash is seeded.
type Map<T> = HashMap<Box<str>, T, RandomState>;

/// The names of one provider's models.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    exact: Map<ModelId>,
    /// Names with a date, the date written compactly.
    dated: Map<ModelId>,
    /// Names without what callers leave out: an organisation before, a revision after. `None`: several models.
    short: Map<Option<ModelId>>,
    patterns: Vec<(Pattern, ModelId)>,
}

impl Names {
    /// With room for the ids of this many models.
    pub(super) fn with_capacity(models: usize) -> Self {
        let exact = Map::with_capacity_and_hasher(models, RandomState::default());
        let short = Map::with_capacity_and_hasher(models, RandomState::default());
        Self { exact, short, ..Self::default() }
    }

    /// An id always matches, and wins over another model's `match`.
    pub(super) fn add_id(&mut self, id: &str, model: ModelId) {
        self.add_exact(id.trim().to_lowercase().into(), model);
    }

    pub(super) fn add(&mut self, pattern: &str, model: ModelId) -> Result<(), String> {
        match Pattern::parse(pattern)? {
            Pattern::Exact(name) => self.add_exact(name, model),
            pattern => self.patterns.push((pattern, model)),
        }
        Ok(())
    }

    fn add_exact(&mut self, name: Box<str>, model: ModelId) {
        if let Some(dated) = with_compact_date(&name) {
            self.dated.entry(dated.into()).or_insert(model);
        }
        let tail = name.rsplit_once('/').map(|(_, tail)| tail);
        let bare = strip_revision(&name);
        let barer = bare.and_then(strip_revision);
        for short in [tail, bare, barer].into_iter().flatten() {
            match self.short.entry(short.into()) {
                Entry::Vacant(vacant) => {
                    vacant.insert(Some(model));
                }
                Entry::Occupied(mut known) => {
                    if *known.get() != Some(model) {
                        known.insert(None);
                    }
                }
            }
        }
        self.exact.entry(name).or_insert(model);
    }

    /// By its name.
    pub(super) fn exact(&self, name: &str) -> Option<ModelId> {
        self.exact.get(name).copied()
    }

    /// By a glob or a regular expression, the first one that fits.
    pub(super) fn pattern(&self, name: &str) -> Option<ModelId> {
        self.patterns.iter().find(|(pattern, _)| pattern.matches_model(name)).map(|(_, model)| *model)
    }

    /// By its name with the date written compactly.
    pub(super) fn dated(&self, compact: &str) -> Option<ModelId> {
        self.dated.get(compact).copied()
    }

    /// By its name without the organisation or the revision, where only one model has it.
    pub(super) fn short(&self, name: &str) -> Option<ModelId> {
        self.short.get(name).copied().flatten()
    }
}

/// The names of providers, their hosts, and the models they are known for.
#[derive(Clone, Debug, Default)]
pub(super) struct ProviderNames {
    exact: Map<ProviderId>,
    patterns: Vec<(Pattern, ProviderId)>,
    hosts: Map<ProviderId>,
    host_patterns: Vec<(Pattern, ProviderId)>,
    serves: Vec<(Pattern, ProviderId)>,
}

impl ProviderNames {
    pub(super) fn add_id(&mut self, id: &str, provider: ProviderId) {
        self.exact.insert(id.into(), provider);
    }

    /// The error names the key and the problem.
    pub(super) fn add(
        &mut self,
        provider: ProviderId,
        names: &[String],
        hosts: &[String],
        serves: &[String],
    ) -> Result<(), (&'static str, String)> {
        for name in names {
            match Pattern::parse(name).map_err(|problem| ("names", problem))? {
                Pattern::Exact(name) => {
                    self.exact.entry(name).or_insert(provider);
                }
                pattern => self.patterns.push((pattern, provider)),
            }
        }
        for host in hosts {
            match Pattern::parse(host).map_err(|problem| ("hosts", problem))? {
                Pattern::Exact(host) => {
                    self.hosts.entry(host).or_insert(provider);
                }
                pattern => self.host_patterns.push((pattern, provider)),
            }
        }
        for name in serves {
            self.serves.push((Pattern::parse(name).map_err(|problem| ("serves", problem))?, provider));
        }
        Ok(())
    }

    /// The provider that goes by exactly this name.
    pub(super) fn exact(&self, name: &str) -> Option<ProviderId> {
        self.exact.get(name).copied()
    }

    /// The provider that goes by this name, or by a pattern that fits it.
    pub(super) fn named(&self, name: &str) -> Option<ProviderId> {
        self.exact(name).or_else(|| first(&self.patterns, name))
    }

    /// The provider behind this host.
    pub(super) fn behind(&self, host: &str) -> Option<ProviderId> {
        self.hosts.get(host).copied().or_else(|| first(&self.host_patterns, host))
    }

    /// Providers known for models of this name; those whose pattern says how the name begins come first, for they say
    /// more: `us.*` is Bedrock, though `*claude*` is in the name.
    pub(super) fn serving<'a>(&'a self, name: &'a str) -> impl Iterator<Item = ProviderId> + 'a {
        let anchored = |wanted: bool| {
            self.serves
                .iter()
                .filter(move |(pattern, _)| pattern.is_anchored() == wanted && pattern.matches(name))
        };
        anchored(true).chain(anchored(false)).map(|(_, provider)| *provider)
    }
}

fn first(patterns: &[(Pattern, ProviderId)], name: &str) -> Option<ProviderId> {
    patterns.iter().find(|(pattern, _)| pattern.matches(name)).map(|(_, provider)| *provider)
}
