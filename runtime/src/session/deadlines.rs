//! [`Deadlines`]: until when a request must be there, and until when the peer must have read.

use super::post::Post;

/// Points of the watch's clock; zero is none. The nearer one is what the post is armed with.
#[derive(Default)]
pub(super) struct Deadlines {
    read_by: u64,
    write_by: u64,
}

impl Deadlines {
    /// A request is awaited: the limit counts from the first time that this is said, until it is taken back.
    pub(super) fn asks<Rsp>(&mut self, post: &Post<Rsp>, served: bool) {
        if self.read_by == 0 {
            let watch = post.watch();
            let limits = watch.limits();
            let limit = if served { limits.idle } else { limits.first_request };
            self.read_by = limit.map_or(0, |limit| watch.after(limit));
        }
        self.arm(post);
    }

    /// No request is awaited any more.
    pub(super) fn asks_no_more<Rsp>(&mut self, post: &Post<Rsp>) {
        if self.read_by != 0 {
            self.read_by = 0;
            self.arm(post);
        }
    }

    /// The peer does not take what is there. Counts for a whole batch: one that reads a byte now and then does not
    /// renew it.
    pub(super) fn waits_to_write<Rsp>(&mut self, post: &Post<Rsp>) {
        if self.write_by == 0 {
            let watch = post.watch();
            self.write_by = watch.limits().write.map_or(0, |limit| watch.after(limit));
            self.arm(post);
        }
    }

    /// The batch is written.
    pub(super) fn written<Rsp>(&mut self, post: &Post<Rsp>) {
        if self.write_by != 0 {
            self.write_by = 0;
            self.arm(post);
        }
    }

    /// Whether the peer has had its time to read, and did not.
    pub(super) fn is_unread<Rsp>(&self, post: &Post<Rsp>) -> bool {
        self.write_by != 0 && self.write_by <= post.watch().now()
    }

    pub(super) fn drop_all<Rsp>(&mut self, post: &Post<Rsp>) {
        *self = Self::default();
        self.arm(post);
    }

    fn arm<Rsp>(&self, post: &Post<Rsp>) {
        let deadline = match (self.read_by, self.write_by) {
            (0, at) | (at, 0) => at,
            (read, write) => read.min(write),
        };
        post.set_deadline(deadline);
    }
}
