"""From pixels into the space of words: model_repository/image_encoder."""
