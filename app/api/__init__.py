"""HTTP: one file per resource, handlers of a few lines. Everything is under /v1 but health and the OpenAPI document."""
