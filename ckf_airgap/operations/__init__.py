"""What the commands do, one function each, for programs as well."""
