"""Made-up operators, sources, people and contacts, to look at and to try things on."""
