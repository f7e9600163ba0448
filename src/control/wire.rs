//! What goes over the socket: one line each way.
//!
//! Owns its form and its largest sizes. It must not know what a question means.
use serde::{Deserialize, Serialize};
use std::io;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};

/// The longest question, in bytes.
pub(super) const ASK_BYTES: u64 = 16 * 1024;
/// The longest answer, in bytes: a line about each of a hundred thousand people.
pub(super) const ANSWER_BYTES: u64 = 64 << 20;

/// What came of it: what a command would have written and ended with, had it done the work itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The exit code.
    pub exit: u8,
    /// For standard output.
    pub out: String,
    /// For standard error.
    pub err: String,
}

impl Answer {
    /// One that says why there is none.
    #[must_use]
    pub fn refused(exit: u8, why: &str) -> Self {
        Answer { exit, out: String::new(), err: format!("sekat: {why}\n") }
    }
}

/// A line that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A whole one, without its end.
    Whole(Vec<u8>),
    /// The other end closed before it ended.
    Half,
    /// Longer than it may be.
    Long,
}

/// Reads one line of at most `most` bytes. What comes after it is left alone.
pub(super) async fn read_line(from: impl AsyncRead + Unpin, most: u64) -> io::Result<Line> {
    let mut line = Vec::new();
    BufReader::new(from.take(most + 1)).read_until(b'\n', &mut line).await?;
    Ok(if line.last() == Some(&b'\n') {
        line.pop();
        Line::Whole(line)
    } else if line.len() as u64 > most {
        Line::Long
    } else {
        Line::Half
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_is_whole_half_or_too_long() {
        let read = async |text: &str| read_line(text.as_bytes(), 4).await.unwrap();
        assert_eq!(read("1234\nmore").await, Line::Whole(b"1234".to_vec()));
        assert_eq!(read("\n").await, Line::Whole(Vec::new()));
        assert_eq!((read("").await, read("1234").await), (Line::Half, Line::Half));
        assert_eq!((read("12345").await, read("123456\n").await), (Line::Long, Line::Long));
    }
}
