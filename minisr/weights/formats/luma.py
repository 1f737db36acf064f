"""Full-range luma for studio-range networks; OpenCV's dnn_superres feeds full range.

``studio = SPAN * full + BLACK`` precedes such a network and the inverse follows it. Folding the
conversion into the first filters would be wrong at the border, since zero padding would then mean 0
in full range instead of 0 in studio range.
"""

from minisr.images.colour import full_to_studio

BLACK = full_to_studio(0.0)
SPAN = full_to_studio(1.0) - BLACK
TO_STUDIO = (SPAN, BLACK)  # factor and offset
TO_FULL = (1 / SPAN, -BLACK / SPAN)
