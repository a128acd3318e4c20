"""Game days and the soak: the reference fleet and the router as processes, steady load before them,
and whole servers that die and come back meanwhile. docs/game-days.md tells what each one does."""
