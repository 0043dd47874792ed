"""Makes the model bundles of lambda-image-classifier. Nothing here runs in the Lambda function.

Layout: `cli` parses the command, `export` runs it from weights to bundle, `verify` checks a
bundle. A `recipe` says what a model is made of; `lite_recipes` and `torchvision_recipes` have
them. `weights` verifies and loads, `published` knows and fetches torchvision's files.
`efficientnet_lite` builds its network out of `layers` (arithmetic) and `graph` (ONNX);
`architectures` builds torchvision's and `torch_onnx` writes them as ONNX. `compare` holds a model
against PyTorch, `preprocess` and `photos` run it on pictures, `bundle`, `labels` and `card` are
the files. `quantize` makes a bundle of 8-bit integers of another: `observe` looks at what flows
through the float model, `rounding` chooses the weights, `qdq` writes the graph. `hub` makes a
bundle of a repository on the Hugging Face hub, whose files `hub_files` fetches.
"""
