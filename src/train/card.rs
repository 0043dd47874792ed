//! The model card of a trained bundle.

use std::fmt::Write as _;

use super::trained::Trained;
use crate::model::Card;

/// Maximum number of classes in the table of confusions. A larger table is hard to read, so the most frequent
/// confusions are listed instead.
const MAX_TABLE: usize = 12;

/// Maximum number of confusions in the list.
const MAX_LISTED: usize = 20;

/// The data for the card.
pub(super) struct Facts<'a> {
    /// The name of the bundle.
    pub(super) name: &'a str,
    /// The model whose embeddings were used.
    pub(super) backbone: &'a Card,
    pub(super) backbone_sha256: &'a str,
    /// Of the model and the head together.
    pub(super) sha256: &'a str,
    pub(super) labels: &'a [String],
    pub(super) trained: &'a Trained,
    pub(super) seed: u64,
}

/// `README.md`, with the front matter that the program reads.
pub(super) fn text(facts: &Facts<'_>) -> String {
    let mut card = String::new();
    // Writing to a `String` cannot fail.
    let _ = write(&mut card, facts);
    card
}

fn write(card: &mut String, facts: &Facts<'_>) -> std::fmt::Result {
    let Facts { name, backbone, trained, labels, .. } = facts;
    let photos: usize = trained.confusion.iter().flatten().sum();
    let right = trained.right();
    let backbone_name = backbone.backbone_name.as_ref().unwrap_or(&backbone.name);
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    writeln!(card, "---\nmodel_name: {}", quoted(name))?;
    for (key, value) in [("license", &backbone.license), ("precision", &backbone.precision)] {
        if let Some(value) = value {
            writeln!(card, "{key}: {}", quoted(value))?;
        }
    }
    let source = format!("{photos} pictures of one's own, and the embeddings of {backbone_name}");
    writeln!(card, "source: {}", quoted(&source))?;
    writeln!(card, "library_name: onnx\npipeline_tag: image-classification")?;
    writeln!(card, "backbone_name: {}\nbackbone_sha256: {}", quoted(backbone_name), facts.backbone_sha256)?;
    writeln!(card, "model_sha256: {}\n---\n", facts.sha256)?;
    writeln!(card, "# {}\n", cell(name))?;
    writeln!(
        card,
        "A linear layer in `head.safetensors`, trained with `image-classifier train` on the embeddings of {}. It takes the \
         place of that model's classifier.\n\n| | |\n|---|---|",
        cell(backbone_name)
    )?;
    writeln!(card, "| backbone | {}, sha256 `{}` |", cell(backbone_name), facts.backbone_sha256)?;
    if let Some(license) = &backbone.license {
        writeln!(card, "| licence of the backbone | {} |", cell(license))?;
    }
    writeln!(card, "| trained on | {photos} different pictures of {} classes |", labels.len())?;
    writeln!(card, "| cross-validated top-1 | {right} of {photos} ({}) |", percent(right, photos))?;
    writeln!(card, "| cross-validated log loss | {:.3} |", trained.log_loss)?;
    writeln!(
        card,
        "| L2 | C = {:.4} (as in scikit-learn), for embeddings as the model gives them |",
        trained.c
    )?;
    writeln!(card, "| seed | {} |\n", facts.seed)?;
    writeln!(
        card,
        "Each picture was classified by a layer that was trained without a fifth of the pictures, this one among them. The \
         strength of L2 is the one of seven with the lowest log loss in that, so the figures are a little better than those \
         of new pictures would be. Pictures that are alike but not the same file, such as frames of a video, may have been \
         on both sides: then new pictures do much worse.\n\n## Classes\n\n| class | pictures | right |\n|---|---|---|"
    )?;
    for (class, label) in labels.iter().enumerate() {
        let count: usize = trained.confusion[class].iter().sum();
        let right = trained.confusion[class][class];
        writeln!(card, "| {} | {count} | {right} ({}) |", cell(label), percent(right, count))?;
    }
    writeln!(card, "\n## Confusions\n")?;
    if labels.len() <= MAX_TABLE { table(card, facts) } else { list(card, facts) }
}

/// Rows are the actual classes, columns the predicted ones.
fn table(card: &mut String, facts: &Facts<'_>) -> std::fmt::Result {
    let names: Vec<String> = facts.labels.iter().map(|label| cell(label)).collect();
    writeln!(card, "| is ↓, taken for → | {} |", names.join(" | "))?;
    writeln!(card, "|---|{}", "---|".repeat(names.len()))?;
    for (name, counts) in names.iter().zip(&facts.trained.confusion) {
        let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
        writeln!(card, "| {name} | {} |", counts.join(" | "))?;
    }
    Ok(())
}

fn list(card: &mut String, facts: &Facts<'_>) -> std::fmt::Result {
    let rows = facts.trained.confusion.iter().enumerate();
    let mut pairs: Vec<(usize, usize, usize)> = rows
        .flat_map(|(is, counts)| counts.iter().enumerate().map(move |(taken, &count)| (count, is, taken)))
        .filter(|&(count, is, taken)| count > 0 && is != taken)
        .collect();
    pairs.sort_by_key(|&(count, is, taken)| (std::cmp::Reverse(count), is, taken));
    writeln!(card, "The most frequent ones:\n\n| is | taken for | pictures |\n|---|---|---|")?;
    for (count, is, taken) in pairs.into_iter().take(MAX_LISTED) {
        writeln!(card, "| {} | {} | {count} |", cell(&facts.labels[is]), cell(&facts.labels[taken]))?;
    }
    Ok(())
}

fn percent(part: usize, whole: usize) -> String {
    format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64)
}

/// Escapes a text for a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(labels: &[String], confusion: Vec<Vec<usize>>) -> String {
        let backbone = Card {
            name: "backbone".to_owned(),
            sha256: String::new(),
            backbone_sha256: None,
            backbone_name: None,
            license: Some("mit".to_owned()),
            source: None,
            precision: None,
        };
        let trained = Trained { weight: vec![], bias: vec![], c: 0.5, log_loss: 0.25, confusion };
        text(&Facts {
            name: "my \"own\"",
            backbone: &backbone,
            backbone_sha256: "ab",
            sha256: "cd",
            labels,
            trained: &trained,
            seed: 7,
        })
    }

    #[test]
    fn figures_and_confusions_are_told() {
        let labels = ["cat | dog".to_owned(), "bird".to_owned()];
        let card = card(&labels, vec![vec![5, 1], vec![0, 4]]);
        for line in [
            "model_name: \"my \\\"own\\\"\"",
            "license: \"mit\"",
            "model_sha256: cd",
            "| cross-validated top-1 | 9 of 10 (90.0 %) |",
            "| cat \\| dog | 6 | 5 (83.3 %) |",
            "| is ↓, taken for → | cat \\| dog | bird |",
            "| cat \\| dog | 5 | 1 |",
            "| seed | 7 |",
        ] {
            assert!(card.lines().any(|found| found == line), "{line} is not in\n{card}");
        }
    }

    #[test]
    fn of_many_classes_the_most_frequent_confusions_are_listed() {
        let labels: Vec<String> = (0..13).map(|class| format!("class {class}")).collect();
        let mut confusion = vec![vec![0; 13]; 13];
        confusion[3][4] = 2;
        confusion[5][1] = 9;
        let card = card(&labels, confusion);
        assert!(card.contains("| class 5 | class 1 | 9 |\n| class 3 | class 4 | 2 |\n"), "{card}");
        assert!(!card.contains("taken for →"));
    }
}
