//! A portal call by hand: a task runs the functions that arrive in a channel, and answers each
//! through a oneshot.

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

pub(crate) const NAME: &str = "mpsc + oneshot";

type Call = Box<dyn FnOnce() + Send>;

/// The sending half of the channel; the task ends when the last one is dropped.
#[derive(Clone)]
pub(crate) struct ByChannel(mpsc::Sender<Call>);

impl ByChannel {
    pub(crate) fn on(handle: &Handle) -> Self {
        let (calls, mut inbox) = mpsc::channel::<Call>(crate::loops::QUEUE);
        handle.spawn(async move {
            while let Some(call) = inbox.recv().await {
                call();
            }
        });
        Self(calls)
    }

    /// Runs a trivial function on the loop and waits for its value.
    pub(crate) fn trip(&self, n: u64) -> u64 {
        let (reply, answer) = oneshot::channel();
        let call = Box::new(move || assert!(reply.send(n).is_ok(), "its caller waits"));
        assert!(self.0.blocking_send(call).is_ok(), "the task lives on");
        answer.blocking_recv().expect("an answer")
    }
}
