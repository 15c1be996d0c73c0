"""Times that sort and that nobody misreads; all are UTC."""

DATETIME_FORMAT = "Y-m-d H:i:s"
