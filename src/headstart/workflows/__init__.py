"""One public function a command; the command line and Python both call it."""
