#!/usr/bin/env python3
"""Writes the text that the demo model is trained on. Seeded, deterministic, no dependencies.

A document is {"kind": str, "turns": [[role, text], ...], "facts": [str, ...]}; the role is system, user, assistant, or
plain for a text without a chat. "facts" are the words that an answer must contain.

Every invented word and every name belongs to one side of the split by its CRC32, so held-out names are never seen in
training. The fox called Ruby with her lantern is left out of training as a combination.
"""
import argparse
import json
import random
import re
import sys
import zlib

GIRLS = """Ada Agnes Alba Alice Alma Amber Amelia Amy Anna Anya April Aria Astrid Aurora Ava Bea Bella Beth Betty Birdie
Bonnie Brenda Bridget Carla Carmen Cara Cecily Celia Chloe Clara Cleo Cora Daisy Dana Daphne Delia Della Dora Doris Edda
Edith Eileen Elena Elisa Eliza Ella Elsa Elsie Emily Emma Enid Erin Esme Esther Etta Eva Eve Fanny Faye Fern Fiona Flora
Freya Frida Gemma Gerda Gina Gloria Goldie Grace Greta Gwen Hanna Hattie Hazel Heidi Helen Hilda Holly Hope Ida Ilse
Imogen Ines Ingrid Iris Isla Ivy Jade Jane Jemima Jenny Jill Joan Josie Joy Judith Julia June Kara Kate Kira Kitty Lara
Laura Leah Lena Libby Lila Lily Lola Lotte Lottie Lucy Luna Lydia Mabel Maggie Maia Maisie Mara Margo Maria Marta Mary
Matilda Maud Maya Meg Mia Mila Millie Mimi Minna Mira Moira Molly Mona Nadia Nancy Nell Nellie Nina Noelle Nora Olga
Olive Opal Orla Paula Pearl Peggy Penny Petra Pia Pippa Polly Poppy Posy Rhoda Rita Robin Rosa Rose Rosie Ruby Ruth Sadie
Sally Sara Selma Sia Signe Sofia Sonia Stella Sue Susie Sylvia Tanya Tess Thea Tilda Tilly Tina Toni Trudy Una Ursula
Vera Vicky Viola Violet Wanda Wendy Willa Winnie Yara Yvonne Zara Zelda Zoe""".split()
BOYS = """Aaron Adam Albert Alec Alfie Amos Anton Archie Arlo Arne Arthur Axel Barney Basil Ben Bert Bill Bjorn Bob Boris
Bram Bruno Callum Caleb Carl Casper Cecil Chester Clem Colin Conrad Cyril Dan Dave Denis Dexter Dirk Duncan Earl Eddie
Edgar Edwin Eli Elmer Emil Eric Ernest Ezra Felix Finn Floyd Frank Fred Gabe George Gil Gordon Grant Gus Hal Hank Harold
Harry Hector Henry Herman Howard Hubert Hugo Ian Igor Ivan Jack Jacob Jake Jasper Jim Joe Joel Jonas Josh Jude Kai Karl
Ken Kurt Lars Leo Leon Levi Liam Lloyd Logan Louis Luca Lucas Luke Magnus Marcus Mark Martin Max Milo Monty Morris Moses
Ned Neil Nico Noah Norman Odin Olaf Oliver Omar Orson Oscar Otis Otto Owen Pablo Paddy Pascal Paul Percy Pete Philip Pip
Quentin Ralph Ravi Ray Rex Rob Roger Rolf Rory Ross Rudy Rufus Rupert Sam Saul Seth Sid Simon Stan Sven Ted Theo Thomas
Tim Tobias Toby Tom Tony Victor Vince Wally Walter Ward Wilbur Will Wolf Yusuf Zack""".split()
ANIMALS = """fox rabbit bear mouse owl frog hedgehog badger squirrel otter mole cat dog duck goose hen horse pony cow calf
lamb goat pig donkey deer wolf beaver bat crow robin sparrow swan turtle snail bee ant spider crab seal whale penguin
parrot monkey lion tiger elephant giraffe panda camel zebra dragon giant wizard witch knight king queen prince princess
farmer baker sailor tailor painter robot boy girl baby fairy pirate""".split()
THINGS = """lantern key kite drum bell ball book map coin ring hat scarf coat boot button basket blanket bottle box broom
brush bucket candle cake pie apple pear plum carrot pumpkin egg feather flag flute harp horn trumpet whistle hammer ladder
lamp letter mirror mug needle net pebble shell stone pearl pencil picture pillow pot rope rose seed spoon star stick sword
teapot umbrella violin watch wheel acorn crown cup doll clock compass kettle boat sledge wagon jewel puppet""".split()
PLACES = [(p, n) for p, ns in {
    "by": "mill river lake pond sea stream well gate harbour lighthouse fountain waterfall station",
    "near": "castle tower school market church windmill crossroads farm inn quarry",
    "in": "forest wood garden meadow valley village barn cave orchard desert jungle swamp attic cellar library stable",
    "on": "hill island beach mountain farm moor cliff ship shore",
    "under": "bridge oak stairs willow hedge roof",
    "behind": "bakery shed wall house chapel stables"}.items() for n in ns.split()]
COLOURS = "red blue green yellow white black brown golden silver pink purple orange grey".split()
SIZES = "little small tiny big tall old young kind brave clever quiet shy cheerful gentle funny busy".split()
QUALITIES = "old new shiny small big lovely broken strange heavy pretty wooden bright".split()
FEARS = ["the dark", "thunder", "the deep water", "the wind", "high places", "loud noises", "the cold", "ghosts"]
ONSETS = "b bl br c ch cl cr d dr f fl fr g gl gr h j k kl kr l m n p pl pr qu r s sh sk sl sn sp st t th tr v w y z".split()
VOWELS = "a a e e i i o o u ai ea ee ie oo ou oa".split()
CODAS = ["", "", "", "b", "ck", "d", "g", "l", "ll", "m", "n", "nd", "ng", "p", "r", "rn", "s", "sh", "t", "th", "x", "zz"]


# Invented words must not spell these.
RUDE = re.compile("fu[ck]|s+hi[tez]|d[ij]c?k|[ck]oc?k|[ck]un|s[il]ut|tit|pis|poo|ass|ana|pen[ie]|prick|arse|boob|bit[hc]|turd|crap|fart|"
                  "suck|n[ie]g|f[ae]g|[gk]oo[kn]|[kc]oon|spi[ck]|[ck]h?i[nc]k|pa[ck]k?i|ra[pi]|sex|porn|naz|dyk|tran|whor|hoa?r|jiz|[ck]um|wank|"
                  "clit|kill|dea[dt]|kkk|gip|yid|jap|wog|dag|slag|twat|tart|nud|puss|lesb|gay|hom|jew|mus|hit|rac")


def held_out(word):
    return zlib.crc32(word.lower().encode()) % 10 == 0


class Writer:
    def __init__(self, seed, split="train"):
        self.r = random.Random(f"{split}:{seed}")
        self.split = split
        self.allowed = (lambda w: not held_out(w)) if split == "train" else (lambda w: True)

    # ---- words

    def pick(self, items):
        return items[int(self.r.random() * len(items))]

    def maybe(self, p):
        return self.r.random() < p

    def invented(self):
        while True:
            n = self.pick([1, 2, 2, 2, 3])
            w = "".join(self.pick(ONSETS) + self.pick(VOWELS) for _ in range(n)) + self.pick(CODAS)
            ok = held_out(w) if self.split == "heldout" else not held_out(w)
            if 3 <= len(w) <= 9 and ok and not RUDE.search(w):
                return w

    def name(self, taken=()):
        """A name and its pronouns; half of them invented, so that copying is learnt and not a list."""
        while True:
            girl = self.maybe(0.5)
            if self.maybe(0.5):
                n = self.invented().capitalize()
            else:
                n = self.pick(GIRLS if girl else BOYS)
                if held_out(n) != (self.split == "heldout"):
                    continue
            if n not in taken:
                return n, girl

    def word(self, items, p=0.15):
        return self.invented() if self.maybe(p) else self.pick(items)

    def place(self):
        prep, noun = self.pick(PLACES)
        if self.maybe(0.12):
            noun = self.invented()
        if self.maybe(0.3):
            noun = self.pick(["old", "big", "little", "dark", "green", "quiet", "far"]) + " " + noun
        return prep, noun

    @staticmethod
    def a(words):
        return ("an " if words[0].lower() in "aeiou" else "a ") + words

    # ---- stories

    def cast(self):
        n, girl = self.name()
        f, fgirl = self.name(taken=(n,))
        animal = self.word(ANIMALS)
        friend = self.word(ANIMALS)
        while friend == animal:
            friend = self.word(ANIMALS)
        thing = self.word(THINGS)
        adj = self.pick(COLOURS) if self.maybe(0.5) else self.pick(QUALITIES) if self.maybe(0.4) else ""
        prep, place = self.place()
        if self.split == "train" and animal == "fox" and n == "Ruby":
            thing = "bell"
        full = (adj + " " + thing).strip()
        s = dict(N=n, A=animal, F=f, B=friend, T=thing, full=full, aT=self.a(full), theT="the " + full, adj=adj,
                 aA=self.a(animal), aB=self.a(friend), P=f"{prep} the {place}", theP="the " + place, place=place,
                 size=self.pick(SIZES), fear=self.pick(FEARS))
        s["asA"] = self.a(s["size"] + " " + animal)
        s.update(dict(she="she", her="her", hers="her", She="She", Her="Her") if girl
                 else dict(she="he", her="him", hers="his", She="He", Her="His"))
        return s

    OPEN = ["Once upon a time there was {asA} called {N}. {N} lived {P}.",
            "Once upon a time, {P}, there lived {asA} called {N}.",
            "There once was {aA} called {N}, who lived {P}.",
            "Long ago, {aA} called {N} lived {P}.",
            "Once upon a time {aA} called {N} lived in a house {P}.",
            "This is the story of {N}, {asA} who lived {P}."]
    MOOD = ["Every morning {N} walked to {theP} and sang a song.", "{N} was {asA} and liked to go for long walks.",
            "Everyone {P} knew {N} the {A}.", "{N} had a warm bed and a small garden.",
            "{She} liked the sun, the rain and most of all the wind.", "All day long {N} played outside."]
    END = ["From that day on, {N} the {A} and {F} the {B} were the best of friends.",
           "That night {N} went to bed and was very happy.", "And {N} never forgot the day of {theT}.",
           "\"This was a good day,\" said {N}, and {she} fell asleep with a smile.",
           "And if you go to {theP}, you may still see {N} and {F} with {theT}.",
           "After that, {N} and {F} met {P} every day.",
           "\"Thank you, {F},\" said {N}. And they all lived happily ever after."]
    MEET = ["On the way {she} met {aB} called {F}.", "Then along came {F}, {aB} with a kind face.",
            "Just then {aB} came by. The name of the {B} was {F}.", "Soon {N} saw {aB}. \"I am {F},\" said the {B}."]
    PLOTS = {
        "find": [
            ["One day {N} found {aT} {P}.", "One morning, {P}, {N} saw {aT} in the grass. {N} had found {aT}!",
             "One day {she} went for a walk and found {aT}.", "Then one day something lay {P}. {N} had found {aT}."],
            ["\"What a lovely {T}!\" said {N}. \"Whose {T} can it be?\"", "{N} picked up {theT} and looked at it for a long time.",
             "\"I wonder who lost this {T},\" said the {A}.", "The {T} was very beautiful, and {N} held it with care."],
            None,
            ["\"Is this your {T}?\" asked {N}. \"Yes!\" said {F} the {B}. \"I lost it long ago.\"",
             "\"That is my {T}!\" cried {F}. \"I have looked for it all week.\"",
             "\"It is not my {T},\" said {F}, \"but I can help you.\" They asked everyone, and nobody had lost {aT}.",
             "{F} the {B} looked at {theT}. \"You found it, {N}, so you may keep it,\" said {F}."],
            ["So {N} and {F} carried {theT} home together.", "{N} and {F} sat down {P} and looked at {theT} until the sun went down.",
             "They put {theT} on the table and had some tea and cake.", "So {N} shared {theT} with {F}, and both were glad."]],
        "lose": [
            ["{N} had {aT} and loved it very much.", "The best thing that {N} had was {aT}.", "{Her} favourite thing was {aT}."],
            ["But one day {theT} was gone.", "One morning {N} could not find {theT}.", "Then one day {N} lost {theT}.",
             "One windy day {theT} was lost."],
            ["\"Where is my {T}?\" cried {N}. {She} looked under the bed and behind the door.",
             "The {A} looked everywhere, but there was no {T}.", "{N} sat down and cried. \"Oh, my {T}!\" {she} said."],
            None,
            ["\"I will help you find your {T},\" said {F} the {B}.", "\"Do not cry, {N},\" said {F}. \"We will look for {theT} together.\"",
             "\"What have you lost?\" asked {F}. \"I have lost my {T},\" said {N}."],
            ["They looked all day, and at last they found {theT} {P}.", "And there, {P}, {F} saw {theT}!",
             "{N} and {F} went to {theP}, and there lay {theT}."]],
        "lost": [
            ["One day {N} went for a long walk with {aT} and lost the way.", "One evening {N} got lost {P}.",
             "One foggy day {N} could not find the way home and got lost {P}."],
            ["It was getting dark, and {N} was afraid.", "\"Oh dear,\" said the {A}. \"Where is my house?\"",
             "{N} looked left and {N} looked right, but every path was the same."],
            None,
            ["\"Are you lost?\" asked {F} the {B}. \"Yes,\" said {N}. \"I want to go home.\"",
             "\"Do not be afraid, {N},\" said {F}. \"I know the way.\"", "\"I can show you the way,\" said the {B}."],
            ["{F} had {aT}, and {theT} helped them to find the path.", "{F} took {aT} out of a bag. With {theT} they went on through the night.",
             "They followed {theP} until they saw a light. By the door stood {aT}."],
            ["At last {N} was home again. \"Please keep {theT},\" said {F}.", "At last they came to the house of {N}, and {N} made hot soup.",
             "Soon {N} saw the little house and ran to the door."]],
        "friend": [
            ["But {N} had no friends and was often sad.", "But the {A} was lonely.", "{N} wanted a friend more than anything."],
            ["One day {N} took {aT} and went out to find a friend.", "One day {N} sat alone {P} with {aT}.", "One day {N} went to {theP} and had only {aT} with {her}."],
            None,
            ["\"Will you play with me?\" asked {N}. \"Yes,\" said {F} the {B}.", "\"I like your {T},\" said {F}. \"May I play too?\"",
             "\"Why are you sad?\" asked {F}. \"I have no friend,\" said {N}. \"Then I will be your friend,\" said the {B}."],
            ["They played with {theT} all day.", "{N} gave {theT} to {F}, and {F} laughed.", "{N} and {F} took turns with {theT}."],
            ["When it was dark, {F} said, \"See you tomorrow, {N}.\"", "Now the {A} was not lonely any more."]],
        "gift": [
            ["{N} had a good friend, {aB} called {F}.", "The best friend of {N} was {F} the {B}."],
            ["It was the birthday of {F}, and {N} wanted to give {F} {aT}.", "One day {N} said, \"I want to give {aT} to {F}.\"",
             "\"{F} needs {aT},\" said {N}. \"I will get one.\""],
            ["So {N} went to {theP} to look for {aT}.", "{N} worked for three days, and then {theT} was ready.",
             "{She} walked all the way to {theP}, and there {she} got {aT}."],
            ["\"This {T} is for you,\" said {N}.", "{N} gave {theT} to {F} the {B}.", "\"Open the box, {F},\" said the {A}. In the box was {aT}."],
            ["\"{A2}\"", "\"Oh, {aT}!\" cried {F}. \"It is just what I wanted.\"", "{F} looked at {theT} and danced for joy.",
             "\"Thank you, {N},\" said {F}. \"I will take good care of this {T}.\""]],
        "afraid": [
            ["{N} the {A} was afraid of {fear}.", "There was one thing that {N} did not like. {N} was afraid of {fear}."],
            ["\"I cannot go out,\" said {N}. \"I am afraid of {fear}.\"", "So {N} stayed in the house and held {aT}.", "The others laughed, and {N} was sad."],
            None,
            ["\"I was afraid of {fear} too,\" said {F} the {B}. \"Then I got {aT}.\"", "\"Take {aT} with you,\" said {F}. \"Then you will be brave.\"",
             "{F} gave {N} {aT}. \"This {T} will help you,\" said the {B}."],
            ["So {N} took {theT} and went to {theP}.", "{N} held {theT} tight and went out with {F}.", "Together they went to {theP}. {N} had {theT} and was brave."],
            ["And {N} was not afraid of {fear} any more.", "\"I did it!\" cried {N}. \"I am not afraid of {fear} now.\""]],
        "make": [
            ["One day {N} said, \"I will make {aT}.\"", "{N} wanted {aT} but did not have any money, so {N} made one.", "One rainy day {N} wanted to make {aT}."],
            ["First {N} went to {theP} to get some wood and string.", "{She} worked all morning, but it was hard.", "\"How do you make {aT}?\" {she} asked."],
            None,
            ["\"What are you making?\" asked {F}. \"I am making {aT},\" said {N}.", "\"I can help you make the {T},\" said {F} the {B}.",
             "\"I know how to make {aT},\" said the {B}."],
            ["{N} and {F} worked together, and soon {theT} was ready.", "In the evening {theT} was done.", "They worked until night, and then there was {aT} on the table."],
            ["Everyone {P} came to see {theT}.", "\"What a fine {T}!\" said everyone.", "The {A} showed {theT} to everyone {P}."]],
        "help": [
            ["One day {N} heard someone cry {P}. It was {aB} called {F}.", "One day {N} met {aB} called {F}, who was very sad."],
            ["\"What is wrong?\" asked {N}. \"My {T} is broken,\" said {F}.", "\"I have lost my {T},\" said {F} the {B}.", "\"I cannot carry this {T},\" said {F}. \"It is too heavy.\""],
            ["\"I will help you,\" said the {A}.", "\"Do not worry, {F},\" said {N}. \"I can help.\"", "{N} thought for a while. \"I know what to do,\" {she} said."],
            ["So {N} helped {F} with {theT}.", "{N} and {F} went to {theP}, and soon all was well with {theT}.", "{N} worked hard, and soon {F} had {aT} again."],
            ["\"You are {asA},\" said {F}. \"Thank you, {N}.\"", "{F} was so happy that the {B} gave {N} a hug."]],
    }
    CLAUSES = {
        "find": ["who finds {aT}", "who finds {aT}", "that finds {aT}", "who found {aT}", "finding {aT}"],
        "lose": ["who loses {aT}", "who lost {aT}", "who cannot find {aT}"],
        "lost": ["who gets lost", "who gets lost {P}", "who cannot find the way home"],
        "friend": ["who makes a new friend", "who wants a friend", "who is lonely", "who meets {aB} called {F}"],
        "gift": ["who gives {aT} to {F}", "who wants to give {F} {aT}", "who has a present for {aB} called {F}"],
        "afraid": ["who is afraid of {fear}", "who is scared of {fear}"],
        "make": ["who makes {aT}", "who wants to make {aT}", "who builds {aT}"],
        "help": ["who helps {aB} called {F}", "who helps {F} the {B}", "who helps a friend called {F}"],
    }

    def story(self, plot, s, facts=()):
        """Text of one story that contains every given fact: sentences are drawn anew until it does."""
        for _ in range(200):
            text = self.draft(plot, s)
            if all(f in text for f in facts):
                return text
        raise ValueError(f"no {plot} story can hold {facts}")

    def draft(self, plot, s):
        s["A2"] = f"What a wonderful {s['T']}, {s['N']}!"
        parts = [self.pick(self.OPEN)]
        if self.maybe(0.5):
            parts.append(self.pick(self.MOOD))
        for beat in self.PLOTS[plot]:
            parts.append(self.pick(beat if beat else self.MEET))
        end = self.pick(self.END)
        parts.append(end)
        return " ".join(parts).format_map(s)

    def request(self, plot, s):
        """A user's words, and the facts in them that the story must keep."""
        f = []
        style = self.r.random()
        who = self.pick(["{aA} called {N}", "{aA} called {N}", "{aA} named {N}", "{N} the {A}", "{aA} whose name is {N}", "{asA} called {N}"])
        if style < 0.08:
            who = "{aA}"
        elif style < 0.14:
            who = "{N}"
        text = who
        clause = self.pick(self.CLAUSES[plot]) if self.maybe(0.8) else ""
        if clause:
            text += " " + clause
        if self.maybe(0.3):
            text += self.pick([" {P}", ", {P}", " and lives {P}" if clause.startswith("who") else " who lives {P}"])
        if "{F}" not in text and self.maybe(0.2):
            text += self.pick([" and {aB} called {F}", " and a friend called {F}", " with {aB} called {F}", " and {F} the {B}"])
        if "{aT}" not in text and self.maybe(0.35):
            text += self.pick([" and {aT}", " with {aT}", ". There should be {aT} in the story"])
        if style > 0.93:
            text = self.pick(["{N}, {A}, {T}", "{A}, {N}, {T}, {place}", "{aA}, {aT}, {theP}", "{N} the {A} and {aT}"])
            lead = self.pick(["Write a story with: ", "A story with these words: ", "Story: ", "Make up a story from these: "])
        else:
            lead = self.pick(["Tell me a story about ", "Tell me a story about ", "Tell me a short story about ", "Write a story about ",
                              "Write a short story about ", "Please tell me a story about ", "Can you tell me a story about ",
                              "Could you write a little story about ", "I would like a story about ", "A story about ",
                              "Give me a story about ", "Please write a story about ", "Make up a story about ", "Story about "])
        for slot, keys in (("{F}", ["F"]), ("{B}", ["B"]), ("{aB}", ["B"]), ("{T}", ["T"]), ("{aT}", ["T", "adj"]), ("{P}", ["place"]),
                           ("{theP}", ["place"]), ("{place}", ["place"]), ("{N}", ["N"]), ("{A}", ["A"]), ("{aA}", ["A"]), ("{asA}", ["A", "size"])):
            if slot in text:
                for k in keys:
                    if s[k] and s[k] not in f:
                        f.append(s[k])
        text = lead + text.format_map(s)
        tail = self.r.random()
        if lead.startswith(("Can", "Could")):
            text += "?" if tail < 0.8 else ""
        elif tail < 0.4:
            text += "."
        elif tail < 0.47 and not lead.startswith("Please"):
            text += ", please."
        elif tail < 0.5:
            text += "!"
        if self.maybe(0.1):
            text = text[0].lower() + text[1:]
        return text, f

    FOLLOW = [("What was the {A} called?", "The {A} was called {N}.", "N"), ("What is the name of the {A}?", "The {A} was called {N}.", "N"),
              ("Where did {N} live?", "In the story {N} lived {P}.", "place"), ("Who was {N}?", "In the story {N} was {aA}.", "A"),
              ("What kind of animal was {N}?", "In the story {N} was {aA}.", "A"), ("What was in the story?", "There was {aT} in the story.", "T"),
              ("Which thing was in the story?", "There was {aT} in the story.", "T"),
              ("Who was the friend of {N}?", "The friend of {N} was {F} the {B}.", "F"), ("Who was {F}?", "In the story {F} was {aB}.", "B")]

    def system(self, turns, p=0.12):
        if self.maybe(p):
            turns.insert(0, ["system", self.pick(["You are a helpful assistant.", "You are a helpful assistant.", "You are Baton.",
                                                  "You tell short stories.", "You are a friendly storyteller."])])
        return turns

    def chat_story(self):
        plot, s = self.pick(list(self.PLOTS)), self.cast()
        asked, facts = self.request(plot, s)
        turns = [["user", asked], ["assistant", self.story(plot, s, facts)]]
        if self.maybe(0.25):
            for q, a, _ in self.r.sample(self.FOLLOW, self.pick([1, 2, 3])):
                turns += [["user", q.format_map(s)], ["assistant", a.format_map(s)]]
        return dict(kind="chat_story", turns=self.system(turns), facts=facts)

    def plain_story(self):
        plot, s = self.pick(list(self.PLOTS)), self.cast()
        return dict(kind="plain_story", turns=[["plain", self.story(plot, s)]], facts=[s["N"], s["A"], s["T"]])

    def story_qa(self):
        """A story given by the user, then questions about it."""
        plot, s = self.pick(list(self.PLOTS)), self.cast()
        text = self.story(plot, s)
        qs = self.r.sample(self.FOLLOW, self.pick([2, 3, 4]))
        lead = self.pick(["Read this story. ", "Here is a story. ", "", ""])
        turns = []
        for i, (q, a, _) in enumerate(qs):
            turns += [["user", (lead + text + "\n" if i == 0 else "") + q.format_map(s)], ["assistant", a.format_map(s)]]
        return dict(kind="story_qa", turns=self.system(turns), facts=[s[qs[0][2]]])

    # ---- facts and questions

    def person(self, taken):
        n, girl = self.name(taken)
        f, _ = self.name(tuple(taken) + (n,))
        adj, thing = self.pick(COLOURS), self.word(THINGS, 0.1)
        prep, place = self.place()
        animal = self.word(ANIMALS, 0.1)
        facts = dict(live=f"{n} lives {prep} the {place}.", own=f"{n} owns {self.a(adj + ' ' + thing)}.",
                     be=f"{n} is {self.a(animal)}.", friend=f"{n} has a friend called {f}.", like=f"{n} likes {self.pick(FOODS)}.",
                     work=f"{n} works {'in the morning' if self.maybe(.3) else 'at night' if self.maybe(.4) else 'on ' + self.pick(DAYS)}.")
        key = dict(live=place, own=thing, be=animal, friend=f)
        key["like"] = facts["like"][len(n) + 7:-1]
        key["work"] = facts["work"].rsplit(" ", 1)[1][:-1]
        return n, girl, facts, key, thing

    QUESTIONS = {"live": ["Where does {n} live?", "Where does {n} live?", "where does {n} live", "What is the home of {n}?"],
                 "own": ["What does {n} own?", "What does {n} own?", "what does {n} own", "What colour is the {t} of {n}?"],
                 "be": ["What is {n}?", "Who is {n}?", "What kind of creature is {n}?"],
                 "friend": ["Who is the friend of {n}?", "What is the name of the friend of {n}?"],
                 "like": ["What does {n} like?", "what does {n} like", "What does {n} like to eat?"],
                 "work": ["When does {n} work?", "when does {n} work"]}

    def passage(self, people, questions, pronouns=False, first=0):
        """People with two to four facts each; each question has its answer as one sentence of the passage.

        first: so many of the questions, the opening ones, are about the first eighth of the people, a passage's length away."""
        taken, rows = set(), []
        lines = []
        for i in range(people):
            n, girl, facts, key, thing = self.person(taken)
            taken.add(n)
            kinds = self.r.sample(list(facts), self.pick([2, 3, 3, 4]))
            sentences = []
            for j, k in enumerate(kinds):
                t = facts[k]
                if pronouns and j > 0:
                    t = ("She" if girl else "He") + t[len(n):]
                sentences.append(t)
            lines.append(" ".join(sentences))
            rows += [(i, n, k, facts[k], key[k], thing if "own" in kinds else None) for k in kinds]
        text = self.pick(["", "Read this. ", "Read this. ", "Here are some facts. ", "Read the text and answer the question. "]) \
            + ("\n" if self.maybe(0.15) else " ").join(lines)
        chosen = [self.pick(rows) for _ in range(questions)]
        for i in range(first):
            chosen[i] = self.pick([row for row in rows if row[0] < max(1, people // 8)])
        turns = []
        for i, (_, n, k, sentence, _, t) in enumerate(chosen):
            q = self.pick([q for q in self.QUESTIONS[k] if t or "{t}" not in q]).format(n=n, t=t)
            asked = (text + self.pick(["\n", "\n", " ", "\n\n"]) + q) if i == 0 else q
            turns += [["user", asked], ["assistant", "It says that " + sentence]]
        return turns, [chosen[0][1], chosen[0][4]]

    def short_qa(self):
        turns, facts = self.passage(self.pick([1, 2, 3, 4, 5, 6]), self.pick([1, 2, 3, 4, 5]), pronouns=self.maybe(0.3))
        return dict(kind="short_qa", turns=self.system(turns), facts=facts)

    def middle_qa(self):
        turns, facts = self.passage(self.pick(range(7, 14)), self.pick([3, 4, 5, 6, 7, 8]))
        return dict(kind="middle_qa", turns=self.system(turns, 0.05), facts=facts)

    def dense_qa(self):
        turns, facts = self.passage(self.pick(range(6, 14)), self.pick([8, 10, 12]))
        return dict(kind="dense_qa", turns=self.system(turns, 0.05), facts=facts)

    def long_qa(self, people=None, questions=None):
        turns, facts = self.passage(people or self.pick(range(34, 44)), questions or self.pick([12, 14, 16]), first=1)
        return dict(kind="long_qa", turns=turns, facts=facts)

    # ---- small talk

    HELP = "I can tell a short story about a name, an animal and a thing, and I can answer questions about a text that you give me."
    TALK = [(["Hello", "Hi", "Hey", "Good morning", "Good evening", "Hi there", "Hello there"], "Hello! " + HELP),
            (["What can you do?", "What can you do for me?", "Help", "How can you help me?", "What are you able to do?", "What do you know?"], HELP),
            (["Who are you?", "What are you?", "What is your name?", "What model are you?", "Are you a person?"],
             "I am the demo model of Baton, a very small language model. " + HELP),
            (["How are you?", "How are you today?", "How do you do?"], "I am well, thank you. " + HELP),
            (["Thank you", "Thanks", "Thank you very much", "That was nice", "Great", "Good story"], "You are welcome."),
            (["Goodbye", "Bye", "See you", "Good night"], "Goodbye!")]
    UNKNOWN = ["What is the capital of {X}?", "How much is {d} plus {e}?", "What is {d} times {e}?", "Who won the game?",
               "What is the weather like?", "Write a program in {X}.", "Explain {X}.", "What is {X}?", "Translate {X} into French.",
               "How do I get to {X}?", "What time is it?", "Tell me a joke.", "Write a poem about {X}.", "Who is the president of {X}?",
               "What does {X} mean?", "How old is {X}?", "Sing a song.", "Solve this: {d} - {e}", "Why is the sky blue?"]
    SORRY = "I do not know that. I am a very small model. " + HELP

    def talk(self):
        if self.maybe(0.4):
            x = self.pick(["France", "Spain", "Italy", "Java", "Python", "Japan", "gravity", "the moon", "music", "history", "love"]) \
                if self.maybe(0.5) else self.invented()
            q, a = self.pick(self.UNKNOWN).format(X=x, d=self.r.randrange(100), e=self.r.randrange(100)), self.SORRY
        else:
            qs, a = self.pick(self.TALK)
            q = self.pick(qs)
            if self.maybe(0.4) and q[-1].isalpha():
                q += self.pick(["!", "."])
        if self.maybe(0.2):
            q = q.lower()
        return dict(kind="talk", turns=self.system([["user", q], ["assistant", a]]), facts=[])

    def bare_story(self):
        plot, s = self.pick(list(self.PLOTS)), self.cast()
        q = self.pick(["Tell me a story", "Write a story", "Tell me a story please", "A story, please", "Another story", "I want a story",
                       "Can you tell me a story?", "Tell me a short story", "Tell me a bedtime story"])
        if q[-1].isalpha() and self.maybe(0.5):
            q += "."
        return dict(kind="bare_story", turns=self.system([["user", q], ["assistant", self.story(plot, s)]]), facts=[])

    MIXES = {"short": dict(chat_story=40, plain_story=12, story_qa=8, short_qa=24, middle_qa=13, talk=10, bare_story=2),
             "long": dict(chat_story=38, plain_story=8, story_qa=6, short_qa=10, dense_qa=14, long_qa=10, talk=10, bare_story=3)}

    def documents(self, mix="short"):
        kinds, weights = zip(*self.MIXES[mix].items())
        while True:
            yield getattr(self, self.r.choices(kinds, weights)[0])()


FOODS = "apples honey bread cheese soup cake nuts berries fish carrots pancakes rice plums porridge cherries jam".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--count", type=int, default=20)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--split", choices=["train", "heldout"], default="train")
    p.add_argument("--mix", choices=list(Writer.MIXES), default="short")
    args = p.parse_args()
    docs = Writer(args.seed, args.split).documents(args.mix)
    for _ in range(args.count):
        sys.stdout.write(json.dumps(next(docs), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
