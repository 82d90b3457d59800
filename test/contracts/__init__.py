"""What every provider of an interface must do: mixed into one TestCase per provider."""
