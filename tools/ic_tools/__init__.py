"""Makes the model bundles of lambda-image-classifier. Nothing here runs in the Lambda function.

Modules: `cli` parses the command, `export` runs it from weights to bundle, `verify` checks a bundle. A `recipe`
describes how a model is made; `lite_recipes` and `torchvision_recipes` contain the recipes. `weights` verifies and
loads weights, `published` lists and downloads torchvision's files. `efficientnet_lite` builds its network from `layers`
(arithmetic) and `graph` (ONNX). `architectures` builds torchvision's networks, and `torch_onnx` exports them to ONNX.
`compare` compares a model with PyTorch, and `preprocess` and `photos` run it on pictures. `bundle`, `labels` and `card`
write the files. `quantize` makes an 8-bit bundle from a float one: `observe` collects statistics of the float model,
`rounding` chooses the weights, `qdq` writes the graph. `hub` makes a bundle from a repository on the Hugging Face hub;
`hub_files` downloads its files.
"""
