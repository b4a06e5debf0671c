"""A point's areas in MapIt's manner: Django on tables of generations, areas, codes and pieces.

What a request does there it does here: find the current generation, find the areas whose pieces
(ST_Subdivide, 255 vertices) cover the point, with type, country and parent, then each area's codes,
and answer all of it as JSON. Left out: MapIt's rate limit, sessions, caches, translations, names,
lists of countries, HTML, and any other URL; the real one does more for each request. Our own code.
"""
