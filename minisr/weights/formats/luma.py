"""Luma of full range, which is what OpenCV's dnn_superres feeds, for networks of studio range.

studio = SPAN * full + BLACK goes before such a network, and its inverse behind it. Taken into the
first filters instead, it would be wrong at the border: beyond it there is black of full range, not
of studio range.
"""

from minisr.images.colour import full_to_studio

BLACK = full_to_studio(0.0)
SPAN = full_to_studio(1.0) - BLACK
TO_STUDIO = (SPAN, BLACK)  # factor, and offset added
TO_FULL = (1 / SPAN, -BLACK / SPAN)
