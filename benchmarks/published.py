"""Figures that others have published, each with its source: luma PSNR in dB, as printed there.

"seen" were read in the source that is named; "recalled" were not seen in print while this was
written, only agree with what the text of that source says. Never quote a recalled figure as the
paper's without saying so.
"""

PAPER = "Shi et al., CVPR 2016"
SETS = ("Set5", "Set14", "BSD300", "BSD500")  # the paper's names: 5, 14, 100 and 200 test pictures

# (scale, method): the figures on SETS, then which of them were seen.
FIGURES = {
    (3, "bicubic"): ((30.39, 27.54, 27.21, 27.26), ("Set5",)),
    (3, "SRCNN, 91"): ((32.39, 29.00, 28.21, 28.28), ()),
    (3, "ESPCN relu, 91"): ((32.39, 28.97, 28.20, 28.27), ()),
    (3, "ESPCN tanh, 91"): ((32.55, 29.08, 28.26, 28.34), ("Set5", "Set14")),
    (3, "SRCNN, ImageNet"): ((32.52, 29.14, 28.29, 28.37), ()),
    (3, "ESPCN relu, ImageNet"): ((33.00, 29.42, 28.52, 28.62), ("Set5", "Set14", "BSD300")),
    (3, "SRCNN 9-5-5, ImageNet"): ((32.75, 29.30, 28.41, 28.48), ("Set5", "BSD300")),
    (3, "TNRD"): ((33.17, 29.46, 28.50, 28.54), ()),
    (3, "ESPCN tanh, ImageNet"): ((33.13, 29.49, 28.54, 28.64), ("Set5",)),
    (4, "bicubic"): ((28.42, 26.00, 25.96, 25.97), ("Set5",)),
    (4, "SRCNN 9-5-5, ImageNet"): ((30.49, 27.50, 26.90, 26.92), ("Set5", "BSD300")),
    (4, "TNRD"): ((30.85, 27.68, 27.00, 27.00), ()),
    (4, "ESPCN tanh, ImageNet"): ((30.90, 27.73, 27.06, 27.07), ("Set5", "Set14", "BSD300")),
}
