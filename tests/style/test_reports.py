"""What people reported of other style-transfer and segmentation programs, rebuilt small; each test says whose."""

import io

import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras")

import fashion_tf  # noqa: E402
from fashion_tf.metrics import IGNORE, ConfusionMatrix  # noqa: E402
from fashion_tf.models.deeplab import deeplab_segmenter  # noqa: E402
from fashion_tf.models.fpn import PixelCrossEntropy  # noqa: E402
from fashion_tf.models.unet import unet_segmenter  # noqa: E402
from fashion_tf.style import comparison, upsample_mask  # noqa: E402
from fashion_tf.style.features import style_loss  # noqa: E402
from fashion_tf.style.gram import gram_transfer  # noqa: E402
from fashion_tf.style.stylizers import StatisticsStylizer  # noqa: E402


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(20, 236, shape, np.uint8)


@pytest.fixture(scope="module")
def loss():
    return style_loss("small_vgg", None, ["c2", "c3"], ["c3"], seed=1)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_small_picture_does_not_come_out_black(loss, optimizer):
    """jcjohnson/neural-style #2 and #47: losses that never move, and a black picture, at 50 to 200 pixels."""
    run = gram_transfer(noise(50, 50, 3), noise(50, 50, 3, seed=1), loss, sizes=(50,), steps=5, optimizer=optimizer)
    losses = [step.loss for step in run.history]
    assert np.isfinite(losses).all() and losses[-1] < losses[0] and run.picture.mean() > 60


def test_looking_at_a_preview_changes_nothing(loss):
    """keras-team/keras #3340: showing the picture wrote into what the optimizer went on with."""
    def scribble(step, picture):
        preview = picture()
        preview[:] = 0

    photo, painting = noise(48, 40, 3), noise(40, 40, 3, seed=1)
    untouched = gram_transfer(photo, painting, loss, sizes=(48,), steps=4)
    looked_at = gram_transfer(photo, painting, loss, sizes=(48,), steps=4, progress=scribble)
    assert (untouched.picture == looked_at.picture).all()
    assert [step.loss for step in untouched.history] == [step.loss for step in looked_at.history]


def test_grey_pictures_have_colour_statistics_without_a_root(loss):
    """dsanno/chainer-neural-style #7: the covariance of a grey picture's colours has no rank, and all became NaN."""
    grey, colours = np.repeat(noise(40, 36, 1), 3, 2), noise(40, 36, 3, seed=1)
    paint = StatisticsStylizer()
    for photo, painting in ((grey, colours), (colours, grey), (grey, np.full_like(grey, 128))):
        assert np.isfinite(paint.paint(photo / 255, paint.style_vector(painting))).all()
    assert np.ptp(paint(colours, grey).astype(int), axis=-1).mean() < 25  # nearly grey, as the painting
    kept = gram_transfer(grey, colours, loss, sizes=(40,), steps=2, keep_colours=True).picture
    assert np.ptp(kept.astype(int), axis=-1).max() <= 3  # rounding


@pytest.mark.parametrize("mode", ["LA", "RGBA", "L", "P", "1", "CMYK", "I;16"])
def test_pictures_of_every_mode_are_content_and_style(tmp_path, mode):
    """lucidrains/stylegan2-pytorch #108 (grey with opacity), alexjc/neural-doodle #11 and clovaai/WCT2 #9 (four
    channels), limingcv/Photorealistic-Style-Transfer #3 (one)."""
    picture = Image.fromarray(noise(24, 20, 3))
    picture = Image.fromarray(noise(24, 20).astype(np.uint16) * 257) if mode == "I;16" else picture.convert(mode)
    path = tmp_path / ("odd.jpg" if mode == "CMYK" else "odd.png")
    picture.save(path)
    Image.fromarray(noise(24, 20, 3, seed=1)).save(tmp_path / "plain.png")
    for photo, painting in ((path, tmp_path / "plain.png"), (tmp_path / "plain.png", path)):
        painted, = fashion_tf.stylize(photo, painting, stylizer="statistics")
        assert painted.shape == (24, 20, 3) and painted.std() > 5


@pytest.mark.parametrize("height, width", [(3, 401), (401, 3), (97, 61)])
def test_the_picture_has_the_photos_size(height, width):
    """magenta/magenta-js #438 and albarji/neural-style-docker #5: whatever goes in, another size comes out."""
    assert StatisticsStylizer()(noise(height, width, 3), noise(30, 50, 3, seed=1)).shape == (height, width, 3)


@pytest.mark.parametrize("build", [unet_segmenter, deeplab_segmenter])
@pytest.mark.parametrize("size", [(67, 46)])
def test_sides_that_32_does_not_divide(build, size, eagerly):
    """qubvel/segmentation_models #58, #244 and #502, lattice-ai/DeepLabV3-Plus #8: layers that do not fit together."""
    options = {"channels": 8} if build is deeplab_segmenter else {"channels": (8, 8, 8, 8)}
    answer = build("small_resnet", 2, size, seed=1, **options).predict_on_batch(noise(1, *size, 3))
    assert answer.shape == (1, *size, 2)
    np.testing.assert_allclose(answer.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("build", [unet_segmenter, deeplab_segmenter])
def test_one_photo_a_step(build, eagerly):
    """tensorflow/models #5066: with one photo a step the variance of the image's mean is 0, and the weights NaN."""
    options = {"channels": 8} if build is deeplab_segmenter else {"channels": (8, 8, 8, 8)}
    model = build("small_resnet", 2, 64, seed=1, **options)
    model.compile(keras.optimizers.Adam(0.01), PixelCrossEntropy(), jit_compile=False)
    photos, masks = noise(3, 64, 64, 3), noise(3, 64, 64) // 128
    for one in range(3):
        assert np.isfinite(model.train_on_batch(photos[one:one + 1], masks[one:one + 1]))
    assert np.isfinite(model.predict_on_batch(photos)).all()
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_a_photo_without_the_garment_that_is_rightly_left_alone_spoils_no_score():
    """bytedance/Sa2VA #171, qubvel-org/segmentation_models.pytorch #761: 0/0 where truth and answer are empty made
    the score of all of them NaN."""
    truth, answer = np.zeros((3, 20, 20), np.uint8), np.zeros((3, 20, 20), np.uint8)
    truth[0, 5:15, 5:15] = answer[0, 5:15, 5:12] = truth[1, 2:8, 2:8] = answer[1, 2:8, 2:8] = 1
    with_empty, without = comparison.mask_scores(truth, answer), comparison.mask_scores(truth[:2], answer[:2])
    for name in ("iou", "dice", "boundary_f"):
        assert np.isfinite(with_empty[name]) and with_empty[name] == without[name]


def test_a_class_that_is_nowhere_is_no_zero():
    """Lightning-AI/torchmetrics #2558: a class that neither truth nor answer has counted as an IoU of 0."""
    matrix = ConfusionMatrix(3)
    matrix.update(np.array([[0, 0, 2, 2, IGNORE]]), np.array([[0, 0, 2, 0, 1]]))
    iou = matrix.iou
    assert iou[0] == pytest.approx(2 / 3) and iou[2] == pytest.approx(1 / 2) and np.isnan(iou[1])
    assert matrix.class_mean_iou == pytest.approx((2 / 3 + 1 / 2) / 2)


@pytest.mark.parametrize("size", [(823, 550), (300, 301), (97, 150)])
def test_an_enlarged_mask_is_not_shifted(size):
    """darktable-org/darktable #21764 and ultralytics/ultralytics #24617: masks enlarged by another convention of
    where a pixel lies, off by up to twelve pixels of the photo."""
    mask = np.zeros((48, 32), bool)
    mask[12:36, 8:20] = True
    large = upsample_mask(mask, np.full((*size, 3), 128, np.uint8)) >= 0.5  # a plain photo attracts no border
    rows, columns = np.flatnonzero(large.any(1)), np.flatnonzero(large.any(0))
    found = np.array([rows[0], rows[-1] + 1, columns[0], columns[-1] + 1])
    expected = np.array([12, 36]) * size[0] / 48, np.array([8, 20]) * size[1] / 32
    assert np.abs(found - np.concatenate(expected)).max() <= 1


def test_a_saved_parser_needs_no_loss(tmp_path, eagerly):
    """qubvel/segmentation_models #181, #266 and #466: a model that was trained with a loss of its own could not be
    loaded again."""
    from fashion_tf.predictor import load_predictor, save_predictor

    model = unet_segmenter("small_resnet", 2, 64, channels=(8, 8, 8, 8), seed=1)
    model.compile("adam", PixelCrossEntropy(), jit_compile=False)
    model.train_on_batch(noise(2, 64, 64, 3), noise(2, 64, 64) // 128)
    save_predictor(tmp_path / "parser", model, ("background", "clothing"), 64, "parsing")
    photos = noise(2, 64, 64, 3, seed=3)
    np.testing.assert_allclose(load_predictor(tmp_path / "parser").model.predict_on_batch(photos),
                               model.predict_on_batch(photos), atol=1e-6)


def test_colours_that_a_file_explains(tmp_path):
    """danielgatis/rembg #269, xuebinqin/U-2-Net #250 and chaiNNer #2599: without the photo's colour profile the
    result looks pale."""
    from PIL import ImageCms

    profile, content = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), io.BytesIO()
    Image.fromarray(noise(24, 20, 3)).save(content, "JPEG", icc_profile=profile)
    (tmp_path / "photo.jpg").write_bytes(content.getvalue())
    from fashion_tf.style.use import stylize_to

    done = stylize_to(tmp_path / "out", [tmp_path / "photo.jpg"], styles=[tmp_path / "photo.jpg"],
                      stylizer="statistics")
    with Image.open(done.rows[0]["picture"]) as picture:
        assert picture.info["icc_profile"] == profile
