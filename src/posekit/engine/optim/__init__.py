"""How weights are moved: choice of the optimiser, its groups, schedule, accumulation, one step."""
