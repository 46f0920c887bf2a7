"""An answer: store → board report, every figure with its source."""
