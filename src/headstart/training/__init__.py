"""Fine-tuning: what is trained, with what, and how it goes on after a stop."""
