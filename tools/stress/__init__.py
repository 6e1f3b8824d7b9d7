"""The large proof over HTTP, `make stress`: load, kills and crashes, then a look at what is left.

plan       what is done by whom, decided by the seed alone
stage      the operators, sources and weights that it is done with
servers    gunicorn and the database under it
killers    kill -9 for workers, crashes for PostgreSQL, at planned points
calls      one request, sent until it is answered
clients    processes that post contacts, move them, and change settings; they keep every answer
phases     equal posts at the same moment, races for the last place
checks     what must hold in the database at any moment
evidence   what must agree between the database and the answers kept
inspector  the process that looks into the database
fuzz       examples made from the OpenAPI document, after all this, on a database of their own
fuzz_hooks what keeps their answers
run        one run from start to end
report     the tables
"""
