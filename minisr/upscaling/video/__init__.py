"""Enlarge video frame by frame; everything else in the file is copied unchanged."""

from minisr.upscaling.video.job import preview_video, upscale_video

__all__ = ["preview_video", "upscale_video"]
