"""Colour profiles."""


def drop_foreign_profile(metadata, pixels):
    """Remove a colour profile whose header (bytes 16 to 20) names another colour space."""
    colour_space = b"GRAY" if pixels.ndim == 2 or pixels.shape[2] == 2 else b"RGB "
    if "icc_profile" in metadata and metadata["icc_profile"][16:20] != colour_space:
        del metadata["icc_profile"]
