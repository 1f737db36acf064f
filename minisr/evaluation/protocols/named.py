"""The field's protocols by name, and the choices whose effect on PSNR is measured."""

from minisr.evaluation.protocols.protocol import Protocol

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "matlab",
            "luma (studio range, 8 bits), low resolution by MATLAB's imresize, "
            "a border as wide as the scale shaved off",
        ),
        Protocol(
            "basicsr",
            "pictures are cropped to a multiple of 12, shrunk and enlarged in colour, and rounded; "
            "their luma is not rounded; grey counts as colour",
            given="picture",
            fit="crop to 12",
            shrink="matlab double",
            rounded=False,
            grey_is_luma=False,
        ),
        Protocol(
            "edsr",
            "as basicsr, but cropped to a multiple of the scale and shrunk in 8 bits; its factors "
            "of luma, over 256, agree to 1e-6 (EDSR's benchmark sets)",
            given="picture",
            luma="studio, over 256",
            rounded=False,
            grey_is_luma=False,
        ),
        Protocol(
            "edsr-div2k",
            "as edsr, but all three colours, and a border 6 pixels wider shaved off "
            "(EDSR's figures on DIV2K)",
            given="picture",
            luma=None,
            grey_is_luma=False,
            shave=6,
        ),
        Protocol(
            "yjn870",
            "luma with 64.738 for red, Pillow's bicubic, originals resized instead of cropped, "
            "nothing rounded or shaved",
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
            "full-range luma, the central 256 x 256 pixels, shrunk by Pillow's bilinear, nothing "
            "clipped, rounded or shaved, PSNR of the mean squared error of all pictures",
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
            "nothing shaved, SSIM across the border (dnn_superres's benchmark)",
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

# Protocol `matlab` with one choice changed at a time, to measure what each is worth.
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
