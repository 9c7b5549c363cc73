"""The music captioner: token states and labels of the audio encoder to a caption."""
