"""Whether Juju takes a charm: what the controller refuses on upload, and its client before that.

The rules and the texts are those of Juju's charm library (``github.com/juju/charm/v12``). The
rehearsal has them a second time, written apart: it is the witness of this room, and does not
import it.
"""
