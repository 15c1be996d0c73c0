"""The database engine of the settings: Django's for PostgreSQL, timed by django-prometheus."""
