//! Trains a bundle with custom classes from labelled photos.
//!
//! Data flow: [`dataset`] lists the photos, [`embeddings`] computes an embedding of each with the model and
//! caches it, [`examples`] leaves out duplicates, [`cross_validation`] chooses the strength of the penalty on
//! [`folds`] of the photos, [`logistic`] fits the layer with [`lbfgs`], and [`bundle`] writes it next to a
//! copy of the model.

pub(crate) mod bundle;
mod card;
mod cross_validation;
pub(crate) mod dataset;
pub(crate) mod embeddings;
pub(crate) mod examples;
mod folds;
mod lbfgs;
mod logistic;
mod remembered;
pub(crate) mod trained;

/// SHA-256 of an image file.
pub(crate) type PictureHash = [u8; 32];
