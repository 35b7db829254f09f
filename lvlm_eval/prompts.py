"""What is added to a benchmark's own question: LLaVA-1.5's literal words, which tables stand on."""

SHORT_ANSWER = "\nAnswer the question using a single word or phrase."
