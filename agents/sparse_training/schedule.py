"""When a sparse training changes the structure of its network."""


def update_steps(batches: int) -> range:
    """Numbers of batches after which the structure changes; empty for fewer than 8 batches.

    The structure changes forty times at most, and no more often than every 5 batches. It stays
    during the last quarter of the training, so that the weights can settle (as in RigL: Evci et
    al. 2020, section 3(2)). Published schedules have tens of thousands of batches, and change the
    structure every 100 to 1,000 of them.

    Args:
        batches: Number of batches of the whole training.
    """
    interval = max(5, batches // 40)
    return range(interval, 3 * batches // 4, interval)
