"""What the pages of retention share."""

ACTION_COLOURS = {"archive": "warning", "delete": "danger", "move to cold storage": "info"}
