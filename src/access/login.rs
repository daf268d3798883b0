//! Who is let in: tokens, or users with their passwords. Nothing here keeps a token as it is, or compares one byte by byte.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{HMAC_SHA256, Key, Tag, sign};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::htpasswd::{self, Stored};
use crate::attribution::MAX_VALUE;
use crate::config::{Authenticator, Credentials, Secret};
use crate::yaml::{Mistake, Mistakes};

/// How long somebody waits for his password to be looked at, while others' are.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why somebody is not let in. The words are for him, so they say nothing of who is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// He says nothing of himself, or in another way.
    #[error("{}", .0.missing())]
    Missing(Scheme),
    /// Nobody knows what he says.
    #[error("{}", .0.wrong())]
    Wrong(Scheme),
    /// Too many passwords are being looked at.
    #[error("too many logins at once; try again later")]
    Busy,
}

impl Denied {
    /// What to ask for, for the header WWW-Authenticate; nothing where it is enough to come again.
    pub fn challenge(self) -> Option<HeaderValue> {
        match self {
            Denied::Missing(scheme) | Denied::Wrong(scheme) => Some(scheme.challenge()),
            Denied::Busy => None,
        }
    }
}

/// How somebody says who he is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// By a token.
    Bearer,
    /// By user and password.
    Basic,
}

impl Scheme {
    const fn word(self) -> &'static str {
        match self {
            Scheme::Bearer => "Bearer",
            Scheme::Basic => "Basic",
        }
    }

    const fn challenge(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Scheme::Bearer => "Bearer realm=\"pricetag\"",
            Scheme::Basic => "Basic realm=\"pricetag\", charset=\"UTF-8\"",
        })
    }

    const fn missing(self) -> &'static str {
        match self {
            Scheme::Bearer => "a token is asked for here; send the header `authorization: Bearer TOKEN`",
            Scheme::Basic => "user and password are asked for here; send them by HTTP's basic authentication",
        }
    }

    const fn wrong(self) -> &'static str {
        match self {
            Scheme::Bearer => "this token is not known here",
            Scheme::Basic => "this user is not known here, or has another password",
        }
    }
}

/// Who has logged in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// What he is called: a user's name, or what stands behind a token; `None`: nobody says.
    pub name: Option<HeaderValue>,
}

/// Everybody who is known.
enum Known {
    /// And what they are called.
    Tokens(Vec<(Tag, Login)>),
    Users(HashMap<String, Password>),
}

enum Password {
    Plain(Tag),
    Bcrypt {
        hash: Secret,
        /// What was found to be right, for hashing takes long by design.
        right: Mutex<Option<Tag>>,
    },
}

/// Lets in who is known.
pub struct Auth {
    scheme: Scheme,
    /// Of this process alone. What is compared are codes by this key, whose likeness to each other tells nothing.
    key: Key,
    known: ArcSwap<Known>,
    /// One password at a time: strangers who guess must not take more than that of the machine.
    hashing: Arc<Semaphore>,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

impl Auth {
    /// Lets in whom the config and the content of its file name.
    ///
    /// # Errors
    /// The file is wrong.
    pub fn new(authenticator: &Authenticator, file: Option<&[u8]>) -> Result<Self, Mistakes> {
        let key = Key::new(HMAC_SHA256, &rand::random::<[u8; 32]>());
        let known = known(&key, authenticator, file)?;
        let scheme = match &authenticator.credentials {
            Credentials::Tokens { .. } => Scheme::Bearer,
            Credentials::Users { .. } => Scheme::Basic,
        };
        Ok(Auth { scheme, known: ArcSwap::from_pointee(known), key, hashing: Arc::new(Semaphore::new(1)) })
    }

    /// Lets in whom a new content of the file names, and says who that is in few words.
    ///
    /// # Errors
    /// The file is wrong; who was let in before still is.
    pub fn replace(&self, authenticator: &Authenticator, file: Option<&[u8]>) -> Result<String, Mistakes> {
        self.known.store(known(&self.key, authenticator, file)?.into());
        Ok(self.words())
    }

    /// Who is let in, in few words.
    pub fn words(&self) -> String {
        match &**self.known.load() {
            Known::Tokens(tokens) => crate::text::counted(tokens.len() as u64, "token"),
            Known::Users(users) => crate::text::counted(users.len() as u64, "user"),
        }
    }

    /// Who it is that sends these headers, if he is let in; nobody by name where nobody is asked.
    ///
    /// # Errors
    /// Why he is not.
    pub async fn ask(auth: Option<&Auth>, headers: &HeaderMap) -> Result<Login, Denied> {
        match auth {
            Some(auth) => auth.check(headers).await,
            None => Ok(Login::default()),
        }
    }

    /// Who it is that sends these headers, if he is let in.
    ///
    /// # Errors
    /// Why he is not.
    pub async fn check(&self, headers: &HeaderMap) -> Result<Login, Denied> {
        let missing = Denied::Missing(self.scheme);
        let said = headers.get(AUTHORIZATION).ok_or(missing)?.as_bytes();
        let space = said.iter().position(|byte| *byte == b' ').ok_or(missing)?;
        let (scheme, said) = (&said[..space], said[space..].trim_ascii());
        if !scheme.eq_ignore_ascii_case(self.scheme.word().as_bytes()) {
            return Err(missing);
        }
        let known = self.known.load_full();
        match &*known {
            Known::Tokens(tokens) => {
                let said = sign(&self.key, said);
                // All of them, whichever it is.
                let found = tokens.iter().filter(|(token, _)| same(token, &said)).last();
                found.map(|(_, login)| login.clone()).ok_or(Denied::Wrong(self.scheme))
            }
            Known::Users(users) => {
                let decoded = STANDARD.decode(said).ok();
                let said = decoded.as_deref().and_then(|said| std::str::from_utf8(said).ok());
                let Some((name, password)) = said.and_then(|said| said.split_once(':')) else {
                    return Err(Denied::Wrong(self.scheme));
                };
                if !self.is_of(users, name, password).await? {
                    return Err(Denied::Wrong(self.scheme));
                }
                Ok(Login { name: HeaderValue::from_bytes(name.as_bytes()).ok() })
            }
        }
    }

    async fn is_of(
        &self,
        users: &HashMap<String, Password>,
        name: &str,
        password: &str,
    ) -> Result<bool, Denied> {
        let said = sign(&self.key, password.as_bytes());
        let found = users.get(name);
        // A name that is not known takes as long as one that is.
        let looked_at = found.or_else(|| users.values().find(|user| matches!(user, Password::Bcrypt { .. })));
        let is_right = match looked_at {
            None => false,
            Some(Password::Plain(right)) => same(right, &said),
            Some(Password::Bcrypt { hash, right }) => {
                let seen = *right.lock().unwrap_or_else(PoisonError::into_inner);
                if found.is_some() && seen.is_some_and(|seen| same(&seen, &said)) {
                    return Ok(true);
                }
                let permit = timeout(PATIENCE, Arc::clone(&self.hashing).acquire_owned()).await;
                let Ok(Ok(permit)) = permit else { return Err(Denied::Busy) };
                let (hash, password) = (hash.clone(), Secret::new(password));
                let hashed = move || {
                    let is_right = bcrypt::verify(password.expose(), hash.expose()).unwrap_or(false);
                    // Not before, though whoever asked has gone away: else he could have many hashed at once.
                    drop(permit);
                    is_right
                };
                let is_right = tokio::task::spawn_blocking(hashed).await.unwrap_or(false);
                if is_right && found.is_some() {
                    *right.lock().unwrap_or_else(PoisonError::into_inner) = Some(said);
                }
                is_right
            }
        };
        Ok(is_right && found.is_some())
    }
}

fn same(one: &Tag, other: &Tag) -> bool {
    verify_slices_are_equal(one.as_ref(), other.as_ref()).is_ok()
}

/// What to do about a token that can not be used.
pub const TOKEN_REMEDY: &str =
    "write the token alone, or, where a dimension has `auth: true`, behind a space who it is of";

/// A token, and who it is of, if that stands behind it and may; else nothing. The words about a mistake tell nothing of the token.
///
/// # Errors
/// What is wrong with it.
pub fn named_token(text: &str, may_be_named: bool) -> Result<(&str, &str), &'static str> {
    let text = text.trim();
    let (token, name) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let name = name.trim();
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        Err("a token with characters that no header can carry")
    } else if ["bearer", "basic"].iter().any(|scheme| token.eq_ignore_ascii_case(scheme)) {
        Err("a scheme stands before the token")
    } else if !name.is_empty() && !may_be_named {
        Err("a token with a space in it")
    } else if HeaderValue::from_bytes(name.as_bytes()).is_err() || name.len() > MAX_VALUE {
        Err("a name behind a token that is too long, or has control characters")
    } else {
        Ok((token, name))
    }
}

fn known(key: &Key, authenticator: &Authenticator, file: Option<&[u8]>) -> Result<Known, Mistakes> {
    let wrong = |line: usize, message: &str, remedy: &str| {
        let place = (line > 0).then_some(line);
        let source =
            authenticator.credentials.file().map(|file| file.display().to_string()).unwrap_or_default();
        Mistakes(vec![Mistake {
            source,
            line: place,
            column: place.map(|_| 1),
            key: authenticator.file_key(),
            message: message.to_owned(),
            remedy: Some(remedy.to_owned()),
        }])
    };
    let text = match file.map(std::str::from_utf8) {
        None => None,
        Some(Ok(text)) => Some(text.trim_start_matches('\u{feff}')),
        Some(Err(_)) => return Err(wrong(0, "not UTF-8", "write it as plain text")),
    };
    match &authenticator.credentials {
        Credentials::Tokens { tokens, named, .. } => {
            let mut known = HashMap::new();
            let in_config = tokens.iter().map(|token| (0, token.expose()));
            let in_file = text.unwrap_or_default().lines().enumerate().map(|(at, line)| (at + 1, line));
            for (at, said) in in_config.chain(in_file.filter(|(_, line)| !line.trim().is_empty())) {
                let (token, name) =
                    named_token(said, *named).map_err(|message| wrong(at, message, TOKEN_REMEDY))?;
                if known.insert(token, name).is_some_and(|other| other != name) {
                    let message = "this token stands here twice, and is not of the same";
                    return Err(wrong(at, message, "keep one of the two"));
                }
            }
            if known.is_empty() {
                return Err(wrong(0, "no token", "write one a line"));
            }
            let sign = |(token, name): (&str, &str)| {
                (
                    sign(key, token.as_bytes()),
                    Login {
                        name: HeaderValue::from_bytes(name.as_bytes()).ok().filter(|_| !name.is_empty()),
                    },
                )
            };
            Ok(Known::Tokens(known.into_iter().map(sign).collect()))
        }
        Credentials::Users { inline, .. } => {
            let mut users = HashMap::new();
            for text in [text, inline.as_ref().map(Secret::expose)].into_iter().flatten() {
                // Of the config after that of the file, so that it holds, as in the Collector.
                let read = htpasswd::users(text).map_err(|it| wrong(it.line, it.message, it.remedy))?;
                users.extend(read.into_iter().map(|(name, stored)| (name, password(key, stored))));
            }
            Ok(Known::Users(users))
        }
    }
}

fn password(key: &Key, stored: Stored) -> Password {
    match stored {
        Stored::Plain(password) => Password::Plain(sign(key, password.expose().as_bytes())),
        Stored::Bcrypt(hash) => Password::Bcrypt { hash, right: Mutex::default() },
    }
}
