"""The picture model: a text-conditioned flow-matching UNet in pixel space and a learned upscaler as its decoder."""
