//! [`DeadJob`]: a job that has failed as often as it may. Dead jobs stay in a stream of their own
//! until someone looks: they can be listed, put back into the queue, and removed.

use async_nats::HeaderMap;
use async_nats::jetstream::Message;
use async_nats::jetstream::stream::RawMessageErrorKind;
use portcullis_codec::{DatagramCodec, DecodeError};

use super::{JobQueue, OTHER_HEADERS, Shared, fresh_id};
use crate::NatsError;
use crate::wire::{DELIVERIES, ERROR, JOB_ID, MAX_TEXT, number, to_header_text};

/// A job that was delivered as often as it may be and is not done, or that cannot be decoded.
#[derive(Debug)]
#[non_exhaustive]
pub struct DeadJob<T> {
    /// Its number among the dead jobs.
    pub sequence: u64,
    /// The id that it had in the queue.
    pub id: String,
    /// The job.
    pub job: Result<T, DecodeError>,
    /// The error of its last delivery: the first 4 KiB of its text.
    pub error: String,
    /// How often it was delivered.
    pub deliveries: u64,
}

impl<T, D: DatagramCodec<T, T>> JobQueue<T, D> {
    /// The dead jobs, oldest first, at most `max` of them.
    ///
    /// # Errors
    /// The NATS server does not answer.
    pub async fn dead_jobs(&self, max: usize) -> Result<Vec<DeadJob<T>>, NatsError> {
        let stream = &self.shared.dead;
        let state = stream.get_info().await?.state;
        let mut found = Vec::new();
        let numbers = state.first_sequence..=state.last_sequence;
        for sequence in numbers.take_while(|_| state.messages > 0) {
            if found.len() >= max {
                break;
            }
            let message = match stream.get_raw_message(sequence).await {
                Ok(message) => message,
                // One that was removed.
                Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => continue,
                Err(error) => return Err(error.into()),
            };
            let headers = Some(&message.headers);
            let text = |name: &str| message.headers.get(name).map(ToString::to_string).unwrap_or_default();
            found.push(DeadJob {
                sequence,
                id: text(JOB_ID),
                job: self.shared.codec.clone().decode(&message.payload),
                error: text(ERROR),
                deliveries: number(headers, DELIVERIES).unwrap_or_default(),
            });
        }
        Ok(found)
    }

    /// Puts a dead job back into the queue, with a new id and no deliveries.
    ///
    /// # Errors
    /// No dead job has the number, or as [`push`](Self::push).
    pub async fn revive(&self, sequence: u64) -> Result<(), NatsError> {
        let shared = &self.shared;
        let message = shared.dead.get_raw_message(sequence).await?;
        let id = fresh_id(&shared.client);
        shared.publish(&shared.subject, &id, HeaderMap::new(), message.payload).await?;
        self.remove_dead(sequence).await
    }

    /// Removes a dead job.
    ///
    /// # Errors
    /// No dead job has the number, or the NATS server does not answer.
    pub async fn remove_dead(&self, sequence: u64) -> Result<(), NatsError> {
        self.shared.dead.delete_message(sequence).await?;
        Ok(())
    }
}

impl<D> Shared<D> {
    /// Adds a job to the dead jobs.
    pub(super) async fn keep_dead(
        &self,
        message: &Message,
        id: &str,
        deliveries: u64,
        error: &str,
    ) -> Result<(), NatsError> {
        let mut headers = HeaderMap::new();
        // A job that another program has added may leave less space than one of `push`.
        let taken = message.payload.len() + id.len() + OTHER_HEADERS;
        let space = self.client.max_payload().saturating_sub(taken);
        headers.insert(ERROR, to_header_text(error, space.min(MAX_TEXT)));
        headers.insert(DELIVERIES, deliveries.to_string());
        headers.insert(JOB_ID, id);
        let info = message.info()?;
        // Redeliveries have the same. The time is for a stream that was deleted and made again.
        let number = format!("{}-{}", info.stream_sequence, info.published);
        self.publish(&self.dead_subject, &number, headers, message.payload.clone()).await?;
        Ok(())
    }
}
