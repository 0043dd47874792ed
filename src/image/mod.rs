//! Bytes → upright RGB pixels.
