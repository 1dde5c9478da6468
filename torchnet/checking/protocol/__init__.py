"""What a backward has to do beside being right once: no side effects, no state, any memory layout."""
