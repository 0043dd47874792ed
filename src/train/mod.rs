//! Photos with labels → a bundle with classes of their own.
//!
//! The data's way: [`dataset`] lists the photos, [`embeddings`] has the model make an embedding of each and remembers
//! them, [`examples`] leaves out copies, [`cross_validation`] chooses the strength of the penalty on [`folds`] of the
//! photos, [`logistic`] fits the layer with [`lbfgs`], and [`bundle`] writes it beside a copy of the model.

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

/// SHA-256 of the file of a picture.
pub(crate) type PictureHash = [u8; 32];
