"""How often the verdict of ``fluorobench register`` is right, over real and simulated X-rays with known poses."""
