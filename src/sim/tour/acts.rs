//! The acts of the tour but for the crash: linking, a stranger, chatting, buttons, leaving.
use super::cast::{ANA, ANA_ID, BUDI, BUDI_ID, CITRA, DEWI, PHONES, Person, Phone, STRANGER_ID};
use super::checks::Check;
use super::disk;
use super::show::Show;
use crate::sim::english;
use crate::sim::stage::{PATIENCE, Stage};
use crate::sim::telegram::wire::SimMessage;
use crate::sim::whatsapp::Received;
use crate::t;
use anyhow::{Context as _, bail, ensure};
use std::time::{Duration, Instant};

const TO_ANA: &str = "Is the bread for Friday still available?";
const FROM_ANA: &str = "Yes, I keep two loaves for you.";
const TO_BUDI: &str = "Where do we meet for training?";
const FROM_BUDI: &str = "At the north gate, at six.";

/// Both link their numbers at the same time, one by QR, one by code.
pub async fn link(show: &Show, stage: &Stage, ana: &mut Person<'_>, budi: &mut Person<'_>) -> anyhow::Result<()> {
    show.section("Two people link their numbers, Ana by QR picture, Budi by phone code");
    let by_qr = show.check(Check::LinkQr, ana.links_by_qr(stage, ANA));
    let by_code = show.check(Check::LinkCode, budi.links_by_code(stage, BUDI));
    let (by_qr, by_code) = tokio::join!(by_qr, by_code);
    by_qr.and(by_code)
}

/// Somebody who is not on the list.
pub async fn stranger(show: &Show, stage: &Stage) -> anyhow::Result<()> {
    show.section("A stranger knocks");
    let mut stranger = Person::new(stage, show, STRANGER_ID, "Rudi");
    let refused = async {
        stranger.says("/start").await?;
        stranger.hears(&english::text(&t!("refused"))).await
    };
    show.check(Check::Stranger, refused).await?;
    let trace = async {
        let folder = stage.data().join("users").join(STRANGER_ID.to_string());
        ensure!(!folder.exists(), "there is a folder for the stranger");
        let readable = disk::readable(&disk::files(&stage.data())?, &[STRANGER_ID.to_string()])?;
        ensure!(readable.is_empty(), "the stranger's id is in {readable:?}");
        Ok(())
    };
    show.check(Check::StrangerTrace, trace).await
}

/// Both chat with their contacts at the same moment. Gives what the bot showed of Citra's and of Dewi's message.
pub async fn chat(
    show: &Show,
    stage: &Stage,
    ana: &mut Person<'_>,
    budi: &mut Person<'_>,
) -> anyhow::Result<(SimMessage, SimMessage)> {
    show.section("Both chat with their contacts at the same moment");
    let receive = async {
        let one = incoming(show, stage, ana, CITRA, ANA, TO_ANA);
        let two = incoming(show, stage, budi, DEWI, BUDI, TO_BUDI);
        let (one, two) = tokio::join!(one, two);
        Ok((one?, two?))
    };
    let (to_ana, to_budi) = show.check(Check::Receive, Box::pin(receive)).await?;
    let reply = async {
        let one = outgoing(show, stage, ana, &to_ana, FROM_ANA, (ANA, CITRA));
        let two = outgoing(show, stage, budi, &to_budi, FROM_BUDI, (BUDI, DEWI));
        let (one, two) = tokio::join!(one, two);
        two?;
        one
    };
    let read_by_citra = show.check(Check::Reply, Box::pin(reply)).await?;
    show.check(Check::Delivered, ana.hears("✓✓ delivered")).await?;
    let read = async {
        show.phone(CITRA.name, "opens the chat and reads");
        stage.whatsapp.mark_read(CITRA.number, &read_by_citra.id)?;
        ana.hears("✓✓ read").await
    };
    show.check(Check::Read, read).await?;
    let apart = async {
        for (person, foreign) in [(&*ana, [TO_BUDI, FROM_BUDI, BUDI.number]), (&*budi, [TO_ANA, FROM_ANA, ANA.number])]
        {
            let seen = person.user.transcript().await?;
            ensure!(
                seen.iter()
                    .all(|m| foreign.iter().all(|f| !m.text.replace([' ', '-'], "").contains(&f.replace(' ', "")))),
                "a chat shows what belongs to the other"
            );
        }
        Ok(())
    };
    show.check(Check::Apart, apart).await?;
    Ok((to_ana, to_budi))
}

async fn incoming(
    show: &Show,
    stage: &Stage,
    person: &Person<'_>,
    from: Phone,
    to: Phone,
    text: &str,
) -> anyhow::Result<SimMessage> {
    show.phone(from.name, &format!("(to {}'s number) {text}", to.name));
    stage.whatsapp.send(from.number, to.number, text).await?;
    let shown = person.hears(text).await?;
    ensure!(shown.text.contains(from.name), "it does not say who wrote");
    Ok(shown)
}

async fn outgoing(
    show: &Show,
    stage: &Stage,
    person: &mut Person<'_>,
    to: &SimMessage,
    text: &str,
    (from, contact): (Phone, Phone),
) -> anyhow::Result<Received> {
    let sent = person.replies(to, text).await?;
    let mut got = stage.whatsapp.inbox(contact.number, 0, PATIENCE).await?;
    ensure!(got.len() == 1, "{} got {} messages", contact.name, got.len());
    let one = got.remove(0);
    ensure!(one.text == text && one.from == from.number, "{} got something else", contact.name);
    show.phone(contact.name, &format!("(from {}'s number) {}", from.name, one.text));
    // The outcome stands under the very message that asked for it.
    person.user.wait_for(|m| m.reply_to == sent.message_id && m.text.starts_with('✓'), PATIENCE).await?;
    Ok(one)
}

/// Buttons that were never made for whoever presses them.
pub async fn buttons(show: &Show, stage: &Stage, ana: &mut Person<'_>, budi: &mut Person<'_>) -> anyhow::Result<()> {
    show.section("Budi presses buttons that are not his");
    let own = async {
        ana.says("/logout").await?;
        let asked = ana.sees(|m| m.button(english::LOGOUT_YES_BUTTON).is_some()).await?;
        let data = asked.button(english::LOGOUT_YES_BUTTON).and_then(|b| b.data.clone());
        anyhow::Ok((asked.message_id, data.context("the button carries nothing")?))
    };
    let (message, genuine) = own.await?;
    let forged = async {
        // Ana's real button with its authentication made up.
        let fake = format!("{}AAAAAAAAAAA{}", &genuine[..1], genuine.get(12..).unwrap_or_default());
        show.person(BUDI.name, "[a forged “Yes, log out”]");
        refused(budi, message, &fake).await
    };
    show.check(Check::Forged, forged).await?;
    let copied = async {
        show.person(BUDI.name, "[Ana's own “Yes, log out”, copied byte for byte]");
        refused(budi, message, &genuine).await?;
        for phone in [ANA, BUDI] {
            ensure!(stage.whatsapp.companions(phone.number)?.len() == 1, "{}'s device is gone", phone.name);
        }
        ana.says("/numbers").await?;
        let line = ana.hears("connected").await?;
        ensure!(line.text.contains("🟢"), "Ana's number is not connected any more");
        Ok(())
    };
    show.check(Check::Copied, copied).await?;
    ana.presses(english::KEEP_BUTTON).await.map(drop)
}

async fn refused(person: &mut Person<'_>, message: i64, data: &str) -> anyhow::Result<()> {
    let answer = person.presses_data(message, data).await?;
    ensure!(answer.text.as_deref() == Some(english::STALE), "it was answered {:?}", answer.text);
    Ok(())
}

/// Nothing can be read on the disk.
pub async fn sealed(show: &Show, stage: &Stage) -> anyhow::Result<()> {
    show.section("What a thief of the disk would see");
    show.check(Check::Sealed, async {
        let mut files = disk::files(&stage.data())?;
        files.extend(disk::files(&stage.folder().join("sessions"))?);
        files.push(stage.log());
        let mut private: Vec<String> =
            [TO_ANA, FROM_ANA, TO_BUDI, FROM_BUDI].iter().map(|text| (*text).to_owned()).collect();
        private.push(super::crash::COMMON.to_owned());
        for phone in PHONES {
            private.push(phone.number.to_owned());
            // A name of three letters is found in a megabyte of sealed bytes by chance now and then.
            private.extend(Some(phone.name.to_owned()).filter(|name| name.len() > 4));
        }
        let leaky = disk::readable(&files, &private)?;
        ensure!(leaky.is_empty(), "private text can be read in {leaky:?}");
        show.aside(&format!("{} files searched for every text, number and contact's name of this tour", files.len()));
        Ok(())
    })
    .await
}

/// Budi logs his number out.
pub async fn logout(show: &Show, stage: &Stage, budi: &mut Person<'_>) -> anyhow::Result<()> {
    show.section("Budi logs his number out");
    let device = async {
        budi.says("/logout").await?;
        budi.sees(|m| m.button(english::LOGOUT_YES_BUTTON).is_some()).await?;
        budi.presses(english::LOGOUT_YES_BUTTON).await?;
        let told = budi.hears("is logged out and its keys are wiped").await?;
        ensure!(!told.text.contains("could not be reached"), "the device was not removed at WhatsApp");
        ensure!(stage.whatsapp.companions(BUDI.number)?.is_empty(), "the phone still has the device");
        Ok(())
    };
    show.check(Check::LogoutDevice, device).await?;
    let keys = async {
        let left = disk::files(&folder(stage, BUDI_ID))?;
        let kept = left.iter().any(|f| f.file_name().is_some_and(|n| n.to_string_lossy().starts_with("wa-")));
        ensure!(!kept, "a key store is left: {left:?}");
        Ok(())
    };
    show.check(Check::LogoutKeys, keys).await
}

/// Ana erases everything.
pub async fn erase(show: &Show, stage: &Stage, ana: &mut Person<'_>) -> anyhow::Result<()> {
    show.section("Ana erases everything of hers");
    let receipt = async {
        ana.says("/erase").await?;
        ana.hears("Erase everything?").await?;
        ana.says(english::ERASE_WORD).await?;
        let receipt = ana.hears("Erased.").await?;
        ensure!(receipt.text.contains("devices removed at WhatsApp: 1"), "the receipt says: {}", receipt.text);
        Ok(())
    };
    show.check(Check::EraseReceipt, receipt).await?;
    let device = async {
        ensure!(stage.whatsapp.companions(ANA.number)?.is_empty(), "the phone still has the device");
        Ok(())
    };
    show.check(Check::EraseDevice, device).await?;
    let left = async {
        gone(&folder(stage, ANA_ID)).await?;
        gone(&stage.folder().join("sessions").join(format!("user_{ANA_ID}.json"))).await
    };
    show.check(Check::EraseDisk, left).await?;
    let neighbour = async {
        let files = disk::files(&folder(stage, BUDI_ID))?;
        for name in ["key", "user.db"] {
            ensure!(files.iter().any(|f| f.file_name().is_some_and(|n| n == name)), "Budi's {name} is gone");
        }
        Ok(())
    };
    show.check(Check::Neighbour, neighbour).await
}

/// What is left on disk.
pub fn left_on_disk(show: &Show, stage: &Stage) -> anyhow::Result<()> {
    show.section("What is left on disk");
    for line in disk::tree(&stage.data(), "data")? {
        show.line(&format!("   {line}"));
    }
    show.aside("Budi's sealed history stays until he erases it; of Ana and the stranger there is nothing");
    Ok(())
}

fn folder(stage: &Stage, id: u64) -> std::path::PathBuf {
    stage.data().join("users").join(id.to_string())
}

/// Waits until a file or folder is gone.
pub(super) async fn gone(path: &std::path::Path) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(5);
    while path.exists() {
        if Instant::now() > until {
            bail!("{} is still there", path.display());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
