"""How pictures feel: model_repository/image_emotion."""
