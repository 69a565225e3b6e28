"""The models of the embedded controller: their state, and the changes they accept."""
