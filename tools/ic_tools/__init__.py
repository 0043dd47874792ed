"""Makes the model bundles of lambda-image-classifier. Nothing here runs in the Lambda function.

Layout: `cli` parses the command, `export` runs it from weights to bundle, `recipes` says what
each model is made of. `weights` verifies and loads, `efficientnet_lite` builds the network out of
`layers` (arithmetic) and `graph` (ONNX), `compare` holds it against PyTorch, `preprocess` and
`photos` run it on pictures, `bundle` and `card` write the files.
"""
