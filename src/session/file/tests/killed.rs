//! A process that writes sessions is killed at any moment: each file is the old or the new one, and what was settled is there.

use std::collections::HashMap;
use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::*;

const FOLDER: &str = "SEKAT_TEST_KILLED_WRITER";
const PEOPLE: i64 = 5;
const ROUNDS: u64 = 30;

/// Not a test of its own: what [`a_killed_writer_leaves_whole_files`] starts and kills. It writes until then.
#[tokio::test]
async fn writer() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else { return };
    let (store, loaded) = FileStore::with_pace(folder, Clock::system(), Duration::ZERO).await.unwrap();
    assert_eq!(loaded.set_aside, 0);
    let begun = loaded.sessions as i64 * 1_000_000;
    for mark in begun.. {
        let user = (mark % PEOPLE) as u64;
        store.put(&key(user), payload(user, mark), Duration::from_secs(3_600), Expected::Any).await.unwrap();
        if mark % 3 == 0 {
            store.settled(&key(user)).await.unwrap();
            let mut out = io::stdout().lock();
            writeln!(out, "settled {user} {mark}").unwrap();
            out.flush().unwrap();
        }
    }
}

#[test]
fn a_killed_writer_leaves_whole_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["session::file::tests::killed::writer", "--exact", "--nocapture"])
            .env(FOLDER, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut settled = HashMap::new();
        let mut hear = |line: String| {
            let words: Vec<_> = line.split(' ').collect();
            if let ["settled", user, mark] = words[..] {
                settled.insert(user.parse::<u64>().unwrap(), mark.parse::<i64>().unwrap());
                return true;
            }
            false
        };
        let mut left = 1 + round * 7 % 23;
        while left > 0 {
            left -= u64::from(hear(lines.next().unwrap().unwrap()));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(|line| line.ok()) {
            hear(line);
        }
        let found = look(dir.path()).unwrap();
        assert!(found.damaged.is_empty() && found.aside.is_empty() && found.others == 0, "{found:?}");
        for (user, mark) in settled {
            assert!(on_disk(dir.path(), user).is_some_and(|now| now >= mark), "{user} was settled at {mark}");
            all += 1;
        }
    }
    assert!(all >= ROUNDS);
}
