//! What the tour checks: every outcome has a stable name for programs and a sentence for people.
//!
//! The list is the contract: a tour is good only when each of these was seen.

macro_rules! checks {
    ($($variant:ident = $name:literal, $sentence:literal;)+) => {
        /// An outcome that the tour checks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Check {
            $(#[doc = $sentence] $variant,)+
        }

        impl Check {
            /// All of them, in the order of the tour.
            pub const ALL: &[Check] = &[$(Check::$variant),+];

            /// Its stable name.
            pub fn name(self) -> &'static str {
                match self { $(Check::$variant => $name,)+ }
            }

            /// What it means that it holds.
            pub fn sentence(self) -> &'static str {
                match self { $(Check::$variant => $sentence,)+ }
            }
        }
    };
}

checks! {
    Start = "daemon-ready", "the daemon is up, reachable by both services";
    LinkQr = "link-by-qr", "a number is linked by scanning the QR picture in the chat";
    LinkCode = "link-by-code", "a number is linked by typing a code on the phone";
    Stranger = "stranger-refused", "a stranger is refused";
    StrangerTrace = "stranger-leaves-no-trace", "nothing about the stranger was stored";
    Receive = "messages-arrive", "both get what was written to their own number";
    Reply = "replies-go-out", "both replies reach the right contact, from the right number, once";
    Apart = "nothing-crosses", "neither chat holds a word of the other's";
    Delivered = "delivered-shown", "the writer sees: delivered";
    Read = "read-shown", "the writer sees: read";
    Forged = "forged-button-refused", "a button that the bot never made is refused";
    Copied = "copied-button-refused", "a button copied from another person's chat is refused, and nothing happens to that person";
    Parked = "idle-question-put-aside", "a question that nobody answers is put aside with a note, and the session file goes";
    Idle = "idle-number-stays-connected", "the idle person's number stays connected and receives";
    Stopped = "stopped-in-conversation", "the daemon is stopped in the middle of a question";
    Resumed = "conversation-resumes", "after the restart the question is answered as if nothing had happened";
    Registered = "registration-survives-kill", "a registration goes on where it was after SIGKILL, and is complete";
    Killed = "killed-in-conversation", "SIGKILL, with messages in flight both ways";
    Restart = "back-after-kill", "the daemon is up again";
    LostIn = "nothing-lost-from-whatsapp", "every message from WhatsApp is in the chat";
    LostOut = "nothing-lost-to-whatsapp", "every reply has reached WhatsApp";
    DoubledOut = "nothing-doubled-to-whatsapp", "no reply has reached WhatsApp twice";
    Told = "outcomes-told", "under each reply stands what became of it, none is left in doubt";
    Sealed = "disk-sealed", "no message and no number of anybody lies readable on the disk or in the log";
    LogoutDevice = "logout-removes-device", "the device is gone at WhatsApp";
    LogoutKeys = "logout-wipes-keys", "the number's keys are wiped from the disk";
    EraseReceipt = "erase-gives-receipt", "a receipt tells what was erased";
    EraseDevice = "erase-removes-device", "the erased person's device is gone at WhatsApp";
    EraseDisk = "erase-leaves-nothing", "the erased person's key, folder and session file are gone";
    Neighbour = "neighbour-untouched", "the other person's data is still there";
    Stop = "stops-on-sigterm", "the daemon ends by itself when told to (SIGTERM)";
    Ports = "ports-free", "nothing listens any more";
    Clean = "temporary-folder-removed", "the temporary folder is removed";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_in_kebab_case() {
        let names: std::collections::HashSet<_> = Check::ALL.iter().map(|c| c.name()).collect();
        assert_eq!(names.len(), Check::ALL.len());
        assert!(names.iter().all(|n| n.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
    }
}
