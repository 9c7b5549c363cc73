"""The note transcriber: a public network (basic-pitch), brought into the form in which it is served."""
