//! Keeps a pair code on screen, and a bound on how long linking may take.
//!
//! Owns no state. The library gives out one code and tells when it is worth nothing; asking for another is left to its
//! user. A QR picture needs nothing of this: the library rotates it by itself.
use super::events::CodeGone;
use super::shared::Shared;
use crate::domain::{LoginMethod, PhoneNumber, Reason};
use std::sync::Arc;
use std::time::Duration;
use whatsapp_rust::pair_code::{PairCodeOptions, PairError};
use whatsapp_rust::wacore::pair_code::PairCodeUtils;

/// Codes that are asked for while linking once: WhatsApp slows down numbers that ask for many.
const CODES: usize = 3;
/// For a connection to ask on; the library's first retries fall into it.
const SOCKET: Duration = Duration::from_secs(30);
/// For one code: the library's own request gives up after 30 s.
const REQUEST: Duration = Duration::from_secs(40);

/// What became of one code.
enum Code {
    /// It was entered, or linking has ended otherwise.
    Done,
    /// Another may be asked for.
    Gone,
    /// No other will help.
    Refused(Reason),
}

/// Watches over linking until the phone has proven possession.
pub(super) async fn watch(shared: Arc<Shared>, method: LoginMethod, within: Duration) {
    let late = match method {
        LoginMethod::Qr => Reason::QrExpired,
        LoginMethod::Code(_) => Reason::CodeRefused,
    };
    let linking = async {
        match method {
            LoginMethod::Qr => std::future::pending().await,
            LoginMethod::Code(phone) => keep_code(&shared, &phone).await,
        }
    };
    let refused = match tokio::time::timeout(within, linking).await {
        Ok(refused) => refused,
        Err(_) => Some(late),
    };
    // Has no effect once the phone has proven possession.
    if let Some(reason) = refused {
        shared.apply(|link| link.refuse(reason));
    }
}

/// Asks for a code, and for another when it is worth nothing any more.
async fn keep_code(shared: &Shared, phone: &PhoneNumber) -> Option<Reason> {
    for _ in 0..CODES {
        match one_code(shared, phone).await {
            Code::Done => return None,
            Code::Refused(reason) => return Some(reason),
            Code::Gone => {}
        }
    }
    Some(Reason::CodeRefused)
}

async fn one_code(shared: &Shared, phone: &PhoneNumber) -> Code {
    let Some(client) = shared.client() else { return Code::Done };
    if client.wait_for_socket(SOCKET).await.is_err() {
        return Code::Refused(Reason::NetworkAway);
    }
    if shared.is_linked() {
        return Code::Done;
    }
    shared.code.forget();
    let options = PairCodeOptions { phone_number: phone.digits().to_owned(), ..PairCodeOptions::default() };
    match tokio::time::timeout(REQUEST, client.pair_with_code(options)).await {
        Ok(Ok(code)) => drop(code),
        Ok(Err(error)) if is_transport(&error) => return Code::Gone,
        Ok(Err(_)) | Err(_) => return Code::Refused(Reason::CodeRefused),
    }
    // The library has told the code as an event. It does not tell when nobody types it.
    match tokio::time::timeout(PairCodeUtils::code_validity(), shared.code.next()).await {
        _ if shared.is_linked() => Code::Done,
        Ok(CodeGone::AskAgain) => Code::Gone,
        Ok(CodeGone::Refused) | Err(_) => Code::Refused(Reason::CodeRefused),
    }
}

/// Whether the request failed for want of a connection, and not because anybody refused it.
fn is_transport(error: &PairError) -> bool {
    matches!(error, PairError::RequestFailed(_)) && error.rejection().is_none()
}
