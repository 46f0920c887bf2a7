"""What an upstream really is and does: asked, not declared."""
