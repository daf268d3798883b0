//! Users and their passwords, as Apache's `htpasswd` writes them: `name:password`, one a line.

use std::str::FromStr as _;

use bcrypt::HashParts;

use crate::config::Secret;

/// A higher cost than this takes more than some seconds a login, and the one after it waits.
const MAX_COST: u32 = 14;

/// A password as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// As it is.
    Plain(Secret),
    /// Its bcrypt hash.
    Bcrypt(Secret),
}

/// What is wrong with a line. It does not repeat the line, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The line, from 1; 0 for the whole text.
    pub line: usize,
    /// What is wrong.
    pub message: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

/// The users of a text, at least one.
///
/// # Errors
/// The first line that is wrong.
pub fn users(text: &str) -> Result<Vec<(String, Stored)>, Wrong> {
    let mut users: Vec<(String, Stored)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line_number = at + 1;
        let wrong = |message, remedy| Wrong { line: line_number, message, remedy };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((name, password)) = line.split_once(':').filter(|(name, _)| !name.is_empty()) else {
            return Err(wrong(
                "no `user:password`",
                "write a user, a colon and the password or its bcrypt hash",
            ));
        };
        if password.is_empty() {
            return Err(wrong("a user without a password", "is the variable that it comes from set?"));
        }
        if users.iter().any(|(other, _)| other == name) {
            return Err(wrong("this user stands here twice", "keep one of the two"));
        }
        users.push((name.to_owned(), stored(password).map_err(|(message, remedy)| wrong(message, remedy))?));
    }
    if users.is_empty() {
        return Err(Wrong {
            line: 0,
            message: "no user",
            remedy: "add a line, as `htpasswd -nB ann` prints it",
        });
    }
    Ok(users)
}

fn stored(password: &str) -> Result<Stored, (&'static str, &'static str)> {
    if ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| password.starts_with(prefix)) {
        return match HashParts::from_str(password) {
            Ok(parts) if parts.get_cost() > MAX_COST => Err((
                "a bcrypt hash whose cost is above 14: each login would take seconds",
                "make it anew with a cost of 10, as in `htpasswd -nB -C 10 ann`",
            )),
            Ok(_) => Ok(Stored::Bcrypt(Secret::new(password))),
            Err(_) => Err((
                "a broken bcrypt hash",
                "make the line anew with `htpasswd -nB ann`; in a config each `$` is `$$`",
            )),
        };
    }
    if password.starts_with('$') || password.starts_with('{') {
        let message =
            "a kind of hash that is not supported: bcrypt is, and passwords as they are that begin otherwise";
        return Err((message, "make the line anew with `htpasswd -nB ann`"));
    }
    Ok(Stored::Plain(Secret::new(password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2y$05$ZKtuoNJXo8KpxPMBtd8YFO9EH5l2Wjk3xLYr2nBpYmmUHUS5SjZhO";

    #[test]
    fn users_are_read_as_htpasswd_writes_them() {
        let text = format!("# people\n\nann:{HASH}\r\n  ben:a:b c \n");
        let expected = [
            ("ann".to_owned(), Stored::Bcrypt(Secret::new(HASH))),
            ("ben".to_owned(), Stored::Plain(Secret::new("a:b c"))),
        ];
        assert_eq!(users(&text).unwrap(), expected);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_without_it() {
        for (text, line, message) in [
            ("", 0, "no user"),
            ("# nobody\n", 0, "no user"),
            ("ann:hunter2\nhunter2", 2, "no `user:password`"),
            (":hunter2", 1, "no `user:password`"),
            ("ann:", 1, "without a password"),
            ("ann:hunter2\nann:hunter3", 2, "twice"),
            ("ann:$apr1$hunter2", 1, "not supported"),
            ("ann:{SHA}hunter2=", 1, "not supported"),
            ("ann:$2y$05$hunter2", 1, "broken"),
            (&format!("ann:{}", HASH.replace("$05$", "$15$")), 1, "above 14"),
        ] {
            let wrong = users(text).unwrap_err();
            assert_eq!(wrong.line, line, "{text}");
            assert!(wrong.message.contains(message), "{text}: {}", wrong.message);
            assert!(!format!("{wrong:?}").contains("hunter"), "{wrong:?}");
        }
    }
}
