"""What is added to a benchmark's own question: LLaVA-1.5's literal words, which tables stand on."""

SHORT_ANSWER = "\nAnswer the question using a single word or phrase."
OPTION_LETTER = "\nAnswer with the option's letter from the given choices directly."
OPTION_LETTER_CN = "\n请直接回答选项字母。"
VIZWIZ = (
    "\nWhen the provided information is insufficient, respond with 'Unanswerable'." + SHORT_ANSWER
)
CHART_ANSWER = "\nAnswer the question with a single word."
