"""EfficientNet-B0's features up to its 1280 channels, from MONAI.

The only module that imports MONAI, which takes seconds to import: it is imported when a network is built.
"""

from torch import nn

# Kernel, stride, expansion and channels of the seven stages (Tan and Le, ICML 2019, table 1).
_STAGES = (
    "r1_k3_s11_e1_i32_o16_se0.25",
    "r2_k3_s22_e6_i16_o24_se0.25",
    "r2_k5_s22_e6_i24_o40_se0.25",
    "r3_k3_s22_e6_i40_o80_se0.25",
    "r3_k5_s11_e6_i80_o112_se0.25",
    "r4_k5_s22_e6_i112_o192_se0.25",
    "r1_k3_s11_e6_i192_o320_se0.25",
)
# In the order of the forward pass; pooling, dropout and classifier stay behind.
_TRUNK = ("_conv_stem_padding", "_conv_stem", "_bn0", "_swish", "_blocks", "_conv_head", "_bn1", "_swish")

FEATURES = 1280
REDUCTION = 32


def efficientnet_b0(image_size: int) -> nn.Sequential:
    """(B, 1, S, S) -> (B, 1280, S/32, S/32), without pre-trained weights; 4 006 972 parameters.

    No block is dropped at random (images are never seen twice), and running statistics follow within tens of steps
    instead of hundreds: trainings here are short.
    """
    from monai.networks.nets.efficientnet import EfficientNet

    whole = EfficientNet(
        list(_STAGES),
        in_channels=1,
        num_classes=1,
        image_size=image_size,
        norm=("batch", {"eps": 1e-3, "momentum": 0.1}),
        drop_connect_rate=0.0,
    )
    parts = dict(whole.named_children())
    return nn.Sequential(*(parts[name] for name in _TRUNK))
