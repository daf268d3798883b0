//! What in a price file looks like a mistake when it is seen beside the catalog that it lies over.

use hashbrown::HashMap;

use crate::genai::usage::Bucket;
use crate::pricing::catalog::{Catalog, Model};
use crate::pricing::decimal::Decimal;
use crate::pricing::format::{AdjustEntry, CatalogFile, ModelEntry, ProviderEntry};
use crate::pricing::matching::{ModelBy, ModelQuery, host, normal};
use crate::pricing::pattern::Pattern;
use crate::pricing::rules::tier_key;
use crate::yaml::error::Report;
use crate::yaml::path::Path;

/// A catalog without a file, and with it.
#[derive(Clone, Copy)]
pub(super) struct Beside<'c> {
    pub(super) below: &'c Catalog,
    pub(super) whole: &'c Catalog,
}

impl Beside<'_> {
    pub(super) fn look(self, report: &mut Report, file: &CatalogFile) {
        let root = Path::default();
        let model_of = |model| (self.below.provider(Model::provider(model)).id(), model.id().to_lowercase());
        let before: HashMap<(&str, String), &Model> =
            self.below.models().map(|(_, model)| (model_of(model), model)).collect();
        for (id, entry) in &file.providers.0 {
            let place = root.key("providers").key(id);
            let provider = normal(id);
            self.names(report, &place, &provider, entry);
            for (id, model) in &entry.models.0 {
                if let Some(before) = before.get(&(&*provider, normal(id).into_owned())) {
                    replaced(report, &place.key("models").key(id), (&provider, before), model);
                }
            }
        }
        for (name, of) in &file.aliases.0 {
            self.alias(report, &root.key("aliases").key(name), name, of);
        }
        for (nth, entry) in file.adjust.iter().enumerate() {
            self.adjust(report, &root.key("adjust").index(nth), entry, file);
        }
    }

    /// Names and hosts that another provider has, and hosts that are none.
    fn names(self, report: &mut Report, place: &Path, provider: &str, entry: &ProviderEntry) {
        let taken = self.below.names.named(provider).map(|id| self.below.provider(id).id());
        if let Some(from) = taken.filter(|from| *from != provider) {
            let problem =
                format!("`{provider}` is a name of `{from}`: its calls would be of this provider now");
            report.wrong(place, problem, format!("write `{from}` to add to that one, or choose another id"));
        }
        let own = self.whole.names.exact(provider);
        let mut keeps = |at: &Path, name: &str, owner| {
            if let Some(owner) = owner
                && Some(owner) != own
            {
                let owner = self.whole.provider(owner).id();
                let problem = format!("`{name}` belongs to `{owner}`, which keeps it: here it means nothing");
                report.wrong(at, problem, format!("remove it, or add the models to `{owner}`"));
            }
        };
        for (nth, name) in entry.names.iter().enumerate() {
            if let Ok(Pattern::Exact(name)) = Pattern::parse(name) {
                keeps(&place.key("names").index(nth), &name, self.whole.names.exact(&name));
            }
        }
        for (nth, written) in entry.hosts.iter().enumerate() {
            if let Ok(Pattern::Exact(name)) = Pattern::parse(written)
                && !name.contains(['/', ':'])
            {
                keeps(&place.key("hosts").index(nth), &name, self.whole.names.behind(&name));
            }
        }
        for (nth, written) in entry.hosts.iter().enumerate() {
            if written.contains(['/', ':']) && !written.starts_with('/') {
                let problem = format!("`{written}` is no host: it has a scheme, a port or a path");
                let remedy = format!("write `{}`", host(written));
                report.wrong(&place.key("hosts").index(nth), problem, remedy);
            }
        }
    }

    /// What calls say that have this name, with a provider before it or without.
    fn query(self, name: &str) -> ModelQuery<'_> {
        match name.split_once('/').filter(|(route, _)| self.whole.names.exact(route).is_some()) {
            Some((provider, served)) => ModelQuery { provider, served, ..ModelQuery::default() },
            None => ModelQuery { served: name, ..ModelQuery::default() },
        }
    }

    /// An alias in the place of a model that there is.
    fn alias(self, report: &mut Report, place: &Path, name: &str, of: &str) {
        let name = normal(name);
        let by = |catalog: &Catalog| {
            let found = catalog.resolve(&self.query(&name));
            let model = catalog.model(found.model?);
            Some((found.model_by, format!("{}/{}", catalog.provider(model.provider()).id(), model.id())))
        };
        if let (Some((Some(ModelBy::Exact), real)), Some((_, meant))) = (by(self.below), by(self.whole))
            && real != meant
        {
            let problem = format!("calls of the model `{real}` get the price of `{of}`");
            report.wrong(place, problem, "keep it only if it is the name of a deployment of yours");
        }
    }

    /// Factors that look like percentages, and models that there are none of.
    fn adjust(self, report: &mut Report, place: &Path, entry: &AdjustEntry, file: &CatalogFile) {
        let two = Decimal::new(2, 0).at_scale(12).ok();
        if let Some(x) = entry.x.filter(|x| x.decimal().at_scale(12).ok() > two) {
            let problem = format!("every price is multiplied by {}", x.decimal());
            report.wrong(&place.key("x"), problem, "if it is a percentage, write 0.88 for 12 % off");
        }
        let (Some(provider), Some(model)) = (&entry.provider, &entry.model) else { return };
        let Ok(pattern) = Pattern::parse(model) else { return };
        let provider = normal(provider);
        let known = match &pattern {
            Pattern::Exact(name) => {
                let query = ModelQuery { provider: &provider, served: name, ..ModelQuery::default() };
                self.whole.resolve(&query).model.is_some()
            }
            _ => false,
        };
        let tail = |name: &str| name.rsplit('/').next().is_some_and(|tail| pattern.matches(tail));
        let fits = |name: &str| pattern.matches(name) || tail(name);
        let listed = || self.whole.models().any(|(_, model)| fits(&model.id().to_lowercase()));
        let own = || {
            let entries = file.providers.0.iter().flat_map(|(_, entry)| &entry.models.0);
            let names = entries.flat_map(|(_, model)| &model.matches);
            names.chain(file.aliases.0.iter().map(|(name, _)| name)).any(|name| fits(&normal(name)))
        };
        if !known && !listed() && !own() {
            let problem = format!("`{model}` is the name of no model: it changes nothing");
            report.wrong(&place.key("model"), problem, "look for it with pricetag prices list --model PART");
        }
    }
}

/// What the price of a model had that the one in its place has not.
fn replaced(report: &mut Report, place: &Path, (provider, before): (&str, &Model), now: &ModelEntry) {
    if now.gpu.is_some() || (now.rates.0.is_empty() && now.when.is_empty()) {
        return;
    }
    let has = |bucket: Bucket| {
        let rates = now.rates.0.iter().chain(now.when.iter().flat_map(|when| &when.rates.0));
        rates.into_iter().any(|(named, _)| *named == bucket)
    };
    let set = before.rates().map(|(bucket, _)| bucket);
    let changed =
        before.whens().iter().flat_map(|when| when.rates()).filter_map(|(bucket, rate)| rate.map(|_| bucket));
    let mut lost: Vec<String> = Vec::new();
    let mut lose = |text: String| {
        if !lost.contains(&text) {
            lost.push(text);
        }
    };
    set.chain(changed).filter(|bucket| !has(*bucket)).for_each(|bucket| lose(bucket.name().to_owned()));
    let tiers: Vec<Box<str>> =
        now.when.iter().flat_map(|when| &when.tier).map(|tier| tier_key(tier)).collect();
    for when in before.whens() {
        when.tiers.iter().filter(|tier| !tiers.contains(tier)).for_each(|tier| lose(format!("tier {tier}")));
        if when.batch == Some(true) && now.when.iter().all(|when| when.batch.is_none()) {
            lose("batch".to_owned());
        }
        if when.over.is_some() && now.when.iter().all(|when| when.over.is_none()) {
            lose("over (long prompts)".to_owned());
        }
        if !when.regions.is_empty() && now.when.iter().all(|when| when.region.is_empty()) {
            lose("region".to_owned());
        }
    }
    if !lost.is_empty() {
        let problem = format!("it replaces a price as a whole; lost are {}", lost.join(", "));
        let remedy = format!("copy what still holds from pricetag prices show {provider}/{}", before.id());
        report.wrong(place, problem, remedy);
    }
}
