"""``minisr upscale``: pictures and videos, files and folders, pipes."""
