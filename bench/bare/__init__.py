"""The least that Django and REST framework can do with a request: what the service is compared with."""
