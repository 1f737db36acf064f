"""Larger video: decoded, enlarged and encoded frame by frame, all else copied as it is."""

from minisr.upscaling.video.job import preview_video, upscale_video

__all__ = ["preview_video", "upscale_video"]
