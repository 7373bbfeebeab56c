"""A simulated Qovery: for rehearsals, for tests, and for any other client.

The world (`world`, built by `seeding`) is pure and needs only the standard library. `app` is the API on top of it,
`transport` carries requests to the API in-process, `server` over a port. These three need the `simulator` extra, so
this package imports nothing: import the module that you need.
"""
