use super::super::onnx::Attribute;
use super::*;

const WANTED: Wanted<'static> = Wanted { logits: "logits", features: "features", classes: 2, channels: 3 };

fn tensor(name: &str, dims: &[i64], data_type: i32, raw: Vec<u8>) -> Tensor {
    Tensor { name: name.to_owned(), dims: dims.to_vec(), data_type, raw: raw.into(), ..Tensor::default() }
}

fn floats(name: &str, dims: &[i64], values: &[f32]) -> Tensor {
    tensor(name, dims, FLOAT, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

fn node(operator: &str, inputs: &[&str], output: &str) -> Node {
    let inputs = inputs.iter().map(|&name| name.to_owned()).collect();
    Node { inputs, outputs: vec![output.to_owned()], operator: operator.to_owned(), attributes: Vec::new() }
}

fn found(nodes: Vec<Node>, initializers: Vec<Tensor>, wanted: Wanted<'_>) -> Result<Vec<Vec<f32>>, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.onnx");
    fs::write(&path, Model { graph: Some(Graph { nodes, initializers }) }.encode_to_vec()).unwrap();
    // The weights follow five other bytes.
    let beside: Vec<u8> =
        [1.0_f32, 2.0, 3.0, -4.0, -5.0, -6.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(dir.path().join("data"), [&b"other"[..], &beside, b"more"].concat()).unwrap();
    read(&path, wanted)
}

fn external(location: &str) -> Tensor {
    let entry = |key: &str, value: &str| Entry { key: key.to_owned(), value: value.to_owned() };
    let external = vec![entry("location", location), entry("offset", "5"), entry("length", "24")];
    Tensor { external, ..tensor("w", &[2, 3], FLOAT, Vec::new()) }
}

/// A name, the nodes and the tensors of a graph, and the weights found in it.
type Case = (&'static str, Vec<Node>, Vec<Tensor>, Vec<f32>);

#[test]
fn weights_are_read_from_every_layer_that_has_them() {
    const ROWS: [f32; 6] = [1.0, 2.0, 3.0, -4.0, -5.0, -6.0];
    const COLUMNS: [f32; 6] = [1.0, -4.0, 2.0, -5.0, 3.0, -6.0];
    let gemm = || vec![node("Gemm", &["pooled", "w", "b"], "logits")];
    let scales = || [floats("s", &[2], &[0.5, 2.0]), tensor("z", &[2], INT8, vec![0, 1])];
    let quantized = || tensor("w", &[2, 3], INT8, [2_i8, 4, 6, -1, -1, -2].map(i8::cast_unsigned).to_vec());
    let halves = ROWS.iter().map(|&value| i32::from(f16::from_f32(value).to_bits())).collect();
    let behind = |constant: Tensor| {
        let mut value = node("Constant", &[], "w");
        value.attributes = vec![Attribute { tensor: Some(constant) }];
        vec![
            value,
            node("MatMul", &["pooled", "w"], "product"),
            node("Add", &["product", "b"], "sum"),
            node("Softmax", &["sum"], "logits"),
        ]
    };
    let rescaled = [2.0_f32, 3.0, 4.0].map(|value| value / 2.0);
    let table: Vec<Case> = vec![
        ("rows", gemm(), vec![floats("w", &[2, 3], &ROWS)], ROWS.to_vec()),
        ("columns", gemm(), vec![floats("w", &[3, 2], &COLUMNS)], ROWS.to_vec()),
        ("convolution", gemm(), vec![floats("w", &[2, 3, 1, 1], &ROWS)], ROWS.to_vec()),
        ("external", gemm(), vec![external("./data")], ROWS.to_vec()),
        (
            "half",
            gemm(),
            vec![Tensor { integers: halves, ..tensor("w", &[2, 3], FLOAT16, Vec::new()) }],
            ROWS.to_vec(),
        ),
        ("constant", behind(floats("w", &[3, 2], &COLUMNS)), vec![], ROWS.to_vec()),
        (
            "8 bits",
            vec![node("QGemm", &["pooled", "ps", "pz", "w", "s", "z", "b"], "logits")],
            scales().into_iter().chain([quantized()]).collect(),
            vec![1.0, 2.0, 3.0, -4.0, -4.0, -6.0],
        ),
        (
            "8 bits, dequantised, one scale",
            vec![
                node("DequantizeLinear", &["w", "s"], "dequantised"),
                node("Gemm", &["pooled", "dequantised"], "logits"),
            ],
            vec![floats("s", &[], &[0.5]), tensor("w", &[2, 3], UINT8, vec![2, 3, 4, 0, 0, 255])],
            rescaled.into_iter().chain([0.0, 0.0, 127.5]).collect(),
        ),
    ];
    for (name, nodes, initializers, expected) in table {
        assert_eq!(found(nodes, initializers, WANTED), Ok(vec![expected]), "{name}");
    }
}

#[test]
fn a_square_matrix_may_lie_either_way() {
    let square = Wanted { classes: 2, channels: 2, ..WANTED };
    let found = found(
        vec![node("Gemm", &["pooled", "w"], "logits")],
        vec![floats("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0])],
        square,
    );
    assert_eq!(found, Ok(vec![vec![1.0, 3.0, 2.0, 4.0], vec![1.0, 2.0, 3.0, 4.0]]));
}

#[test]
fn what_is_not_there_or_not_known_is_told() {
    let gemm = |from: &str| vec![node("Gemm", &[from, "w"], "logits")];
    let beyond = vec![node("Conv", &["image", "w"], "features"), node("Flatten", &["features"], "logits")];
    for (nodes, weights, expected) in [
        (gemm("pooled"), floats("w", &[3, 3], &[0.0; 9]), "no layer with 2 x 3 weights"),
        (beyond, floats("w", &[2, 3], &[0.0; 6]), "no layer with 2 x 3 weights"),
        (gemm("pooled"), floats("w", &[2, 3], &[0.0; 5]), "5 of 6 weights"),
        (gemm("pooled"), tensor("w", &[2, 3], INT8, vec![0; 6]), "have no scale"),
        (gemm("pooled"), tensor("w", &[2, 3], 16 + 7, vec![0; 6]), "type 23"),
        (gemm("pooled"), external("../data"), "not beside the graph"),
        (gemm("pooled"), external("elsewhere"), "No such file"),
    ] {
        let message = found(nodes, vec![weights], WANTED).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
}
