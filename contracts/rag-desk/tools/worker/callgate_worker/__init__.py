"""An example worker of Callgate."""
