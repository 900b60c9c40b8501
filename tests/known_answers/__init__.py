"""Known answers: inputs with what they must give."""
