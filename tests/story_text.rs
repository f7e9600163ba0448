//! Texts of every length and form arrive as they were written.
#![cfg(feature = "demo")]
mod support;

use sekat::sim::stage::PATIENCE;
use sekat::sim::telegram::wire::SimMessage;
use support::*;

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

fn without_space(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_text_from_whatsapp_comes_in_parts_and_each_part_can_be_answered() -> anyhow::Result<()> {
    let (_folder, stage, mut ana, _budi) = linked("").await?;
    let words: String = (0..900).map(|n| format!("word{n} 🙂 ")).collect();
    let texts = [
        format!("{}5000-end", words),
        format!("{}solid-end", "🙂".repeat(6_000)),
        "line\n".repeat(3_000) + "lines-end",
    ];
    // After the first three steps nothing is explained between the messages any more.
    stage.whatsapp.send(CITRA, ANA_NUMBER, "hello").await?;
    let hello = ana.wait_text("hello", PATIENCE).await?;
    ana.reply(hello.message_id, "hello Citra").await?;
    ana.wait_text("That was all", PATIENCE).await?;
    let mut answers = vec!["hello Citra".to_owned()];
    for text in &texts {
        assert!(units(text) > 5_000);
        let end = text.rsplit(['\n', ' ', '🙂']).next().unwrap_or_default().to_owned();
        ana.mark().await?;
        let before = said(&ana).await?;
        stage.whatsapp.send(CITRA, ANA_NUMBER, text).await?;
        ana.wait_text(&end, PATIENCE).await?;
        let parts: Vec<SimMessage> =
            // What became of the answers before stands under those, and may come as late as now.
            said(&ana).await?.into_values().filter(|m| !before.contains_key(&m.message_id) && m.reply_to.is_none()).collect();
        assert!(parts.len() >= 2, "{} parts", parts.len());
        assert!(parts.iter().all(|m| units(&m.text) <= 4_096));
        let all: String = parts.iter().map(|m| m.text.as_str()).collect();
        let (header, body) = all.split_once("\n\n").unwrap_or_default();
        assert_eq!(header, format!("👤 Citra (+{CITRA}) → 📱 +{ANA_NUMBER}"));
        assert_eq!(without_space(body), without_space(text), "nothing is lost between the parts");
        for part in &parts {
            let answer = format!("to part {}", part.message_id);
            ana.reply(part.message_id, &answer).await?;
            answers.push(answer);
        }
    }
    assert_eq!(inbox_of(&stage, CITRA, answers.len()).await?, answers);
    stage.close().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_like_markup_arrives_literally() -> anyhow::Result<()> {
    let (_folder, stage, mut ana, _budi) = linked("").await?;
    const ODD: &str = "628220000009";
    let name = "<b>&_*[Odd](x)`~";
    stage.phone(ODD, name)?;
    let texts = [
        "<b>bold?</b> &amp; <a href=\"tg://user?id=1002\">x</a>",
        "_under_ *star* [link](http://127.0.0.1/) `code` ~strike~ ||spoiler||",
        "\\ \\\\ \\* {} $1 %s %n",
        "/logout",
        "@SekatBot #tag +628110000002",
        "\u{202e}reversed\u{202c} \u{200b}zero",
        " leading, trailing and\n\n\nempty lines ",
    ];
    for text in texts {
        stage.whatsapp.send(ODD, ANA_NUMBER, text).await?;
        let shown = ana.wait_text(text.trim(), PATIENCE).await?;
        let header = format!("👤 {name} (+{ODD}) → 📱 +{ANA_NUMBER}\n\n");
        assert_eq!(shown.text.trim_end(), format!("{header}{text}").trim_end());
        // The name stands out; nothing in the text was taken for a mark.
        let marks: Vec<(&str, u64)> = shown
            .entities
            .iter()
            .map(|e| (e["type"].as_str().unwrap_or_default(), e["offset"].as_u64().unwrap_or_default()))
            .collect();
        assert_eq!(marks, [("bold", 3)], "{text:?}: {:?}", shown.entities);
        // An answer within the same millisecond would be faster than the note of what the message stands for.
        settled(&mut ana).await?;
        ana.reply(shown.message_id, text).await?;
    }
    let got = inbox_of(&stage, ODD, texts.len() - 1).await?;
    // "/logout" as a reply is a command to the bot and goes to nobody.
    let sent: Vec<&str> = texts.into_iter().filter(|t| !t.starts_with('/')).collect();
    assert_eq!(got, sent);
    assert!(numbers(&mut ana).await?.contains("🟢"), "nobody was logged out");
    stage.close().await
}
