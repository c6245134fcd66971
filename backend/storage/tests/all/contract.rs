//! Every implementation, against everything that a store must do.

mod memory {
    use std::sync::Arc;

    use storage::contract::Opened;
    use storage::memory::Memory;

    async fn open() -> Opened<Memory> {
        let (sender, committed) = tokio::sync::mpsc::channel(1_000);
        let store = Arc::new(Memory::new(uuid::Uuid::from_u128(1), sender));
        Opened { store, committed, keep: Box::new(()) }
    }

    storage::conversation_contract!(open);
}

mod sqlite_on_threads {
    use storage::contract::Opened;
    use storage::{Blocking, Sqlite};

    async fn open() -> Opened<Sqlite> {
        crate::open::empty(Blocking::Threads)
    }

    storage::conversation_contract!(open);
    storage::people_contract!(open);
}

mod sqlite_inline {
    use storage::contract::Opened;
    use storage::{Blocking, Sqlite};

    async fn open() -> Opened<Sqlite> {
        crate::open::empty(Blocking::Inline)
    }

    storage::conversation_contract!(open);
    storage::people_contract!(open);
}
