//! One label of an answer, and its JSON.

use std::sync::Arc;

use serde::ser::{Serialize, Serializer};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{HeatMap, Label};

/// One label of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Index of the class in the model's output; `None` if this is a category of classes.
    pub class_id: Option<usize>,
    /// Probability, 0 to 1, unless the request asked for something else.
    pub score: f32,
    /// The names of the class.
    pub label: Arc<Label>,
    /// Where in the picture the evidence lies, if requested.
    pub heat_map: Option<HeatMap>,
}

/// A [`Prediction`] in its JSON form: flat, the label first. Both the JSON and the schema follow from this
/// type.
#[derive(serde::Serialize, ToSchema)]
#[schema(as = Prediction, description = "One label of an answer.")]
struct Written<'a> {
    /// Name of the class.
    label: &'a str,
    /// Probability, 0 to 1. The probabilities of all classes sum to 1, unless the model is one of several
    /// labels. A logit if `function_to_apply` is `none`.
    score: f32,
    /// Index of the class in the model's output; omitted if the label is a category of classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    class_id: Option<usize>,
    /// WordNet id, if the model has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    wnid: Option<&'a str>,
    /// Chinese name, if the model has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    label_zh: Option<&'a str>,
    /// What the class belongs to, the nearest first: an everyday category, then its kind. Omitted if the
    /// model has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    parents: Vec<&'a str>,
    /// Where in the picture the evidence lies, if `explain` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    heat_map: Option<&'a HeatMap>,
}

impl Serialize for Prediction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Label { name, wnid, name_zh, parents } = &*self.label;
        let written = Written {
            label: name,
            score: self.score,
            class_id: self.class_id,
            wnid: wnid.as_deref(),
            label_zh: name_zh.as_deref(),
            parents: parents.iter().map(|parent| &*parent.name).collect(),
            heat_map: self.heat_map.as_ref(),
        };
        written.serialize(serializer)
    }
}

impl PartialSchema for Prediction {
    fn schema() -> RefOr<Schema> {
        Written::schema()
    }
}

impl ToSchema for Prediction {
    fn name() -> std::borrow::Cow<'static, str> {
        Written::name()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Written::schemas(schemas);
    }
}
