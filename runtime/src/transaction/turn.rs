//! Turns at a rollback: one at a time calls the hooks of a transaction.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use super::Transaction;

/// Who is at it, and who waits for that.
#[derive(Default)]
pub(super) struct Turns {
    is_taken: bool,
    waiting: Vec<Waker>,
}

/// The right to call the rollback hooks of a transaction, until it is dropped.
pub(crate) struct Turn(Transaction);

impl Transaction {
    /// The turn, once no other has it.
    pub(crate) async fn turn(&self) -> Turn {
        poll_fn(|cx| {
            let turns = &mut self.0.shared.lock().turns;
            if turns.is_taken {
                turns.waiting.push(cx.waker().clone());
                return Poll::Pending;
            }
            turns.is_taken = true;
            Poll::Ready(Turn(self.clone()))
        })
        .await
    }

    /// Whether somebody is at it.
    pub(crate) fn is_taken(&self) -> bool {
        self.0.shared.lock().turns.is_taken
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let turns = std::mem::take(&mut self.0.0.shared.lock().turns);
        turns.waiting.into_iter().for_each(Waker::wake);
    }
}
