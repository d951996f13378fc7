"""A language model of word trigrams that backs off to bigrams and single words, smoothed for its perplexity."""

import math
import random
from collections import Counter, defaultdict

START = ("", "")


class Model:
    def __init__(self):
        # By the last two words, the last one, and none.
        self.following = [defaultdict(Counter), defaultdict(Counter), defaultdict(Counter)]

    def learn(self, text):
        before = START
        for word in text.split():
            for order, table in enumerate(self.following):
                table[before[order:]][word] += 1
            before = (before[1], word)

    def continue_from(self, prompt, most, seed):
        """Returns up to `most` words: the same ones for the same prompt and seed."""
        chance = random.Random(f"{seed} {prompt}")
        before = (START + tuple(prompt.split()))[-2:]
        for _ in range(most):
            counts = self.counts(before)
            if not counts:
                return
            word = chance.choices(list(counts), weights=counts.values())[0]
            yield word
            before = (before[1], word)

    def counts(self, before):
        """Returns the words that followed the longest known end of `before`."""
        for order, table in enumerate(self.following):
            if before[order:] in table:
                return table[before[order:]]
        return Counter()

    def perplexity(self, text):
        """Returns the perplexity of a text; 1 is the least."""
        words = text.split()
        known = len(self.following[2][()]) + 1
        surprise, before = 0.0, START
        for word in words:
            counts = self.following[1].get(before[1:], Counter())
            surprise -= math.log((counts[word] + 1) / (counts.total() + known))
            before = (before[1], word)
        return math.exp(surprise / max(len(words), 1))
