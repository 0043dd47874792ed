use super::*;

fn detect(problem: Problem, declared: Option<Output>, outputs: [&[f32]; 2]) -> Result<Head, String> {
    Head::detect(problem, declared, false, |picture| Ok(outputs[picture].to_vec()))
}

#[test]
fn softmax_is_applied_once_whatever_the_graph_ends_in() {
    use Output::{Logits, Probabilities};
    use Problem::{MultiLabel, SingleLabel};
    const SOFTMAX: Head = Head::Apply(Function::Softmax);
    const SIGMOID: Head = Head::Apply(Function::Sigmoid);
    const APPLIED: Head = Head::Applied(Function::Softmax);
    let table: [(_, _, [&[f32]; 2], _); 13] = [
        (SingleLabel, None, [&[2.0, -1.0], &[0.5, 0.5]], SOFTMAX),
        (SingleLabel, None, [&[0.25, 0.75], &[0.5, 0.5]], APPLIED),
        // Only the first output looks like probabilities, by chance.
        (SingleLabel, None, [&[0.25, 0.75], &[0.5, 3.0]], SOFTMAX),
        (SingleLabel, Some(Logits), [&[0.25, 0.75], &[0.5, 0.5]], SOFTMAX),
        (SingleLabel, Some(Probabilities), [&[0.25, 0.75], &[0.0, 0.0]], APPLIED),
        // Rounded to 8 bits.
        (SingleLabel, Some(Probabilities), [&[0.25, 0.742], &[0.0, 0.0]], APPLIED),
        (MultiLabel, None, [&[0.9, 0.9], &[0.1, 3.0]], SIGMOID),
        (MultiLabel, Some(Probabilities), [&[0.9, 0.9], &[0.1, 1.0]], Head::Applied(Function::Sigmoid)),
        (MultiLabel, Some(Logits), [&[0.9, 0.9], &[0.1, 1.0]], SIGMOID),
        // One class.
        (SingleLabel, None, [&[1.7], &[0.3]], SIGMOID),
        (SingleLabel, Some(Logits), [&[0.7], &[0.3]], SIGMOID),
        (SingleLabel, Some(Probabilities), [&[0.7], &[0.3]], Head::Applied(Function::Sigmoid)),
        (MultiLabel, None, [&[-0.7], &[0.3]], SIGMOID),
    ];
    for (problem, declared, outputs, expected) in table {
        assert_eq!(detect(problem, declared, outputs), Ok(expected), "{problem:?} {declared:?} {outputs:?}");
    }
}

#[test]
fn numbers_from_0_to_1_that_could_be_logits_or_probabilities_are_refused() {
    use Problem::{MultiLabel, SingleLabel};
    let table: [(_, [&[f32]; 2]); 6] = [
        // The graph ends in sigmoid.
        (SingleLabel, [&[0.9, 0.9], &[0.1, 0.0]]),
        (MultiLabel, [&[0.9, 0.9], &[0.1, 1.0]]),
        (MultiLabel, [&[0.25, 0.75], &[0.5, 0.5]]),
        // It ends in softmax, rounded to 8 bits.
        (SingleLabel, [&[0.5, 0.45], &[0.25, 0.75]]),
        (SingleLabel, [&[0.25, 0.75], &[0.5, 0.501]]),
        (SingleLabel, [&[0.7], &[0.3]]),
    ];
    for (problem, outputs) in table {
        let message = detect(problem, None, outputs).unwrap_err();
        for key in ["\"graph_output\"", "\"problem_type\": \"multi_label_classification\""] {
            assert!(message.contains(key), "{outputs:?}: {message}");
        }
    }
}

#[test]
fn an_output_that_is_not_what_the_bundle_declares_is_refused() {
    let probabilities = Some(Output::Probabilities);
    for (declared, output, expected) in [
        (probabilities, [0.5, 0.25], "its probabilities sum to 0.750000"),
        (probabilities, [1.5, -0.5], "is not from 0 to 1"),
        (None, [f32::NAN, 0.0], "its output for class 0 is NaN"),
        (None, [0.0, f32::INFINITY], "its output for class 1 is inf"),
    ] {
        let message = detect(Problem::SingleLabel, declared, [&output; 2]).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn sigmoid_scores_each_class_by_itself() {
    let mut output = [0.0, 100.0, -200.0];
    Head::Apply(Function::Sigmoid).scores(&mut output).unwrap();
    assert_eq!(output, [0.5, 1.0, 0.0]);
}

#[test]
fn an_output_that_cannot_be_ranked_is_a_fault() {
    for head in [Head::Apply(Function::Softmax), Head::Applied(Function::Softmax)] {
        assert!(head.check(&[f32::NAN]).is_err());
        assert!(head.check(&[]).is_err());
        assert!(head.check(&[0.5, 0.5]).is_ok());
    }
    assert!(Head::Applied(Function::Softmax).check(&[12.4, -3.0]).is_err());
    assert!(Head::Apply(Function::Softmax).check(&[12.4, -3.0]).is_ok());
}

#[test]
fn another_function_is_applied_to_logits_but_not_to_probabilities() {
    let logits = Head::Apply(Function::Softmax);
    let mut output = [0.0, -200.0];
    logits.applying(Some(Function::Sigmoid)).unwrap().scores(&mut output).unwrap();
    assert_eq!(output, [0.5, 0.0]);
    let mut output = [2.5, -1.0];
    logits.applying(Some(Function::None)).unwrap().scores(&mut output).unwrap();
    assert_eq!(output, [2.5, -1.0]);
    assert_eq!(logits.applying(None).unwrap(), logits);

    let probabilities = Head::Applied(Function::Softmax);
    assert_eq!(probabilities.applying(Some(Function::Softmax)).unwrap(), probabilities);
    for function in [Function::Sigmoid, Function::None] {
        let error = probabilities.applying(Some(function)).unwrap_err();
        assert_eq!(error.code(), "invalid_parameter");
        assert!(error.to_string().contains("\"softmax\""), "{error}");
    }
}
