"""E_m given E_v and E_r: CoT-VTM's EmbedDiff, a diffusion over embeddings of music descriptions."""
