"""Zhang's network on masked X-rays of one camera of the wrist."""

from bench import registry
from studies.wrist.masked_networks import masked_card, masked_method, masked_trainer

plugin = masked_method("zhang")
trainer = masked_trainer("zhang", draws="incremental")
card = masked_card("zhang")
presets = registry.presets("zhang")
