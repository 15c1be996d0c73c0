"""Long operations as rows: seen while they run, cancelled, retried, and gone on with when their worker dies.

`claims` claims and releases them, `working` gives each to the flow of its kind, `steps` is the flow of those that go
step by step. The rooms above register what they can do.
"""
