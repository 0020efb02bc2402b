//! Documents on their way to the engine's thread. The engine's own queue has room for ten thousand of any size; here the
//! texts that wait are bounded.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tantivy::schema::document::Document;
use tantivy::schema::{TantivyDocument, Value};

/// Texts that may wait, in bytes.
const MOST: usize = 4 << 20;
/// What a value takes beside its text, in bytes.
const VALUE: usize = 32;

/// How many bytes wait.
#[derive(Default)]
pub(super) struct Queue {
    bytes: Mutex<usize>,
    fewer: Condvar,
}

/// A document that counts for as long as it waits.
pub(super) struct Queued {
    document: TantivyDocument,
    place: Place,
}

struct Place {
    queue: Arc<Queue>,
    bytes: usize,
}

impl Queue {
    /// Waits until there is room. A document larger than all room waits until nothing else does.
    pub(super) fn enter(self: &Arc<Self>, document: TantivyDocument) -> Queued {
        let values = document.iter_fields_and_values();
        let bytes = values.map(|(_, value)| VALUE + value.as_str().map_or(0, str::len)).sum();
        let full = |waiting: &mut usize| *waiting > 0 && *waiting + bytes > MOST;
        let mut waiting = self.fewer.wait_while(self.waiting(), full).unwrap_or_else(PoisonError::into_inner);
        *waiting += bytes;
        Queued { document, place: Place { queue: Arc::clone(self), bytes } }
    }

    fn waiting(&self) -> MutexGuard<'_, usize> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.queue.waiting() -= self.bytes;
        self.queue.fewer.notify_all();
    }
}

impl Document for Queued {
    type Value<'a> = <TantivyDocument as Document>::Value<'a>;
    type FieldsValuesIter<'a> = <TantivyDocument as Document>::FieldsValuesIter<'a>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        self.document.iter_fields_and_values()
    }

    /// The engine takes the document up.
    fn into_tantivy_document(self) -> TantivyDocument {
        let Self { document, place } = self;
        drop(place);
        document
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tantivy::schema::Field;

    use super::*;

    fn of_bytes(bytes: usize) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        document.add_text(Field::from_field_id(0), "x".repeat(bytes));
        document
    }

    #[test]
    fn waits_for_room_and_gives_it_back() {
        let queue = Arc::new(Queue::default());
        let huge = queue.enter(of_bytes(2 * MOST));
        let entered = AtomicUsize::new(0);
        std::thread::scope(|threads| {
            let waits = threads.spawn(|| {
                let second = queue.enter(of_bytes(MOST / 2));
                entered.fetch_add(1, Ordering::SeqCst);
                second
            });
            std::thread::sleep(std::time::Duration::from_millis(50));
            assert_eq!(entered.load(Ordering::SeqCst), 0, "a document larger than all room goes alone");
            assert_eq!(huge.into_tantivy_document().len(), 1);
            drop(waits.join().expect("it enters in the end"));
        });
        assert_eq!(*queue.waiting(), 0);
        let many: Vec<Queued> = (0..3).map(|_| queue.enter(of_bytes(MOST / 4))).collect();
        assert!(*queue.waiting() > MOST / 2);
        drop(many);
        assert_eq!(*queue.waiting(), 0, "documents that are never taken up give their room back too");
    }
}
