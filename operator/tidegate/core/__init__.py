"""The decisions: pure functions on plain data. No I/O, no clock, no randomness, no client library, no `async`.

`due` says what to query now, `decide` makes a plan of what was observed, `status` says what is written of it. Below them, each
room uses only those further down:

    report        what a report says of a run
    run           the life of a run: idle, steps, checkpoints, interrupts, promotion, end
    gates         what must be true before a raise          responses    what a breach does
    judging       is a limit met
    count_tests   the sequential tests on counts
    metrics       what to query, what an answer says        traffic      which numbers on which route
    jobs          which Jobs there are, and their outcomes  scaling      how many pods the candidate has
    tick          the context and the plan of one tick      statistics   pure mathematics
    model         the data
"""
