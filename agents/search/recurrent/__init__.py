"""Search strategies with a recurrent controller that is trained by policy gradients."""
