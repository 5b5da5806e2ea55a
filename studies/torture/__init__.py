"""Does anything get lost, mixed up or stuck when a run is killed, a disk is full or an input is hostile?"""
