//! What there is only so much of.

/// What there is only so much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Open files and connections.
    Handles,
    /// Resident memory.
    Memory,
    /// Space on the disk of the data folder.
    Disk,
    /// What one person may store.
    Storage,
}

impl Resource {
    /// Those that everybody shares.
    pub const OF_THE_MACHINE: [Resource; 3] = [Resource::Handles, Resource::Memory, Resource::Disk];

    /// The stable word for it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Resource::Handles => "handles",
            Resource::Memory => "memory",
            Resource::Disk => "disk",
            Resource::Storage => "storage",
        }
    }
}
