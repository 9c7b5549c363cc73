"""The published aesthetic predictor as one graph: CLIP ViT-L/14 and the head of LAION. For the profile `full`."""
