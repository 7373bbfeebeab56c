"""A small Qovery that fits in a process: for rehearsals, for tests, and for pointing any other client at.

The world (`world`, built by `seeding`) is pure and needs nothing but the standard library; `app` puts the API over it,
`transport` carries requests there in process, `server` over a port. These three need the `simulator` extra, so nothing
is imported from here: import the module that you need.
"""
