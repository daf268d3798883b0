//! Certificates of listeners.

use std::path::PathBuf;

use crate::config::access::ServerTls;
use crate::config::defaults;
use crate::config::error::Report;
use crate::config::path::Path;
use crate::config::raw;

/// The certificate of a listener. That its files can be read is looked at here; what stands in them, when they are.
pub(super) fn tls(said: &raw::ServerTls, path: &Path, report: &mut Report) -> Option<ServerTls> {
    let cert_file = needed(&said.cert_file, "cert_file", path, report);
    let key_file = needed(&said.key_file, "key_file", path, report);
    if let Some(file) = &said.client_ca_file {
        readable(file, "client_ca_file", path, report);
    }
    let reload_interval = said.reload_interval.map_or(defaults::TLS_RELOAD_INTERVAL, |interval| interval.0);
    if reload_interval < defaults::LEAST_RELOAD_INTERVAL {
        let remedy = "write 1s or longer, or remove the key: changes are seen without it";
        report.wrong(&path.key("reload_interval"), "files would be read all the time", remedy);
    }
    Some(ServerTls {
        cert_file: cert_file?,
        key_file: key_file?,
        client_ca_file: said.client_ca_file.clone(),
        min_version: said.min_version.unwrap_or_default(),
        reload_interval,
        key: path.to_string(),
    })
}

fn needed(said: &Option<PathBuf>, key: &str, path: &Path, report: &mut Report) -> Option<PathBuf> {
    let Some(file) = said.as_ref().filter(|file| !file.as_os_str().is_empty()) else {
        let message = "a listener with TLS needs a certificate and its key";
        report.missing(path, key, message, format!("add `{key}` with a PEM file, or remove `tls`"));
        return None;
    };
    readable(file, key, path, report);
    Some(file.clone())
}

fn readable(file: &std::path::Path, key: &str, path: &Path, report: &mut Report) {
    if let Err(error) = std::fs::File::open(file) {
        let message = format!("{} cannot be read: {error}", file.display());
        report.wrong(&path.key(key), message, "name a PEM file that pricetag may read");
    }
}
