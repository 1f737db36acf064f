"""cli.upscale."""
