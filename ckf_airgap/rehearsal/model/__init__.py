"""The models of the embedded controller: what it holds and which changes it takes."""
