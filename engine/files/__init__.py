"""Models on this machine and on the hub: found, recognised and checked before anything is loaded."""
