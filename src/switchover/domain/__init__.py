"""What Switchover talks about: frozen values and the four plug-in protocols, no behaviour that touches the world.

Every moment is a ``float``: Unix seconds, UTC. Every length of time is a ``float`` in seconds unless the name says
``_ms``.
"""
