//! A linked WhatsApp number and the states it goes through.
use super::{AccountId, Generation, Label, PhoneNumber, Timestamp};
use serde::{Deserialize, Serialize};

/// How a number is linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginMethod {
    /// The phone scans a picture.
    Qr,
    /// The phone's owner types an 8-character code that WhatsApp issues for this number.
    Code(PhoneNumber),
}

/// Where an account stands. The five words that users see, and the two of its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Waits for the phone to scan a QR picture or to type a code.
    QrScanning,
    /// The phone has proven possession; the first login is under way.
    Authenticated,
    /// Online.
    Connected,
    /// Linked, but not online at the moment.
    Disconnected,
    /// Linking failed, or WhatsApp refuses this device until the user acts.
    Failed,
    /// Its device is being removed at WhatsApp and its keys wiped; finished at the next start if interrupted.
    LoggingOut,
    /// Gone: no device, no keys. Kept as a record only.
    Removed,
}

impl AccountState {
    /// Every state.
    pub const ALL: &[AccountState] = &[
        Self::QrScanning,
        Self::Authenticated,
        Self::Connected,
        Self::Disconnected,
        Self::Failed,
        Self::LoggingOut,
        Self::Removed,
    ];

    /// Whether a device of this account exists at WhatsApp, so that it reconnects at start.
    pub fn is_linked(self) -> bool {
        matches!(self, Self::Authenticated | Self::Connected | Self::Disconnected)
    }

    /// Whether a device of it may exist at WhatsApp that can be logged out: also one that waits for its owner.
    pub fn has_device(self) -> bool {
        self.is_linked() || self == Self::Failed
    }

    /// Whether it counts against the user's limit of numbers.
    pub fn counts(self) -> bool {
        self.is_linked() || self == Self::QrScanning
    }

    /// Whether it keeps its owner's world awake: a client runs for it, or something of it is to be finished.
    pub fn needs_care(self) -> bool {
        self.counts() || self == Self::LoggingOut
    }

    /// The stable word for it.
    pub fn code(self) -> &'static str {
        match self {
            Self::QrScanning => "qr_scanning",
            Self::Authenticated => "authenticated",
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::Failed => "failed",
            Self::LoggingOut => "logging_out",
            Self::Removed => "removed",
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)+) => {
        /// Why an account is in its state, or why something about it failed. The code is stable; the words for it live
        /// with the other texts.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Reason { $($(#[$doc])* #[serde(rename = $code)] $name,)+ }
        impl Reason {
            /// Every reason.
            pub const ALL: &[Reason] = &[$(Reason::$name,)+];
            /// The stable code.
            pub fn code(self) -> &'static str { match self { $(Reason::$name => $code,)+ } }
        }
    };
}

reasons! {
    /// The device was removed on the phone, or WhatsApp logged it out (401, 403, 406, `device_removed`).
    LoggedOut = "wa-logged-out",
    /// The same device connected from elsewhere.
    Replaced = "wa-replaced",
    /// A temporary ban (402).
    Banned = "wa-banned",
    /// WhatsApp wants a newer client (405).
    ClientOutdated = "wa-client-outdated",
    /// WhatsApp is unavailable (500, 503).
    Unavailable = "wa-unavailable",
    /// No connection to WhatsApp.
    NetworkAway = "wa-network-away",
    /// Nothing was heard of the phone for so long that WhatsApp will log its linked devices out.
    PhoneOffline = "wa-phone-offline",
    /// More numbers are to be connected than there is room for; this one waits in line.
    NoPlace = "wa-no-place",
    /// The phone asks for a passkey before it links.
    PasskeyRequired = "wa-passkey-required",
    /// All QR pictures went by without a scan.
    QrExpired = "wa-qr-expired",
    /// The phone has scanned, and WhatsApp does not let the device in: it distrusts the number or the phone.
    QrLoop = "wa-qr-loop",
    /// WhatsApp refused the pairing code, or the phone did not enter it in time.
    CodeRefused = "wa-code-refused",
    /// The user stopped the linking.
    Cancelled = "wa-cancelled",
    /// The daemon restarted in the middle of the linking.
    Interrupted = "wa-interrupted",
    /// The number is linked in this daemon already.
    NumberTaken = "wa-number-taken",
    /// Pairing failed for a reason that WhatsApp did not tell.
    PairFailed = "wa-pair-failed",
    /// WhatsApp does not let this number write to new contacts at the moment (463).
    ReachoutLocked = "wa-reachout-locked",
    /// WhatsApp takes nothing more from this number for a moment (429).
    RateLimited = "wa-rate-limited",
    /// WhatsApp refused the message.
    SendRefused = "wa-send-refused",
    /// The message's fate is not known: no answer came in time.
    SendUnknown = "wa-send-unknown",
    /// The number is not online.
    NotConnected = "wa-not-connected",
    /// The recipient is not on WhatsApp.
    NotOnWhatsApp = "wa-no-recipient",
    /// The key store of this number cannot be used.
    StoreBroken = "wa-store-broken",
    /// Something inside failed; the log has it.
    Internal = "internal",
}

/// Who saw to it that a number went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemovedBy {
    /// Its owner, here.
    Owner,
    /// Its phone, or WhatsApp.
    Phone,
    /// The bot, because it could not stay.
    Bot,
}

impl RemovedBy {
    /// Who it was when a number goes for this reason.
    pub fn of(reason: Option<Reason>) -> Self {
        match reason {
            None | Some(Reason::Cancelled) => Self::Owner,
            Some(Reason::LoggedOut) => Self::Phone,
            Some(_) => Self::Bot,
        }
    }

    /// The stable word for it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Phone => "phone",
            Self::Bot => "bot",
        }
    }
}

/// One number of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Unique within the user.
    pub id: AccountId,
    /// Its state.
    pub state: AccountState,
    /// Why, where there is a reason.
    pub reason: Option<Reason>,
    /// The number, once the phone has proven possession.
    pub phone: Option<PhoneNumber>,
    /// How it was or is being linked.
    pub method: LoginMethod,
    /// The last started client.
    pub generation: Generation,
    /// When the record was made.
    pub created_at: Timestamp,
    /// When it was last seen online.
    pub last_connected_at: Option<Timestamp>,
    /// When WhatsApp last answered, or brought something, for it.
    pub last_round_trip_at: Option<Timestamp>,
    /// Unique over all users, for whoever keeps records elsewhere.
    pub uuid: Option<String>,
    /// What its owner calls it.
    pub label: Option<Label>,
    /// Whether a message to a new chat leaves from it.
    pub is_primary: bool,
    /// When it went, and by whom.
    pub removed: Option<(Timestamp, RemovedBy)>,
}

impl Account {
    /// A number that is about to be linked.
    pub fn new(id: AccountId, method: LoginMethod, created_at: Timestamp) -> Self {
        Account {
            id,
            state: AccountState::QrScanning,
            reason: None,
            phone: None,
            method,
            generation: Generation(0),
            created_at,
            last_connected_at: None,
            last_round_trip_at: None,
            uuid: None,
            label: None,
            is_primary: false,
            removed: None,
        }
    }
}
