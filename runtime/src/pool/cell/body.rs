//! On the thread: what the body sees of its caller, how it runs, and how its outcome gets back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Span, dispatcher};

use super::meet::give_back;
use super::{Caller, Cell, Ended, Work};
use crate::context::{self, Current};
use crate::error::{Interrupted, Panic};
use crate::job::{Job, Why};
use crate::pool::line::Place;
use crate::pool::seat;
use crate::pool::stats::Tally;
use crate::scope::Member;
use crate::worker::Worker;

/// Everything that travels to the thread, and is gone before the outcome is delivered.
pub(in crate::pool) struct Load<F> {
    pub(in crate::pool) body: F,
    pub(in crate::pool) traced: Option<Traced>,
    pub(in crate::pool) member: Option<Member>,
}

/// The caller's span and subscriber; a span brings its subscriber along.
pub(in crate::pool) enum Traced {
    Span(Span),
    Dispatch(Dispatch),
}

impl Traced {
    /// `None` while nothing listens to anything: there is nothing to carry, and carrying it is not free.
    pub(in crate::pool) fn here() -> Option<Self> {
        if LevelFilter::current() == LevelFilter::OFF {
            return None;
        }
        let span = Span::current();
        if span.is_none() {
            return Some(Self::Dispatch(dispatcher::get_default(Clone::clone)));
        }
        Some(Self::Span(span))
    }

    /// Runs `body`, then `log`, as if they were called where this was made. The span is let go before this returns.
    fn run<R>(self, body: impl FnOnce() -> R, log: impl FnOnce(&R)) -> R {
        let span = match &self {
            Self::Span(span) => span,
            Self::Dispatch(_) => &Span::none(),
        };
        let dispatch = match &self {
            Self::Span(span) => &span.with_subscriber(|(_, dispatch)| dispatch.clone()).unwrap_or_default(),
            Self::Dispatch(dispatch) => dispatch,
        };
        dispatcher::with_default(dispatch, || {
            let result = span.in_scope(body);
            span.in_scope(|| log(&result));
            result
        })
    }
}

impl<F, T, E> Cell<F, T, E>
where
    F: FnOnce(&Worker) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    /// For the thread that has claimed the job.
    pub(super) fn run_on(self: Arc<Self>, place: Place<'_, Arc<dyn Job>>) {
        let work = {
            let mut state = self.state.lock();
            std::mem::replace(&mut state.work, Work::Running)
        };
        let Work::Queued(load) = work else { return };
        // Looked at again here: the alarm may be late, and a drop may have come between the line and us.
        let late = self.about.deadline.is_some_and(|deadline| self.activity().now() >= deadline);
        if late {
            self.interrupt(Why::Deadline);
        }
        let result = if self.why().is_some() {
            let _ = catch_unwind(AssertUnwindSafe(|| drop(load)));
            None
        } else {
            Some(seat::occupy(Arc::clone(&self) as Arc<dyn Job>, || self.run_body(load)))
        };
        self.leave_lane();
        drop(place);
        match result {
            Some(result) => self.finish(result),
            None => self.state.lock().work = Work::Over,
        }
        self.activity().over();
    }

    /// Runs the body with everything of the caller's that it should see; nothing of it is left afterwards.
    fn run_body(self: &Arc<Self>, load: Load<F>) -> Result<Result<T, E>, Panic> {
        let Load { body, traced, member } = load;
        let host: Arc<dyn Job> = Arc::clone(self) as Arc<dyn Job>;
        let mut current = Current::of(Arc::clone(&host));
        // As on tokio's own blocking threads: timers and sockets can be made here, to be awaited by `wait`.
        let _entered = self.about.home.enter();
        let started = Instant::now();
        let waited = started.duration_since(self.about.called);
        let body = move || {
            let worker = Worker::new(host);
            let result = catch_unwind(AssertUnwindSafe(|| body(&worker)));
            (result.map_err(Panic::new), started.elapsed())
        };
        let (result, ran) = context::with(&mut current, false, || match traced {
            Some(traced) => traced.run(body, |(_, ran)| self.log(waited, *ran)),
            None => body(),
        });
        if let Some(pool) = &self.about.pool {
            pool.tally.ran(&pool.name, waited, ran);
        }
        drop(member);
        result
    }

    fn log(&self, waited: Duration, ran: Duration) {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("an unnamed thread");
        tracing::debug!(target: "portcullis::pool", method = self.about.method, "queued {waited:.1?} ran {ran:.1?} on {thread}");
    }

    /// Delivers what the body returned, unless the caller has been answered already or has gone.
    fn finish(&self, result: Result<Result<T, E>, Panic>) {
        let ended = match result {
            Ok(returned) => Ended::Returned(returned),
            Err(panic) => {
                self.count(Tally::panicked);
                Ended::Interrupted(Interrupted::Panicked(panic))
            }
        };
        let mut state = self.state.lock();
        state.work = Work::Over;
        let lent = state.meet.take_lent();
        let alarm = state.alarm.take();
        let (unwanted, waker) = if state.caller == Caller::Awaits && self.why().is_none() {
            state.ended = Some(ended);
            (None, state.waker.take())
        } else {
            (Some(ended), None)
        };
        drop(state);
        drop(alarm);
        // Nobody waits for it: its drop, which is the user's code, must not end this thread.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(unwanted)));
        give_back(lent);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
