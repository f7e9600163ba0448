//! What can be kept for a person under a name: the name, and the type of what is kept.
use std::fmt;
use std::marker::PhantomData;

/// A name under which a `T` is kept for each person. There is one constant for each, beside what uses it; the vault holds
/// the value as JSON.
pub struct Key<T> {
    name: &'static str,
    of: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// The key of this stable name, which lies in vaults: small letters and `-`.
    pub const fn new(name: &'static str) -> Self {
        Key { name, of: PhantomData }
    }

    /// The name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Key<T> {}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.name)
    }
}
