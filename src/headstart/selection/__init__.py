"""Which backbone suits the data and which strategy to take, before anything is trained."""
