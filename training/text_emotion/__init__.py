"""How words feel: model_repository/text_emotion."""
