"""The protocols of the field by name, and what each of their choices is worth."""

from minisr.evaluation.protocols.protocol import Protocol

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "matlab",
            "luma (studio range, 8 bits), low resolution by MATLAB's imresize, "
            "scale pixels shaved off each side",
        ),
        Protocol(
            "basicsr",
            "pictures are cropped to a multiple of 12, shrunk and enlarged in colour and rounded, "
            "but their luma is not; grey counts as colour",
            given="picture",
            fit="crop to 12",
            shrink="matlab double",
            rounded=False,
            grey_is_luma=False,
        ),
        Protocol(
            "edsr",
            "as basicsr, but cropped to a multiple of the scale, shrunk in 8 bits; luma's factors "
            "over 256 are the same to 1e-6 (its benchmark sets)",
            given="picture",
            luma="studio, over 256",
            rounded=False,
            grey_is_luma=False,
        ),
        Protocol(
            "edsr-div2k",
            "as edsr, but all three colours, and 6 pixels more than the scale shaved off each side "
            "(its figures on DIV2K)",
            given="picture",
            luma=None,
            grey_is_luma=False,
            shave=6,
        ),
        Protocol(
            "yjn870",
            "luma with 64.738 for red, Pillow's bicubic, originals resized instead of cropped, "
            "nothing rounded, nothing shaved",
            given="luma of low",
            fit="resize",
            shrink="pillow bicubic",
            enlarge="pillow bicubic",
            luma="studio, 64.738",
            rounded=False,
            answer="clipped",
            grey_is_luma=False,
            shave=None,
        ),
        Protocol(
            "torch-example",
            "full-range luma, 256 x 256 from the centre, shrunk bilinearly by Pillow, neither "
            "clipped nor rounded nor shaved, PSNR of the mean squared error of all pictures",
            fit="centre",
            shrink="pillow bilinear",
            enlarge="pillow bicubic",
            luma="full",
            answer="raw",
            shave=None,
            mean="mse",
        ),
        Protocol(
            "opencv",
            "all three colours in full range, shrunk by OpenCV's bilinear without antialiasing, "
            "nothing shaved, SSIM over the border (dnn_superres's benchmark)",
            given="picture",
            shrink="opencv linear",
            enlarge="opencv bicubic",
            luma=None,
            grey_is_luma=False,
            shave=None,
            mirrored=True,
        ),
        Protocol(
            "tf-espcn",
            "as opencv, but shrunk by OpenCV's bicubic without antialiasing: what OpenCV's ESPCN "
            "files were trained on",
            given="picture",
            shrink="opencv bicubic",
            enlarge="opencv bicubic",
            luma=None,
            grey_is_luma=False,
            shave=None,
            mirrored=True,
        ),
    )
}

# One choice of `matlab` changed at a time: what each is worth, whoever makes it.
DIFFERENCES = {
    "full-range luma for studio range (-1.32 but for rounding and grey pictures)": {"luma": "full"},
    "64.738 for 65.738 in luma's factor of red (+0.04 but for grey pictures)": {
        "luma": "studio, 64.738"
    },
    "three colours for luma": {"given": "picture", "luma": None, "grey_is_luma": False},
    "grey pictures converted to studio range": {"grey_is_luma": False},
    "neither luma nor answer rounded": {"rounded": False, "answer": "clipped"},
    "nothing shaved": {"shave": None},
    "shrunk in colour, not in luma": {"given": "luma of low"},
    "originals resized to a multiple of the scale, not cropped": {"fit": "resize"},
    "cropped to a multiple of 12": {"fit": "crop to 12"},
    "256 x 256 pixels of the centre": {"fit": "centre"},
    "Pillow's bicubic, both ways": {"shrink": "pillow bicubic", "enlarge": "pillow bicubic"},
    "Pillow's bilinear for shrinking": {"shrink": "pillow bilinear"},
    "OpenCV's bicubic for shrinking": {"shrink": "opencv bicubic"},
    "OpenCV's bilinear for shrinking": {"shrink": "opencv linear"},
    "OpenCV's bicubic for enlarging": {"enlarge": "opencv bicubic"},
    "PSNR of the mean squared error of all pictures": {"mean": "mse"},
}
