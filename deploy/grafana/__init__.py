"""Grafana's dashboards: `python -m deploy.grafana` writes them as JSON from the modules here, one for each."""
