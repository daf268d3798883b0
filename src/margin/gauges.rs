//! Margins as metrics: gauges of the month to date. They may be negative, and fall when a month begins.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use tracing::{error, info};

use super::Margins;
use crate::attribution::margin::By;
use crate::ledger::query::QueryError;
use crate::said::Failing;

/// How old what is collected may be. Lookups and ledgers are large, and whoever collects metrics must not wait for them.
const AGE: Duration = Duration::from_secs(10);
/// With a million tenants it takes a second: no more than a twentieth of one core is for this.
const PAUSE: u32 = 20;
/// The most tiers, tenants and actions with metrics: those with the least margin.
const MOST: usize = 100;

/// A point of both gauges.
#[derive(Debug)]
struct Point {
    attributes: Vec<KeyValue>,
    revenue: f64,
    margin: Option<f64>,
}

/// Registers `pricetag.revenue` and `pricetag.margin`, and keeps them up to date as long as it is polled.
pub fn keep(meters: &[Meter], margins: Arc<Margins>) -> impl Future<Output = ()> + use<> {
    let points: Arc<Mutex<Vec<Point>>> = Arc::default();
    for meter in meters {
        register(meter, &points);
    }
    async move {
        let mut failing = Failing::default();
        loop {
            let start = Instant::now();
            let margins = Arc::clone(&margins);
            let outcome = spawn_blocking(move || all(&margins)).await.map_err(|fault| fault.to_string());
            let outcome = outcome.and_then(|points| points.map_err(|fault| fault.to_string()));
            let is_news = failing.is_news(&outcome);
            match outcome {
                Ok(new) => {
                    *points.lock().unwrap_or_else(PoisonError::into_inner) = new;
                    if is_news {
                        info!("margins are told again");
                    }
                }
                Err(fault) if is_news => error!("margins can not be told: {fault}; the last ones stay"),
                Err(_) => {}
            }
            sleep(AGE.max(start.elapsed() * PAUSE)).await;
        }
    }
}

fn register(meter: &Meter, points: &Arc<Mutex<Vec<Point>>>) {
    let gauge = |name: &'static str, about: &'static str, value: fn(&Point) -> Option<f64>| {
        let points = Arc::clone(points);
        meter
            .f64_observable_gauge(name)
            .with_unit("USD")
            .with_description(about)
            .with_callback(move |observer| {
                for point in points.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                    if let Some(value) = value(point) {
                        observer.observe(value, &point.attributes);
                    }
                }
            })
            .build();
    };
    gauge("pricetag.revenue", "What customers pay, by time and by use, for the month to date.", |point| {
        Some(point.revenue)
    });
    gauge(
        "pricetag.margin",
        "What is left of the revenue of the month to date after what calls and all else cost.",
        |point| point.margin,
    );
}

fn all(margins: &Margins) -> Result<Vec<Point>, QueryError> {
    let month = margins.month_to(Timestamp::now());
    let mut points = Vec::new();
    for by in &margins.rules().metrics {
        let key = match by {
            By::Tier => "pricetag.tier",
            By::Tenant => "pricetag.tenant",
            By::Action => "pricetag.action.name",
        };
        let (_, statement) = margins.statement(*by, month, MOST)?;
        points.extend(statement.lines.into_iter().map(|line| {
            // Which view it is, for what is not known is a point of each.
            let mut attributes = vec![KeyValue::new("pricetag.margin.by", by.as_str())];
            let (revenue, margin) = (line.revenue().to_usd_f64(), line.margin());
            if !line.value.is_empty() {
                attributes.push(KeyValue::new(key, line.value));
            }
            Point { attributes, revenue, margin: margin.map(|margin| margin.to_usd_f64()) }
        }));
    }
    Ok(points)
}
