"""The API of the embedded controller: TLS, frames, facades, uploads."""
