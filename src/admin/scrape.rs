//! `/metrics`: everything that the registries gather, in Prometheus' text format.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use prometheus::{Encoder as _, Registry, TextEncoder};

use super::blocking::{Blocking, Undone};

/// Answers scrapes, one at a time: gathering takes locks of the SDK's and of the tables', and everybody may ask. So many scrapers as there
/// are threads would hold up the receivers.
#[derive(Clone, Debug)]
pub(super) struct Scrapes {
    registries: Vec<Registry>,
    blocking: Blocking,
}

impl Scrapes {
    /// Scrapes of these registries.
    pub(super) fn new(registries: Vec<Registry>) -> Self {
        Scrapes { registries, blocking: Blocking::new(1) }
    }

    /// Answers one.
    pub(super) async fn answer(self) -> Response<String> {
        let Scrapes { registries, blocking } = self;
        match blocking.run(move || text(&registries)).await {
            Ok(Ok(text)) => {
                let mut response = Response::new(text);
                let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                response.headers_mut().insert(CONTENT_TYPE, content_type);
                response
            }
            Ok(Err(error)) | Err(Undone::Broken(error)) => {
                fault(StatusCode::INTERNAL_SERVER_ERROR, format!("the metrics can not be written: {error}\n"))
            }
            Err(Undone::Busy) => {
                let error =
                    "the metrics are being gathered for others, and that takes long: ask again later\n";
                fault(StatusCode::SERVICE_UNAVAILABLE, error.to_owned())
            }
        }
    }
}

fn text(registries: &[Registry]) -> Result<String, String> {
    let mut text = Vec::new();
    let families: Vec<_> = registries.iter().flat_map(Registry::gather).collect();
    TextEncoder::new().encode(&families, &mut text).map_err(|error| error.to_string())?;
    String::from_utf8(text).map_err(|error| error.to_string())
}

fn fault(status: StatusCode, error: String) -> Response<String> {
    let mut response = Response::new(error);
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex, mpsc};
    use std::time::{Duration, Instant};

    use prometheus::core::{Collector, Desc};
    use prometheus::proto::MetricFamily;

    use super::*;

    /// Gathers until it is told to end.
    struct Slow {
        desc: Desc,
        gathering: Arc<AtomicUsize>,
        ends: Mutex<mpsc::Receiver<()>>,
    }

    impl Collector for Slow {
        fn desc(&self) -> Vec<&Desc> {
            vec![&self.desc]
        }
        fn collect(&self) -> Vec<MetricFamily> {
            self.gathering.fetch_add(1, Ordering::SeqCst);
            let _ = self.ends.lock().unwrap().recv_timeout(Duration::from_secs(10));
            vec![]
        }
    }

    /// Scenario: four scrapers of metrics that take long to gather, on a runtime with one thread; one of them goes away.
    /// Guarantees: the thread does other things meanwhile; the metrics are gathered for one at a time; all others get them.
    #[tokio::test]
    async fn scrapes_hold_up_nobody() {
        let (end, ends) = mpsc::channel();
        let (registry, gathering) = (Registry::new(), Arc::new(AtomicUsize::new(0)));
        let desc = Desc::new("slow".to_owned(), "slow".to_owned(), vec![], Default::default()).unwrap();
        let slow = Slow { desc, gathering: Arc::clone(&gathering), ends: Mutex::new(ends) };
        registry.register(Box::new(slow)).unwrap();
        let (scrapes, begun) = (Scrapes::new(vec![registry]), Instant::now());
        let mut scrapers: Vec<_> = (0..4).map(|_| tokio::spawn(scrapes.clone().answer())).collect();
        while gathering.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        scrapers.remove(0).abort();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
        assert_eq!(gathering.load(Ordering::SeqCst), 1);
        drop(end);
        for scraper in scrapers {
            assert_eq!(scraper.await.unwrap().status(), StatusCode::OK);
        }
    }
}
