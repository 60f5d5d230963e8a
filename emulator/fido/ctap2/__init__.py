"""The CTAP2 commands, one a file: a parsed ``Request`` and a ``run`` that answers it."""
