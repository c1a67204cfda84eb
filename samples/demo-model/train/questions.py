"""
Questions and answers about scenes, for whole batches at once: every text is put together from rows of token tables, on the device
where the scenes are. Rows are padded with -1; `join` closes the gaps.
"""

import torch

from things import COLOURS, COUNTS, EMOJI, NOUNS, PLURALS, POSITIONS, SHAPES, SIGNS, THINGS, capital, with_article
from vocabulary import BOS, EOS, PAD, Vocabulary

SYSTEM = ("A chat between a curious user and an artificial intelligence assistant. "
          "The assistant gives helpful, detailed, and polite answers to the user's questions.")
KINDS = ["presence", "count", "colour", "position", "side", "cell", "reading", "describe"]
ANSWER = 1 << 16  # marks a token that the model has to write

# "{}" stands for what is asked about
TEMPLATES = {
    "presence": ["Is there {} in the picture?", "Is there {}?", "Do you see {}?", "Can you see {} in the picture?"],
    "count": ["How many {} are there?", "How many {} do you see?", "How many {} are in the picture?", "Count the {}."],
    "colour": ["What colour is the {}?", "Which colour is the {}?", "What color is the {}?", "What is the colour of the {}?"],
    "position": ["Where is the {}?", "Where in the picture is the {}?", "Where do you see the {}?", "In which part of the picture is the {}?"],
    "side": ["Is the {} left or right of the {}?", "Is the {} to the left or to the right of the {}?",
             "On which side of the {1} is the {0}?", "Do you see the {} left or right of the {}?"],
    "cell": ["What is at the {}?", "What do you see at the {}?", "What is in the {} of the picture?", "Which thing is at the {}?"],
    "reading": ["What does the sign say?", "What is written in the picture?", "What is written on the sign?", "Read the sign."],
    "describe": ["Describe the picture.", "What is in the picture?", "What do you see?", "What does the picture show?"],
}
SEPARATORS = ["", ",", " and"]


class Texts:
    """The token tables, and what is put together from them."""

    def __init__(self, device):
        self.device = device
        articles = [with_article(noun) for noun in NOUNS]
        templates = [text for texts in TEMPLATES.values() for text in texts]
        several = [f"{count} {plural}" for count in COUNTS[2:] for plural in PLURALS[: len(EMOJI)]]
        pool = (["\n" + text.replace("{}", "").replace("{1}", "").replace("{0}", "") for text in templates]
                + templates + articles + [capital(a) for a in articles] + NOUNS + PLURALS + several + [capital(s) for s in several]
                + POSITIONS + [capital(p) for p in POSITIONS] + [capital(c) for c in COUNTS] + [capital(c) for c in COLOURS]
                + SIGNS + SHAPES + ["Yes No Nothing The sign says", " and", SYSTEM + " USER: ASSISTANT:"])
        pool = [text.replace("{}", " ").replace("{0}", " ").replace("{1}", " ") for text in pool]
        v = self.vocabulary = Vocabulary(pool)
        table = lambda texts: self._table([v.encode(text) if text else [] for text in texts])
        self.a, self.capital_a = table(articles), table([capital(a) for a in articles])
        self.nouns, self.plurals = table(NOUNS), table(PLURALS)
        self.shapes, self.signs = table(SHAPES), table(SIGNS)
        self.positions, self.capital_positions = table(POSITIONS), table([capital(p) for p in POSITIONS])
        self.capital_counts = table([capital(c) for c in COUNTS])
        self.capital_colours = table([capital(c) for c in COLOURS])
        self.answers = table(["No", "Yes", "Left", "Right", "Nothing"])
        self.several, self.capital_several = table(several), table([capital(s) for s in several])
        self.separators = self._table([[], [v.ids[","]], v.encode("and")])
        self.full_stop = self._table([[v.ids["."]]])
        self.sign_says = self._table([v.encode("The sign says")])
        self.turn = table(["ASSISTANT:", "USER:"])
        self.end = self._table([[EOS]])
        self.prefix = torch.tensor([BOS] + v.encode(SYSTEM + " USER:") + [v.ids["▁"]], device=device)
        self._templates = {kind: self._template_parts(texts) for kind, texts in TEMPLATES.items()}
        # a question in a later turn begins without the line break that follows a picture
        self._later = torch.arange(len(v), device=device)
        for token, i in v.ids.items():
            if token.startswith("▁\n") and "▁" + token[2:] in v.ids:
                self._later[i] = v.ids["▁" + token[2:]]

    def _table(self, rows):
        width = max(1, max(len(row) for row in rows))
        return torch.tensor([row + [-1] * (width - len(row)) for row in rows], device=self.device)

    def _template_parts(self, texts):
        """Token tables of what stands before, between and behind the things asked about, and whether their order is turned."""
        parts = [[], [], []]
        turned = ["{1}" in text for text in texts]
        for text in texts:
            pieces = ("\n" + text.replace("{0}", "{}").replace("{1}", "{}")).split("{}")
            for i in range(3):
                piece = pieces[i] if i < len(pieces) else ""
                ids = []
                if piece.strip(" "):
                    ids = self.vocabulary.encode(piece.strip(" "))
                    if i > 0 and not piece.startswith(" "):
                        ids = ids[1:]  # punctuation directly behind a thing
                parts[i].append(ids)
        return [self._table(rows) for rows in parts], torch.tensor(turned, device=self.device)

    def ask(self, kind, choice, first=None, second=None):
        """Tokens of a question by template numbers [n] and tokens of up to two things [n, w]."""
        (before, between, behind), turned = self._templates[kind]
        pieces = [before[choice]]
        if second is not None:
            width = max(first.shape[1], second.shape[1])
            first, second = widen(first, width), widen(second, width)
            swap = turned[choice][:, None]
            first, second = torch.where(swap, second, first), torch.where(swap, first, second)
        if first is not None:
            pieces.append(first)
        pieces.append(between[choice])
        if second is not None:
            pieces.append(second)
        return join(pieces + [behind[choice]])

    def later(self, tokens):
        """The same tokens, for a turn that no picture stands in front of."""
        plain = tokens.clamp(min=0) % ANSWER
        return torch.where(tokens >= 0, tokens - plain + self._later[plain], tokens)


def widen(rows, width):
    return torch.nn.functional.pad(rows, (0, width - rows.shape[1]), value=-1)


def join(pieces, width=None):
    """Concatenates rows [n, w_i] without their -1s; they stay at the end. Cut or filled to width if given."""
    rows = torch.cat(pieces, 1)
    order = torch.argsort((rows < 0).to(torch.uint8), dim=1, stable=True)
    rows = rows.gather(1, order)
    if width is None:
        return rows
    return rows[:, :width] if rows.shape[1] >= width else widen(rows, width)


def pick(weights, generator):
    """One index per row, by weights [n, w]; 0 where all are 0."""
    noise = torch.rand(weights.shape, generator=generator, device=weights.device)
    return (weights * (noise + 1e-6)).argmax(1)


def single_questions(texts, scene, generator, kinds=None):
    """
    One question about each scene, of kinds that the scene allows.
    scene: see scenes.sample. kinds: wanted kind per scene, or None.
    Returns question and answer tokens [n, w] and kinds [n].
    """
    n, device = scene["cells"].shape[0], scene["cells"].device
    cells, text_row = scene["cells"], scene["text_row"]
    occupied = (cells >= 0).float()
    counts = thing_counts(cells)
    alone = occupied * (counts.gather(1, cells.clamp(min=0)) == 1)
    choice = torch.randint(0, 4, (n,), generator=generator, device=device)
    coin = torch.rand(n, generator=generator, device=device)
    row = torch.arange(n, device=device)
    absent = pick((counts == 0).float(), generator)
    present = cells[row, pick(occupied, generator)]

    asked = torch.where(coin < 0.5, present, absent)
    presence = texts.ask("presence", choice, texts.a[asked]), texts.answers[(coin < 0.5).long()]

    repeated = cells[row, pick(occupied * (1 + 20 * (counts.gather(1, cells.clamp(min=0)) > 1)), generator)]
    asked = torch.where(coin < 0.5, repeated, torch.where(coin < 0.87, present, absent))
    number = counts.gather(1, asked[:, None])[:, 0].clamp(max=4)
    count = texts.ask("count", choice, texts.plurals[asked]), texts.capital_counts[number]

    coloured = (cells >= len(EMOJI)).float()
    shape = (cells[row, pick(coloured, generator)] - len(EMOJI)).clamp(min=0)
    colour = (texts.ask("colour", choice, texts.shapes[shape // len(COLOURS)]), texts.capital_colours[shape % len(COLOURS)])

    place = pick(alone, generator)
    name = texts.nouns[cells[row, place].clamp(min=0)]
    position = texts.ask("position", choice, name), texts.capital_positions[place]

    column = torch.arange(9, device=device) % 3
    aside = alone * (column[None] != (place % 3)[:, None])
    other = pick(aside, generator)
    side = (texts.ask("side", choice, name, texts.nouns[cells[row, other].clamp(min=0)]),
            texts.answers[2 + (place % 3 > other % 3).long()])

    free = (torch.arange(9, device=device)[None] // 3 != text_row[:, None]).float()
    where = pick(free * (0.3 + occupied), generator)
    there = cells[row, where]
    cell = texts.ask("cell", choice, texts.positions[where]), torch.where(
        (there >= 0)[:, None], texts.capital_a[there.clamp(min=0)], widen(texts.answers[4:5], texts.capital_a.shape[1]))

    reading = texts.ask("reading", choice), texts.signs[scene["sign"].clamp(min=0)]

    valid = torch.stack([torch.ones(n, device=device), torch.ones(n, device=device), coloured.sum(1).clamp(max=1), alone.sum(1).clamp(max=1),
                         aside.sum(1).clamp(max=1) * alone.sum(1).clamp(max=1), torch.ones(n, device=device), (text_row >= 0).float()], 1)
    if kinds is None:
        chosen = pick(valid, generator)
    else:
        fits = valid.gather(1, kinds[:, None])[:, 0] > 0
        chosen = torch.where(fits, kinds, pick(valid, generator))
    return (choose([q for q, _ in (presence, count, colour, position, side, cell, reading)], chosen),
            choose([a for _, a in (presence, count, colour, position, side, cell, reading)], chosen), chosen)


def choose(options, chosen):
    width = max(option.shape[1] for option in options)
    return torch.stack([widen(option, width) for option in options], 1)[torch.arange(len(chosen), device=chosen.device), chosen]


def thing_counts(cells):
    counts = torch.zeros(cells.shape[0], THINGS, dtype=torch.long, device=cells.device)
    return counts.scatter_add_(1, cells.clamp(min=0), (cells >= 0).long())


def descriptions(texts, scene, generator):
    """A request to describe the scene and its answer: things in reading order, equal ones together, then the sign."""
    cells = scene["cells"]
    n, device = cells.shape[0], cells.device
    choice = torch.randint(0, 4, (n,), generator=generator, device=device)
    known = cells.clamp(min=0)
    count = thing_counts(cells).gather(1, known)
    same = (cells[:, :, None] == cells[:, None, :]) & torch.ones(9, 9, dtype=torch.bool, device=device).tril(-1)[None]
    first = (cells >= 0) & ~same.any(2)
    rank = first.long().cumsum(1) - 1
    last = rank == first.sum(1, keepdim=True) - 1
    pieces = []
    for i in range(9):
        here, thing, number = first[:, i, None], known[:, i], count[:, i]
        begins = rank[:, i, None] == 0
        several = ((number - 2).clamp(0, 2) * len(EMOJI) + thing).clamp(max=texts.several.shape[0] - 1)
        width = max(texts.a.shape[1], texts.several.shape[1])
        one = widen(torch.where(begins, texts.capital_a[thing], texts.a[thing]), width)
        many = widen(torch.where(begins, texts.capital_several[several], texts.several[several]), width)
        phrase = torch.where((number > 1)[:, None], many, one)
        separator = texts.separators[torch.where(begins[:, 0], 0, torch.where(last[:, i], 2, 1))]
        pieces += [torch.where(here, separator, -1), torch.where(here, phrase, -1)]
    sign = join([texts.sign_says.expand(n, -1), texts.signs[scene["sign"].clamp(min=0)], texts.full_stop.expand(n, -1)])
    pieces += [texts.full_stop.expand(n, -1), torch.where((scene["text_row"] >= 0)[:, None], sign, -1)]
    return texts.ask("describe", choice), join(pieces)


def repeat(scene, times):
    return {name: scene[name].repeat_interleave(times, 0) for name in ("cells", "text_row", "sign")}


def segments(texts, scene, generator, singles=4, lengths=(22, 44, 45)):
    """
    Text segments that follow the same picture and do not see each other: single questions, a dialogue of two questions, a description.
    Returns a list of token rows [n, length] padded with <pad>, those the model has to write marked by ANSWER. With the prompt's 31
    tokens in front of the picture the lengths make a multiple of 8, which attention with a mask is fastest at.
    """
    n = scene["cells"].shape[0]
    one = lambda rows, table: table.expand(rows, -1)
    written = lambda tokens: torch.where(tokens >= 0, tokens + ANSWER, tokens)
    question, answer, _ = single_questions(texts, repeat(scene, singles + 2), generator)
    rows = len(question)
    turn = [question, one(rows, texts.turn[0:1]), written(answer), one(rows, written(texts.end))]
    single = join(turn, lengths[0]).view(n, singles + 2, -1)
    full = join(turn).view(n, singles + 2, -1)
    dialogue = join([full[:, -2], one(n, texts.turn[1:2]), texts.later(full[:, -1])], lengths[1])
    question, answer = descriptions(texts, scene, generator)
    description = join([question, one(n, texts.turn[0:1]), written(answer), one(n, written(texts.end))], lengths[2])
    return [torch.where(s < 0, PAD, s) for s in list(single[:, :singles].unbind(1)) + [dialogue, description]]
