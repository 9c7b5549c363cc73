"""Diffusion and flow matching with iteration-level batching: every request in flight shares each denoiser call."""
