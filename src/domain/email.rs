//! Addresses for mail.
//!
//! They are only kept and shown: nothing is ever sent to one, so whether somebody reads there is not known. The rules are those
//! of RFC 5321 and 5322 that matter for an address that a person types, and of RFC 6531 and 5891 for other scripts than Latin.
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest part before the `@`, in bytes (RFC 5321, 4.5.3.1.1).
const LOCAL: usize = 64;
/// The longest address, in bytes: a path has 256, two of them for its brackets (RFC 5321, 4.5.3.1.3).
const WHOLE: usize = 254;

/// An address: what stands before the `@` as it was typed, the domain in small letters.
///
/// `Debug` hides it, because addresses are never logged.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// Why a text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// It has no `@`, or nothing before or after it.
    #[error("an address has something before and after its @")]
    Form,
    /// A space or a control character.
    #[error("an address has no spaces")]
    Space,
    /// What stands before the `@` has a character that is not allowed there, or a dot where none may be.
    #[error("what stands before the @ is not allowed there")]
    Local,
    /// What stands after the `@` is no domain.
    #[error("what stands after the @ is no domain")]
    Domain,
    /// Longer than any address.
    #[error("it is longer than any address")]
    Length,
}

impl Email {
    /// Reads what a person typed.
    ///
    /// # Errors
    /// [`EmailError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        if text.len() > 4 * WHOLE {
            return Err(EmailError::Length);
        }
        if text.contains(is_hidden) {
            return Err(EmailError::Space);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(EmailError::Form)?;
        if local.is_empty() || domain.is_empty() {
            return Err(EmailError::Form);
        }
        check_local(local)?;
        if domain.contains(char::is_whitespace) {
            return Err(EmailError::Space);
        }
        let (ascii, shown) = check_domain(domain)?;
        // The limits are about what goes over the wire, where a domain is ASCII.
        if local.len() > LOCAL || local.len() + 1 + ascii.len() > WHOLE {
            return Err(EmailError::Length);
        }
        Ok(Email(format!("{local}@{shown}")))
    }

    /// It, as people write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What must not be in an address anywhere, quoted or not: it would not be seen, or turn what is around it.
fn is_hidden(c: char) -> bool {
    c.is_control() || super::name::is_deceptive(c) || c == '\u{200d}' || c == '\u{200c}'
}

fn check_local(local: &str) -> Result<(), EmailError> {
    if let Some(quoted) = local.strip_prefix('"') {
        return check_quoted(quoted);
    }
    if local.contains(char::is_whitespace) {
        return Err(EmailError::Space);
    }
    let is_atom = |part: &str| !part.is_empty() && part.chars().all(is_atext);
    if local.split('.').all(is_atom) { Ok(()) } else { Err(EmailError::Local) }
}

/// What follows the opening quotation mark: any visible characters and spaces, `"` and `\` behind a `\` only.
fn check_quoted(rest: &str) -> Result<(), EmailError> {
    let inner = rest.strip_suffix('"').ok_or(EmailError::Local)?;
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        let is_good = match c {
            '"' => false,
            '\\' => chars.next().is_some(),
            _ => true,
        };
        if !is_good {
            return Err(EmailError::Local);
        }
    }
    if inner.is_empty() { Err(EmailError::Local) } else { Ok(()) }
}

fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii()
}

/// The domain as it goes over the wire, and as people read it.
fn check_domain(domain: &str) -> Result<(String, String), EmailError> {
    let (rules, names) = (Uts46::new(), AsciiDenyList::STD3);
    let ascii = rules.to_ascii(domain.as_bytes(), names, Hyphens::CheckFirstLast, DnsLength::Verify);
    let ascii = ascii.map_err(|_| EmailError::Domain)?.into_owned();
    // A machine's own name or a number leads nowhere from outside.
    let top = ascii.rsplit_once('.').map(|(_, top)| top).ok_or(EmailError::Domain)?;
    if top.len() < 2 || top.bytes().all(|b| b.is_ascii_digit()) {
        return Err(EmailError::Domain);
    }
    let (shown, done) = rules.to_unicode(ascii.as_bytes(), names, Hyphens::CheckFirstLast);
    done.map_err(|_| EmailError::Domain)?;
    let shown = shown.into_owned();
    Ok((ascii, shown))
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

impl TryFrom<String> for Email {
    type Error = EmailError;
    fn try_from(text: String) -> Result<Self, EmailError> {
        Self::parse(&text)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> String {
        email.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_that_people_have_are_taken() {
        for (text, kept) in [
            ("budi@example.co.id", "budi@example.co.id"),
            ("  Budi.Santoso+toko@Example.COM\n", "Budi.Santoso+toko@example.com"),
            ("a!#$%&'*/=?^_`{|}~-@b-c.org", "a!#$%&'*/=?^_`{|}~-@b-c.org"),
            ("\"siti aminah\"@example.org", "\"siti aminah\"@example.org"),
            ("\"a@b\\\"c\"@example.org", "\"a@b\\\"c\"@example.org"),
            ("jürgen@bücher.example", "jürgen@bücher.example"),
            ("x@xn--bcher-kva.example", "x@bücher.example"),
            ("用户@例子.广告", "用户@例子.广告"),
            ("a@1.example", "a@1.example"),
        ] {
            assert_eq!(Email::parse(text).map(|email| email.to_string()), Ok(kept.to_owned()), "{text}");
        }
    }

    #[test]
    fn each_mistake_is_told_apart() {
        let long = |n: usize, m: usize| format!("{}@{}.example", "x".repeat(n), vec!["y".repeat(m); 3].join("."));
        for (text, why) in [
            ("", EmailError::Form),
            ("budi", EmailError::Form),
            ("@example.org", EmailError::Form),
            ("budi@", EmailError::Form),
            ("budi santoso@example.org", EmailError::Space),
            ("budi@exam ple.org", EmailError::Space),
            ("budi\u{0}@example.org", EmailError::Space),
            ("budi\u{202e}@example.org", EmailError::Space),
            ("\"a\tb\"@example.org", EmailError::Space),
            ("budi@san@example.org", EmailError::Local),
            (".budi@example.org", EmailError::Local),
            ("budi.@example.org", EmailError::Local),
            ("bu..di@example.org", EmailError::Local),
            ("budi<x>@example.org", EmailError::Local),
            ("\"budi@example.org", EmailError::Local),
            ("\"\"@example.org", EmailError::Local),
            ("\"a\"b\"@example.org", EmailError::Local),
            ("\"a\\\"@example.org", EmailError::Local),
            ("budi@localhost", EmailError::Domain),
            ("budi@example..org", EmailError::Domain),
            ("budi@example.org.", EmailError::Domain),
            ("budi@-example.org", EmailError::Domain),
            ("budi@exa_mple.org", EmailError::Domain),
            ("budi@[127.0.0.1]", EmailError::Domain),
            ("budi@127.0.0.1", EmailError::Domain),
            ("budi@example.o", EmailError::Domain),
            (&long(65, 10), EmailError::Length),
            (&long(1, 64), EmailError::Domain),
            (&long(64, 62), EmailError::Length),
            (&"x".repeat(5_000), EmailError::Length),
        ] {
            assert_eq!(Email::parse(text), Err(why), "{text}");
        }
        assert!(Email::parse(&long(64, 10)).is_ok());
        assert_eq!(format!("{:?}", Email::parse("a@example.org").unwrap()), "Email(…)");
    }

    proptest! {
        #[test]
        fn what_was_taken_is_taken_again_as_it_is(text in "\\PC{0,20}@\\PC{0,20}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert!(email.as_str().len() <= 4 * WHOLE && !email.as_str().contains(char::is_control));
                prop_assert_eq!(Email::parse(email.as_str()), Ok(email));
            }
        }

        #[test]
        fn ordinary_addresses_are_taken(local in "[a-z0-9]{1,20}([._+-][a-z0-9]{1,10}){0,3}",
                                        domain in "([a-z]([a-z0-9]{0,10}[a-z0-9])?\\.){1,3}[a-z]{2,6}") {
            let text = format!("{local}@{domain}");
            prop_assert_eq!(Email::parse(&text).map(String::from), Ok(text));
        }
    }
}
