//! Reads `/metrics` and the health pages.

use super::spans::picodollars;
use super::{Pricetag, eventually};

/// A page of metrics in Prometheus' text format.
pub(crate) struct Scrape(String);

impl Scrape {
    /// The values of all series of a metric whose labels include these.
    pub(crate) fn values(&self, name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
        let series = self.0.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (of, own) = series.split_once('{').unwrap_or((series, ""));
            let has = |(key, value): &(&str, &str)| own.contains(&format!("{key}=\"{value}\""));
            (of == name && labels.iter().all(has)).then(|| value.parse().unwrap())
        });
        series.collect()
    }

    /// Their sum; 0 where there are none.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.values(name, labels).into_iter().sum()
    }

    /// Their sum in picodollars, each series for itself: doubles do not add up exactly.
    pub(crate) fn money(&self, name: &str, labels: &[(&str, &str)]) -> i128 {
        self.values(name, labels).into_iter().map(picodollars).sum()
    }

    /// The page.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl Pricetag {
    /// Status and body of a page of the admin port.
    pub(crate) async fn get(&self, path: &str) -> Option<(u16, String)> {
        let response = self.client.get(format!("http://{}{path}", self.admin)).send().await.ok()?;
        Some((response.status().as_u16(), response.text().await.ok()?))
    }

    /// The metrics as they are now.
    pub(crate) async fn scrape(&self) -> Scrape {
        let (status, text) = self.get("/metrics").await.unwrap();
        assert_eq!(status, 200, "{text}");
        Scrape(text)
    }

    /// Waits until this many calls have settled, all statuses together.
    pub(crate) async fn settled(&self, calls: u64) -> Scrape {
        eventually(&format!("{calls} settled calls"), async || {
            let scrape = self.scrape().await;
            let settled = scrape.sum("pricetag_calls", &[]);
            assert!(settled <= calls as f64, "{settled} calls of {calls}:\n{}", scrape.text());
            (settled == calls as f64).then_some(())
        })
        .await;
        // Each metric of a page looks at the ledger for itself, and the page before may have been made while it was written.
        self.scrape().await
    }
}
