"""LGFF-Reg on masked X-rays of one camera of the wrist."""

from studies.wrist.masked_networks import masked_card, masked_method, masked_trainer

plugin = masked_method("lgff_reg")
trainer = masked_trainer("lgff_reg")
card = masked_card("lgff_reg")
