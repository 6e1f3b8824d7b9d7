"""What an assignment costs, measured beside the same stack without it: `make bench`.

arrivals, growth, long_queue, importing, memory, profiled, shapes   the parts, some tables each
part, bars, report        what a part is given, what it is held against, what is written down
rounds                    interleaved rounds: samples, medians, ratios
load, asking              a load: what is asked, and by which generator
wrk, load.lua, own_load   the two generators
running, stage            database servers and gunicorn; one application with its world
world, past               what is stored before a run (processes of their own, as the next four)
promises                  whether all promises hold after a run, else it is void
pages, page_turns, polls  the pages, in one world; in several in turns; polls over HTTP
supervisor                who looks at them
work                      an import, and a queue freed place by place
profiling, layers         one arrival, taken apart
processes, server_logs    what /proc and the servers' logs tell
watched_sqlite            a connection that writes down refusals of a locked database
floor                     pgbench
settings, urls            the application's, with the views that it is compared with
"""
