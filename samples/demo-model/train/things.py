"""What scenes are made of: emoji, coloured shapes and the words on signs. Ids follow the order of these lists."""

# (emoji, noun, plural)
EMOJI = [
    ("🐶", "dog", "dogs"), ("🐱", "cat", "cats"), ("🐭", "mouse", "mice"), ("🐰", "rabbit", "rabbits"),
    ("🦊", "fox", "foxes"), ("🐻", "bear", "bears"), ("🐼", "panda", "pandas"), ("🦁", "lion", "lions"),
    ("🐮", "cow", "cows"), ("🐷", "pig", "pigs"), ("🐸", "frog", "frogs"), ("🐵", "monkey", "monkeys"),
    ("🐔", "chicken", "chickens"), ("🐧", "penguin", "penguins"), ("🦉", "owl", "owls"), ("🐴", "horse", "horses"),
    ("🐝", "bee", "bees"), ("🦋", "butterfly", "butterflies"), ("🐢", "turtle", "turtles"), ("🐙", "octopus", "octopuses"),
    ("🐘", "elephant", "elephants"), ("🌵", "cactus", "cactuses"), ("🌳", "tree", "trees"), ("🌻", "sunflower", "sunflowers"),
    ("🍄", "mushroom", "mushrooms"), ("🍎", "apple", "apples"), ("🍌", "banana", "bananas"), ("🍇", "grape", "grapes"),
    ("🍓", "strawberry", "strawberries"), ("🍋", "lemon", "lemons"), ("🥕", "carrot", "carrots"), ("🍕", "pizza", "pizzas"),
    ("🍔", "burger", "burgers"), ("🍩", "donut", "donuts"), ("🎂", "cake", "cakes"), ("⚽", "football", "footballs"),
    ("🏀", "basketball", "basketballs"), ("🎸", "guitar", "guitars"), ("🚗", "car", "cars"), ("🚌", "bus", "buses"),
    ("🚲", "bicycle", "bicycles"), ("🚀", "rocket", "rockets"), ("⛵", "boat", "boats"), ("🏠", "house", "houses"),
]

COLOURS = {
    "red": (214, 38, 38), "orange": (245, 140, 20), "yellow": (248, 218, 40), "green": (40, 160, 60),
    "blue": (40, 90, 215), "purple": (135, 55, 175), "black": (25, 25, 25), "white": (245, 245, 245),
}

SHAPES = ["circle", "square", "triangle", "star"]

# every shape in every colour: the thing len(EMOJI) + shape * len(COLOURS) + colour
COLOURED = [(shape, colour) for shape in SHAPES for colour in COLOURS]

SIGNS = (
    "STOP OPEN EXIT SALE TAXI CAFE BANK HOTEL MUSIC BOOKS FRESH PIZZA WATER PARK ZOO BUS SCHOOL HELLO BREAD MILK "
    "FISH TEA ART GAMES TOYS SHOES LIBRARY MARKET MUSEUM POOL BEACH GARDEN TICKETS TRAIN PHOTO FILM ICE JUICE SOUP WELCOME"
).split() + [str(number) for number in range(10, 100)]

CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

POSITIONS = ["top left", "top", "top right", "left", "centre", "right", "bottom left", "bottom", "bottom right"]

COUNTS = ["none", "one", "two", "three", "four"]

NOUNS = [noun for _, noun, _ in EMOJI] + [f"{colour} {shape}" for shape, colour in COLOURED]
PLURALS = [plural for _, _, plural in EMOJI] + [f"{colour} {shape}s" for shape, colour in COLOURED]
THINGS = len(NOUNS)


def with_article(noun):
    return ("an " if noun[0] in "aeio" else "a ") + noun


def capital(text):
    return text[0].upper() + text[1:]
