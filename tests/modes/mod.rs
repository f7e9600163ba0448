//! Stories that are told twice: with updates that are fetched, and with updates that Telegram brings.

/// Makes two tests of each story: `polling::…` and `webhook::…`.
macro_rules! in_both_modes {
    ($($story:ident),+ $(,)?) => {
        mod polling {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() -> anyhow::Result<()> {
                super::$story(sekat::sim::stage::Updates::Polling).await
            })+
        }
        mod webhook {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $story() -> anyhow::Result<()> {
                super::$story(sekat::sim::stage::Updates::Webhook).await
            })+
        }
    };
}
