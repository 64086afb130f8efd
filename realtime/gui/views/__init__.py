"""What is drawn: views that are told what to show and hold no logic of their own."""
