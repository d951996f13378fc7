"""BM25 over a few texts (Robertson and Zaragoza, 2009), with its usual constants."""

import math
import re
from collections import Counter

K1 = 1.2
B = 0.75


def terms(text):
    return re.findall(r"\w+", text.lower())


class Index:
    def __init__(self, texts):
        self.counts = [Counter(terms(text)) for text in texts]
        self.lengths = [counts.total() for counts in self.counts]
        self.average = sum(self.lengths) / len(texts)
        holders = Counter(term for counts in self.counts for term in counts)
        self.weights = {term: math.log(1 + (len(texts) - n + 0.5) / (n + 0.5)) for term, n in holders.items()}

    def search(self, query, most):
        """Returns the indexes of the best texts and their scores, best first, without texts that lack every word of the query."""
        wanted = [term for term in terms(query) if term in self.weights]
        scores = [(self.score(place, wanted), place) for place in range(len(self.counts))]
        best = sorted(((score, place) for score, place in scores if score > 0), key=lambda hit: (-hit[0], hit[1]))
        return [(place, score) for score, place in best[:most]]

    def score(self, place, wanted):
        counts, length = self.counts[place], self.lengths[place] / self.average
        return sum(
            self.weights[term] * counts[term] * (K1 + 1) / (counts[term] + K1 * (1 - B + B * length)) for term in wanted
        )
