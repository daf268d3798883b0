//! Fills the template: what is worded and drawn, and nothing else.

use askama::Template;
use jiff::Timestamp;

use super::chart::Chart;
use super::gather::{Figures, List, Month};
use super::words::{Money, counted, hour, share};
use super::{SCRIPT, STYLE, Sources, Window, margin, spikes};
use crate::ledger::sums::Tally;
use crate::pricing::Picodollars;
use crate::text::{Grouped, escaped};

/// Characters of a name that are shown; there is no end to what strangers call things.
const MAX_NAME: usize = 80;

#[derive(Template)]
#[template(path = "page.html")]
struct Whole<'f> {
    style: &'static str,
    script: &'static str,
    windows: [Window; 3],
    figures: &'f Figures,
    /// Where an app sends its spans.
    endpoint: String,
    /// Nothing is priced.
    is_off: bool,
    cost: Money,
    /// Small words below the numbers.
    notes: String,
    /// Something may still change.
    is_pending: bool,
    hourly: Money,
    to_date: Money,
    calls_to_date: String,
    projected: Option<(Money, String)>,
    unpriced: String,
    unpriced_of: String,
    step: &'static str,
    chart: Chart,
    lists: Vec<Lines<'f>>,
    actions: Vec<Act>,
    models: Vec<Model>,
    margin: Option<margin::Shown>,
    spikes: Option<spikes::Shown>,
    price_file: String,
    reasons: Vec<String>,
    since: String,
    now: String,
    catalog: String,
}

/// A list of values.
struct Lines<'f> {
    list: &'f List,
    lines: Vec<Line>,
}

/// A value in a list.
struct Line {
    name: String,
    /// It is no name, but words of ours.
    is_ours: bool,
    cost: Money,
    /// Of the longest bar.
    percent: String,
    /// Calls of unknown cost.
    unpriced: u64,
    title: String,
}

struct Act {
    name: String,
    /// It is no action, but all others.
    is_ours: bool,
    runs: Grouped,
    /// None where it would be of different ones.
    each: Option<Money>,
    cost: Money,
    /// Calls of unknown cost.
    unpriced: u64,
}

struct Model {
    provider: String,
    name: String,
    calls: Grouped,
}

/// The page.
///
/// # Errors
/// The template can not be filled.
pub(super) fn html(figures: &Figures, sources: &Sources, now: Timestamp) -> Result<String, askama::Error> {
    let Figures { total, window, .. } = figures;
    let catalog = sources.shared.as_ref().map(|shared| shared.catalog().source().to_owned());
    let models = figures.unpriced.models.iter().map(|it| Model {
        provider: name(&it.provider, "no provider"),
        name: name(&it.model, "no model"),
        calls: Grouped(it.calls.into()),
    });
    let actions = figures.actions.iter().map(|action| Act {
        name: name(&action.name, ""),
        is_ours: false,
        each: Some(Money(action.each)),
        ..Act::of(&action.settled)
    });
    let projected = figures.month.projected.map(|projection| {
        let hours = projection.hours;
        let pace = match hours / 24 {
            0 | 1 => counted(hours.into(), "hour"),
            days => counted(days.into(), "day"),
        };
        (Money(Some(projection.money)), pace)
    });
    let more_actions = figures
        .more_actions
        .as_ref()
        .map(|(actions, sum)| Act { name: format!("{} more", Grouped(*actions as u128)), ..Act::of(sum) });
    let Month { to_date, since, .. } = &figures.month;
    let calls_to_date = counted(to_date.calls, "call");
    let margin = figures.margin.as_ref().zip(sources.margins.as_ref());
    Whole {
        style: STYLE,
        script: SCRIPT,
        windows: Window::ALL,
        figures,
        endpoint: endpoint(sources),
        is_off: sources.shared.is_none(),
        cost: Money::of(total),
        notes: notes(total, &figures.pending).join(", "),
        is_pending: Money(Some(figures.pending.money)).is_some(),
        hourly: Money(Some(figures.hourly)),
        to_date: Money::of(to_date),
        calls_to_date: match since {
            Some(day) => format!("{calls_to_date} since {}", hour(*day, "%-d\u{a0}%b")),
            None => calls_to_date,
        },
        projected,
        unpriced: share(total.unpriced, total.calls),
        unpriced_of: format!("{} of {}", Grouped(total.unpriced.into()), Grouped(total.calls.into())),
        step: window.step(),
        chart: Chart::of(&figures.bars, *window),
        lists: figures.lists.iter().map(lines).collect(),
        actions: actions.chain(more_actions).collect(),
        models: models.collect(),
        margin: margin.map(|(statement, margins)| margin::Shown::of(statement, margins.rules())),
        spikes: sources.spikes.as_ref().and_then(|it| spikes::Shown::of(it, now)),
        price_file: figures.unpriced.price_file(),
        reasons: figures.unpriced.reasons(),
        since: hour(figures.hours.start, "%a %-d %b %H:%M"),
        now: now.strftime("%a %-d %b %H:%M:%S").to_string(),
        catalog: catalog.unwrap_or_default(),
    }
    .render()
}

impl Act {
    /// What all others come to together.
    fn of(settled: &Tally) -> Self {
        Act {
            name: String::new(),
            is_ours: true,
            runs: Grouped(settled.actions.into()),
            each: None,
            cost: Money::of(settled),
            unpriced: settled.unpriced,
        }
    }
}

fn lines(list: &List) -> Lines<'_> {
    let all = || list.top.iter().map(|(_, tally)| tally).chain(list.rest.iter().map(|(_, rest)| rest));
    let longest = all().map(|tally| tally.money).max().unwrap_or_default();
    let line = |text: &str, tally: &Tally, is_ours| Line {
        name: text.to_owned(),
        is_ours,
        cost: Money::of(tally),
        percent: percent(tally.money, longest),
        title: match tally.unpriced {
            0 => text.to_owned(),
            unpriced => format!("{text}: what {} cost is unknown", counted(unpriced, "call")),
        },
        unpriced: tally.unpriced,
    };
    let top = list.top.iter().map(|(value, tally)| match &**value {
        "" => line(&format!("no {}", list.one), tally, true),
        value => line(&name(value, ""), tally, false),
    });
    let rest = list.rest.iter().map(|(values, tally)| {
        let more = values.map(|values| format!("{} more", Grouped(values as u128)));
        line(more.as_deref().unwrap_or("the others"), tally, true)
    });
    Lines { list, lines: top.chain(rest).collect() }
}

impl Lines<'_> {
    /// Nothing tells the values of this dimension.
    fn is_unknown(&self) -> bool {
        self.list.rest.is_none() && self.list.top.iter().all(|(value, _)| value.is_empty())
    }
}

/// Words below the total.
fn notes(total: &Tally, pending: &Tally) -> Vec<String> {
    let mut notes = vec![counted(total.calls, "call")];
    let pending = Money(Some(pending.money));
    if pending.is_some() {
        notes.push(format!("{pending} pending"));
    }
    let saved = Money(Some(total.saved));
    if saved.is_some() {
        notes.push(format!("{saved} saved by caches"));
    }
    if total.estimate != total.money {
        notes.push(format!("about {} with what sampling left out", Money(Some(total.estimate))));
    }
    if total.misdated > 0 {
        notes.push(format!("{} told an impossible time", counted(total.misdated, "call")));
    }
    notes
}

fn percent(part: Picodollars, whole: Picodollars) -> String {
    match whole.get() {
        ..=0 => "0".to_owned(),
        whole => format!("{:.1}", 100.0 * part.get().max(0) as f64 / whole as f64),
    }
}

/// A stranger's word, short and without what steers a terminal; the template escapes it.
pub(super) fn name(text: &str, nameless: &str) -> String {
    match text {
        "" => nameless.to_owned(),
        text if text.chars().nth(MAX_NAME).is_some() => escaped(text, MAX_NAME) + "…",
        text => escaped(text, MAX_NAME),
    }
}

/// Where an app of this machine sends its spans, as a URL.
fn endpoint(sources: &Sources) -> String {
    sources.receiver.map_or_else(String::new, |mut at| {
        if at.ip().is_unspecified() {
            at.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        format!("http{}://{at}", if sources.receiver_tls { "s" } else { "" })
    })
}
