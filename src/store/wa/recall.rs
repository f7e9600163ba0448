//! Answers that stay the same until something else is written.
//!
//! The client asks some of its questions with every message. Nobody else writes here, so an answer holds until this store
//! itself changes it. Owns memory only. Must not keep an answer that was read before a change and came after it.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many answers are kept; beyond, all are forgotten.
const KEPT: usize = 64;

struct Answers<T> {
    changes: u64,
    by_question: HashMap<String, T>,
}

/// What was answered to one kind of question. A clone is another reference to the same answers.
pub(super) struct Recall<T>(Arc<Mutex<Answers<T>>>);

impl<T> Clone for Recall<T> {
    fn clone(&self) -> Self {
        Recall(Arc::clone(&self.0))
    }
}

impl<T> Default for Recall<T> {
    fn default() -> Self {
        Recall(Arc::new(Mutex::new(Answers { changes: 0, by_question: HashMap::new() })))
    }
}

impl<T> std::fmt::Debug for Recall<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recall({})", self.answers().by_question.len())
    }
}

impl<T> Recall<T> {
    fn answers(&self) -> MutexGuard<'_, Answers<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets every answer. To be called in the transaction that changes something: reading comes before or after it.
    pub(super) fn changes(&self) {
        let mut answers = self.answers();
        answers.changes += 1;
        answers.by_question.clear();
    }
}

impl<T: Clone> Recall<T> {
    /// The answer that is known, or what `read` gives.
    pub(super) async fn of<E>(&self, question: &str, read: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let before = {
            let answers = self.answers();
            if let Some(known) = answers.by_question.get(question) {
                return Ok(known.clone());
            }
            answers.changes
        };
        let answer = read.await?;
        let mut answers = self.answers();
        if answers.changes == before {
            if answers.by_question.len() >= KEPT {
                answers.by_question.clear();
            }
            answers.by_question.insert(question.to_owned(), answer.clone());
        }
        Ok(answer)
    }
}
