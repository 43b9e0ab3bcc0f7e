"""How good the defaults are on real tables, beside other libraries' defaults."""
