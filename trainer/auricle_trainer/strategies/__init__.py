"""How many processes and devices train one network, behind a few verbs that do nothing when there is one.

    single          one process on one device: the reference
    data-parallel   one process, a batch split over several GPUs (torch.nn.DataParallel); on a CPU the same as single
    ddp             several processes with streams of their own, one gradient (DistributedDataParallel, torchrun)
    hogwild         several processes on one CPU write into the same weights without waiting for each other

Whatever the strategy, `training.streams` is the number of streams of all processes together: the global batch.
"""
