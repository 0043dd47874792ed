//! `config.json`, as Hugging Face and timm write it.

use super::fields::Fields;
use super::head::{Output, Problem};
use super::{Labels, timm};

/// The values that are read from `config.json`.
pub(super) struct ModelConfig {
    pub(super) name: Option<String>,
    pub(super) model_type: Option<String>,
    pub(super) labels: Option<Labels>,
    pub(super) problem: Problem,
    /// A key of this project: `logits` or `probabilities`.
    pub(super) graph_output: Option<Output>,
    /// The class of the model in Transformers, if it is not a classifier.
    pub(super) headless: Option<String>,
    pub(super) pretrained_cfg: Option<Fields>,
}

impl ModelConfig {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// What is wrong with it, or not supported.
    pub(super) fn read(mut fields: Fields) -> Result<Self, String> {
        let pretrained_cfg = match fields.object("pretrained_cfg")? {
            // Before version 0.8, timm wrote these keys at the top level.
            None if fields.has("architecture") && fields.has("input_size") => Some(fields.clone()),
            cfg => cfg,
        };
        let name = fields.text("_name_or_path")?.filter(|name| is_hub_id(name));
        let labels = match (fields.take("id2label"), fields.take("label2id"), &pretrained_cfg) {
            (Some(id2label), _, _) if !id2label.is_null() => Some(Labels::from_names("id2label", &id2label)?),
            (_, Some(label2id), _) if !label2id.is_null() => Some(Labels::from_label2id(&label2id)?),
            (_, _, Some(cfg)) => timm::labels(&mut fields, cfg)?,
            _ => None,
        };
        let problem = match fields.text("problem_type")?.as_deref() {
            None | Some("single_label_classification") => Problem::SingleLabel,
            Some("multi_label_classification") => Problem::MultiLabel,
            Some(other) => return Err(format!("problem_type \"{other}\" is not classification")),
        };
        let graph_output = match fields.text("graph_output")?.as_deref() {
            None => None,
            Some("logits") => Some(Output::Logits),
            Some("probabilities") => Some(Output::Probabilities),
            Some(other) => {
                return Err(format!("graph_output must be \"logits\" or \"probabilities\", not \"{other}\""));
            }
        };
        let classes = fields.given("architectures", "a list of names", |value| {
            value.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        })?;
        // Some names have a suffix, such as WithTeacher.
        let headless =
            classes.filter(|names| !names.iter().any(|name| name.contains("ForImageClassification")));
        let architecture = fields.text("architecture")?;
        Ok(Self {
            name: name.or(architecture),
            model_type: fields.text("model_type")?,
            labels,
            problem,
            graph_output,
            headless: headless.and_then(|names| names.into_iter().next()),
            pretrained_cfg,
        })
    }
}

/// Whether a name has the form `owner/name` or `name`, as on the Hugging Face hub. Anything else in
/// `_name_or_path` is a local path of whoever trained the model, which responses must not show.
/// `results/checkpoint-500` is a local path as well: the folder of a training step.
fn is_hub_id(name: &str) -> bool {
    let is_plain = |part: &str| {
        part.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let is_checkpoint = |last: &str| {
        let step = last.strip_prefix("checkpoint").and_then(|rest| rest.strip_prefix(['-', '_']));
        step.is_some_and(|step| step.bytes().all(|byte| byte.is_ascii_digit()))
    };
    // The hub allows 96 characters.
    name.len() <= 96
        && !name.rsplit('/').next().is_some_and(is_checkpoint)
        && name.split('/').count() <= 2
        && name.split('/').all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_could_be_on_the_hub_is_taken_for_a_name() {
        for name in ["google/vit-base-patch16-224", "resnet18", "timm/mobilenetv3_small_100.lamb_in1k"] {
            assert!(is_hub_id(name), "{name}");
        }
        for path in [
            "",
            "/content/drive/MyDrive/jane/checkpoint-500",
            "C:\\Users\\jane\\out",
            "C:/out",
            "./out",
            "../out",
            "~/out",
            "/out",
            "out/",
            "a/b/c",
            "checkpoint-500",
            "results/checkpoint-500",
            "results/checkpoint_12",
            "my model",
            "file:///out",
        ] {
            assert!(!is_hub_id(path), "{path}");
        }
    }
}
