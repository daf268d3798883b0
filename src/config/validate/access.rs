//! Certificates of listeners, and who may come in.

use std::path::PathBuf;
use std::time::Duration;

use crate::access::htpasswd;
use crate::access::login::{TOKEN_REMEDY, named_token};
use crate::config::access::{Authenticator, Credentials, ServerTls};
use crate::config::defaults;
use crate::config::error::{Report, did_you_mean};
use crate::config::model::Config;
use crate::config::path::Path;
use crate::config::raw::{self, BasicAuth, BearerTokenAuth, Extension, Processor, Root};
use crate::config::values::{GoDuration, Secret};

/// The certificate of a listener. That its files can be read is looked at here; what stands in them, when they are.
pub(super) fn tls(said: &raw::ServerTls, path: &Path, report: &mut Report) -> Option<ServerTls> {
    let cert_file = needed(&said.cert_file, "cert_file", path, report);
    let key_file = needed(&said.key_file, "key_file", path, report);
    if let Some(file) = &said.client_ca_file {
        readable(file, "client_ca_file", path, A_PEM_FILE, report);
    }
    let reload_interval = reload_interval(said.reload_interval, path, report);
    Some(ServerTls {
        cert_file: cert_file?,
        key_file: key_file?,
        client_ca_file: said.client_ca_file.clone(),
        min_version: said.min_version.unwrap_or_default(),
        reload_interval,
        key: path.to_string(),
    })
}

/// How often certificates are read again.
pub(super) fn reload_interval(said: Option<GoDuration>, path: &Path, report: &mut Report) -> Duration {
    let interval = said.map_or(defaults::TLS_RELOAD_INTERVAL, |interval| interval.0);
    if interval < defaults::LEAST_RELOAD_INTERVAL {
        let remedy = "write 1s or longer, or remove the key: changes are seen without it";
        report.wrong(&path.key("reload_interval"), "files would be read all the time", remedy);
    }
    interval
}

fn needed(said: &Option<PathBuf>, key: &str, path: &Path, report: &mut Report) -> Option<PathBuf> {
    let Some(file) = said.as_ref().filter(|file| !file.as_os_str().is_empty()) else {
        let message = "a listener with TLS needs a certificate and its key";
        report.missing(path, key, message, format!("add `{key}` with a PEM file, or remove `tls`"));
        return None;
    };
    readable(file, key, path, A_PEM_FILE, report);
    Some(file.clone())
}

/// What to do where a PEM file can not be read.
pub(super) const A_PEM_FILE: &str = "name a PEM file that pricetag may read";

/// Reports a file that can not be read.
pub(super) fn readable(file: &std::path::Path, key: &str, path: &Path, remedy: &str, report: &mut Report) {
    if let Err(error) = std::fs::File::open(file) {
        let message = format!("{} cannot be read: {error}", file.display());
        report.wrong(&path.key(key), message, remedy);
    }
}

/// Whom a listener lets in, of `known`, what the config has.
pub(super) fn auth(
    said: Option<&raw::Auth>,
    path: &Path,
    raw: &Root,
    known: &[Authenticator],
    report: &mut Report,
) -> Option<Authenticator> {
    let said = said?;
    let Some(id) = &said.authenticator else {
        let remedy = "name an extension that knows who may come in, as in `authenticator: bearertokenauth`";
        report.missing(path, "authenticator", "nobody says who may come in", remedy);
        return None;
    };
    let path = path.key("authenticator");
    let started = raw.service.as_ref().is_some_and(|service| service.extensions.contains(id));
    match (known.iter().find(|authenticator| authenticator.id == *id), raw.extensions.get(id)) {
        (Some(authenticator), _) if started => return Some(authenticator.clone()),
        (Some(_), _) => {
            let message =
                format!("{:?} is not in `service.extensions`, so it is not started", id.to_string());
            report.wrong(&path, message, format!("add it: `service: {{extensions: [{id}]}}`"));
        }
        (None, Some(Extension::BearerTokenAuth(_) | Extension::BasicAuth(_))) => {}
        (None, Some(_)) => {
            let message = format!("{:?} lets nobody in", id.to_string());
            report.wrong(&path, message, "name a `bearertokenauth` or a `basicauth`");
        }
        // What was said and is wrong has its error there.
        (None, None) if report.was_said(&Path::of("extensions").key(id)) => {}
        (None, None) => {
            let names: Vec<String> = known.iter().map(|authenticator| authenticator.id.to_string()).collect();
            let remedy = did_you_mean(&id.to_string(), names.iter().map(String::as_str));
            report.wrong(&path, format!("{:?} is not defined under `extensions`", id.to_string()), remedy);
        }
    }
    None
}

/// The extensions that know who may come in, whether they are started or not. What is wrong with one is reported, and it is left out.
pub(super) fn authenticators(raw: &Root, report: &mut Report) -> Vec<Authenticator> {
    let mut known = Vec::new();
    let asks_who = |processor: &Processor| matches!(processor, Processor::Pricetag(said) if said.dimensions.iter().any(|(_, it)| it.0.auth == Some(true)));
    let named = raw.processors.0.iter().any(|(_, processor)| asks_who(processor));
    for (id, extension) in &raw.extensions.0 {
        let path = Path::of("extensions").key(id);
        let credentials = match extension {
            Extension::BearerTokenAuth(said) => tokens(said, named, &path, report),
            Extension::BasicAuth(said) => users(said, &path, report),
            Extension::HealthCheck(_) | Extension::FileStorage(_) => continue,
        };
        known.extend(credentials.map(|credentials| Authenticator { id: id.clone(), credentials }));
    }
    known
}

fn tokens(said: &BearerTokenAuth, named: bool, path: &Path, report: &mut Report) -> Option<Credentials> {
    let ways = [said.token.is_some(), said.tokens.is_some(), said.filename.is_some()];
    match ways.iter().filter(|way| **way).count() {
        0 => {
            report.missing(
                path,
                "token",
                "no token",
                "add `token: ${env:TOKEN}`, or name a file of tokens in `filename`",
            );
            return None;
        }
        1 => {}
        _ => {
            report.wrong(path, "`token`, `tokens` and `filename` say the same", "keep one of them");
            return None;
        }
    }
    let mut right = true;
    let mut check = |token: &Secret, path: &Path| {
        match named_token(token.expose(), named) {
            Ok(("", _)) => report.wrong(path, "an empty token", "is the variable that it comes from set?"),
            Err(message) => report.wrong(path, message, TOKEN_REMEDY),
            Ok(_) => return,
        }
        right = false;
    };
    said.token.iter().for_each(|token| check(token, &path.key("token")));
    for (at, token) in said.tokens.iter().flatten().enumerate() {
        check(token, &path.key("tokens").index(at));
    }
    if said.tokens.as_ref().is_some_and(Vec::is_empty) {
        report.wrong(&path.key("tokens"), "no token", "write at least one");
        right = false;
    }
    if let Some(file) = &said.filename {
        readable(file, "filename", path, "name a file of tokens that pricetag may read", report);
    }
    let tokens = said.token.iter().chain(said.tokens.iter().flatten()).cloned().collect();
    right.then(|| Credentials::Tokens { tokens, file: said.filename.clone(), named })
}

fn users(said: &BasicAuth, path: &Path, report: &mut Report) -> Option<Credentials> {
    let said = &said.htpasswd;
    let path = path.key("htpasswd");
    if said.file.is_none() && said.inline.is_none() {
        let remedy = "add `htpasswd: {file: FILE}`, made by `htpasswd -cB FILE ann`";
        report.missing(&path, "", "no users", remedy);
        return None;
    }
    if let Some(file) = &said.file {
        readable(file, "file", &path, "name a file of htpasswd that pricetag may read", report);
    }
    if let Some(Err(wrong)) = said.inline.as_ref().map(|inline| htpasswd::users(inline.expose())) {
        let line = if wrong.line > 0 { format!("line {} of it: ", wrong.line) } else { String::new() };
        report.wrong(&path.key("inline"), format!("{line}{}", wrong.message), wrong.remedy);
        return None;
    }
    Some(Credentials::Users { inline: said.inline.clone(), file: said.file.clone() })
}

/// Says of extensions that know who may come in whether no listener asks them.
pub(super) fn unused(raw: &Root, config: &Config, report: &mut Report) {
    let Some(service) = &raw.service else { return };
    let asked = [
        config.receivers.grpc.as_ref().and_then(|grpc| grpc.auth.as_ref()),
        config.receivers.http.as_ref().and_then(|http| http.auth.as_ref()),
        config.telemetry.auth.as_ref(),
    ];
    for (id, extension) in &raw.extensions.0 {
        let is_asked = asked.iter().flatten().any(|authenticator| authenticator.id == *id);
        if matches!(extension, Extension::BearerTokenAuth(_) | Extension::BasicAuth(_))
            && service.extensions.contains(id)
            && !is_asked
        {
            let message =
                format!("no listener asks it who may come in; add `auth: {{authenticator: {id}}}` to one");
            report.notice(&Path::of("extensions").key(id), message);
        }
    }
}

/// Says of dimensions that who has logged in tells at which receivers nobody has to.
pub(super) fn nameless(raw: &Root, config: &Config, report: &mut Report) {
    let Some(processor) = &config.processor else { return };
    let Some(dimension) = processor.dimensions.iter().find(|dimension| dimension.is_of_login()) else {
        return;
    };
    let Some((id, _)) = raw.processors.0.iter().find(|(_, it)| matches!(it, Processor::Pricetag(_))) else {
        return;
    };
    let path = Path::of("processors").key(id).key("dimensions").key(&dimension.name).key("auth");
    let (grpc, http) = (config.receivers.grpc.as_ref(), config.receivers.http.as_ref());
    let asks = [grpc.map(|grpc| grpc.auth.is_some()), http.map(|http| http.auth.is_some())];
    let remedy = "add `auth: {authenticator: ...}` to the receivers";
    if !asks.contains(&Some(true)) {
        report.wrong(&path, "nobody logs in at a receiver, so it would always be empty", remedy);
    } else if asks.contains(&Some(false)) {
        let message = format!(
            "nobody has to log in at the receiver of gRPC, or of HTTP: what comes there has no {}; {remedy}",
            dimension.name
        );
        report.notice(&path, message);
    }
}
