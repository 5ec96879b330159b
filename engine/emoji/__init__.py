"""The bundled model: its weights and card, what made it (`train`) and what measures it (`evaluate`)."""
