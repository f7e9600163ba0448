//! What callers notice while servers come and go.
