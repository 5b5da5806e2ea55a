"""ResRegNet on masked X-rays of one camera of the wrist."""

from studies.wrist.masked_networks import masked_card, masked_method, masked_trainer

plugin = masked_method("res_reg_net")
trainer = masked_trainer("res_reg_net")
card = masked_card("res_reg_net")
