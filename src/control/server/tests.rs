//! The socket, its owner's mistakes, and everybody who asks badly.
use super::*;
use crate::control::{AskError, ask};
use std::io::Write as _;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;

/// Says what it was asked; `slow` takes a while, `panic` is a bug.
struct Echo;

#[async_trait]
impl Desk for Echo {
    async fn answer(&self, question: Value) -> Answer {
        match question.as_str() {
            Some("slow") => sleep(Duration::from_millis(300)).await,
            Some("panic") => panic!("a bug"),
            Some("huge") => return Answer { exit: 0, out: "x".repeat(8 << 20), err: String::new() },
            _ => {}
        }
        Answer { exit: 7, out: question.to_string(), err: "beside".to_owned() }
    }
}

struct Place {
    folder: TempDir,
    path: PathBuf,
    _bound: Bound,
    _serving: JoinSet<()>,
}

async fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    let (listener, bound) = Listener::bind(&path).await.unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(listener.serve(Arc::new(Echo), TaskTracker::new()));
    Place { folder, path, _bound: bound, _serving: serving }
}

async fn asked(path: &Path, question: &str) -> Answer {
    ask(path, own_uid().unwrap(), &question).await.unwrap()
}

/// What comes back to these bytes, until the other end closes.
async fn said(path: &Path, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(path).await.unwrap();
    // The other end may have seen enough, and say so.
    drop(stream.write_all(bytes).await);
    drop(stream.shutdown().await);
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer).await);
    answer
}

#[tokio::test]
async fn a_question_is_answered_and_the_socket_is_ours_alone() {
    let place = place().await;
    assert_eq!(fs::metadata(&place.path).unwrap().permissions().mode() & 0o777, 0o600);
    let answer = asked(&place.path, "how?").await;
    assert_eq!(answer, Answer { exit: 7, out: "\"how?\"".to_owned(), err: "beside".to_owned() });
    assert_eq!(asked(&place.path, "huge").await.out.len(), 8 << 20);
    assert_eq!(asked(&place.path, "panic").await.exit, 1);
    // Of a stranger nothing is believed.
    let stranger = own_uid().unwrap() + 1;
    let told = ask(&place.path, stranger, &"x").await;
    assert!(own_uid().unwrap() == 0 || matches!(told, Err(AskError::Stranger { .. })));
}

#[tokio::test]
async fn garbage_is_told_or_dropped_and_the_next_one_is_answered() {
    let place = place().await;
    for (bytes, part) in [
        (&b"\n"[..], "one line of JSON"),
        (b"nonsense\n", "one line of JSON"),
        (b"{\"half\": \n", "one line of JSON"),
        (b"\xff\xfe\x00\n", "one line of JSON"),
        (b"{}", ""),
        (b"", ""),
    ] {
        let answer = String::from_utf8(said(&place.path, bytes).await).unwrap();
        assert!(answer.contains(part) && (part.is_empty() == answer.is_empty()), "{bytes:?}: {answer}");
    }
    // Nested too deeply, and longer than anything that is asked: with or without an end.
    said(&place.path, &[b"[".repeat(10_000), b"\n".to_vec()].concat()).await;
    for end in ["\n", ""] {
        let answer = said(&place.path, format!("\"{}\"{end}", "x".repeat(4 << 20)).as_bytes()).await;
        assert!(answer.len() < 200);
    }
    assert_eq!(asked(&place.path, "still there?").await.exit, 7);
}

#[tokio::test]
async fn who_says_nothing_or_reads_nothing_holds_up_nobody_for_long() {
    let place = place().await;
    let mut idle = Vec::new();
    for n in 0..CONNECTIONS - 1 {
        let mut stream = UnixStream::connect(&place.path).await.unwrap();
        // Some ask for a lot, and never read it.
        stream.write_all(if n % 2 == 0 { b"\"huge\"\n" } else { b"\"ha" }).await.unwrap();
        idle.push(stream);
    }
    let begun = Instant::now();
    assert_eq!(asked(&place.path, "quick?").await.exit, 7);
    assert!(begun.elapsed() < ASK, "there is a place left");
    let mut last = UnixStream::connect(&place.path).await.unwrap();
    last.write_all(b"\"").await.unwrap();
    let begun = Instant::now();
    assert_eq!(asked(&place.path, "and with all places taken?").await.exit, 7);
    assert!(begun.elapsed() < ASK * 3, "the silent ones were let go");
}

#[tokio::test]
async fn what_was_begun_is_brought_to_its_end_without_whoever_asked() {
    struct Counts(Arc<std::sync::atomic::AtomicUsize>);
    #[async_trait]
    impl Desk for Counts {
        async fn answer(&self, _: Value) -> Answer {
            sleep(Duration::from_millis(100)).await;
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Answer::refused(0, "")
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let (listener, _bound) = Listener::bind(&path).await.unwrap();
    let (done, tasks, mut serving) = (Arc::default(), TaskTracker::new(), JoinSet::new());
    serving.spawn(listener.serve(Arc::new(Counts(Arc::clone(&done))), tasks.clone()));
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"{}\n").await.unwrap();
    while tasks.is_empty() {
        tokio::task::yield_now().await;
    }
    drop(stream);
    serving.shutdown().await;
    tasks.close();
    tasks.wait().await;
    assert_eq!(done.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_dead_socket_is_replaced_and_nothing_else_is_touched() {
    let place = place().await;
    assert!(matches!(Listener::bind(&place.path).await, Err(BindError::Taken { .. })));
    assert_eq!(asked(&place.path, "still you?").await.exit, 7, "the living one is left alone");
    let dead = place.folder.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    let (_listener, bound) = Listener::bind(&dead).await.unwrap();
    // Somebody has put another file in its place: that one is not ours to remove.
    fs::remove_file(&dead).unwrap();
    fs::File::create(&dead).unwrap().write_all(b"precious").unwrap();
    drop(bound);
    assert_eq!(fs::read(&dead).unwrap(), b"precious");
    assert!(matches!(Listener::bind(&dead).await, Err(BindError::NoSocket { .. })));
    let link = place.folder.path().join("link");
    std::os::unix::fs::symlink(&place.path, &link).unwrap();
    assert!(matches!(Listener::bind(&link).await, Err(BindError::NoSocket { .. })));
    let nowhere = place.folder.path().join("nowhere/s");
    assert!(matches!(Listener::bind(&nowhere).await, Err(BindError::Io { .. })));
    let path = place.path.clone();
    drop(place._bound);
    assert!(!path.exists(), "it goes in the orderly way");
}

#[tokio::test]
async fn two_who_want_one_place_do_not_both_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let wants = (0..8).map(|_| Listener::bind(&path));
    let got = futures_util::future::join_all(wants).await;
    assert_eq!(got.iter().filter(|one| one.is_ok()).count(), 1);
    assert!(path.exists());
}

#[test]
fn strangers_are_told_of_once_a_minute() {
    let mut told = None;
    tell_of_a_stranger(7, &mut told);
    let first = told;
    tell_of_a_stranger(8, &mut told);
    assert!(first.is_some() && told == first);
}
