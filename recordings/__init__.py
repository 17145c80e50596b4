"""Evidence: journal to sealed, encrypted bag; verify, replay, export."""
