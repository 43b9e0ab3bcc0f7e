"""Pictures of circuits: where gates stand, how wires run, as SVG and in a terminal."""
